"""The digit it never saw: a student recognises what only its teacher has seen."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from kdcore.data import digits
from kdcore.experiments.result import AnyResult, Row
from kdcore.experiments.unseen_class import (
    EXPERIMENT,
    Look,
    OneStudent,
    UnseenClassSettings,
    look_into,
    seen_rows,
    unseen_pattern,
)
from kdcore.figures import confusion_figure, recall_figure, shift_figure
from kdcore.settings import OMIT
from kdcore.statistics import Interval
from kdcore.unseen import balancing_shift, shifted
from pages.common import charts, digit_images
from pages.common.lesson import Lesson
from pages.common.widgets import Named

#: Images of never-seen digits shown at once, right or wrong.
IMAGES_SHOWN = 12

#: Constants that the chart of the shift is drawn at: this many to the slider's end.
SHIFT_STEP, ROOM_BEYOND_RULE = 0.25, 4


def students_to_look_into(text: dict[str, Any]) -> list[Named]:
    """Return the control that chooses one of the first seed's students."""
    look = text["look"]
    options = {"hard": look["hard"]} | {
        f"{t:g}": look["soft"].format(temperature=f"{t:g}")
        for t in UnseenClassSettings().temperatures
    }
    return [Named("taught_by", look["shown"], look["shown_help"], options, "2")]


lesson = Lesson(
    "unseen_digit",
    UnseenClassSettings,
    ["omit", "student_hidden"],
    extras=students_to_look_into,
)
controls, words = lesson.controls, lesson.words


def settings() -> UnseenClassSettings:
    """Return the settings of the run from the controls."""
    if not 1 <= len(controls["omit"]) <= OMIT.longest:
        raise ValueError(words["how_many"])
    return controls.settings(UnseenClassSettings, omit=tuple(sorted(controls["omit"])))


def recall_of(result: AnyResult, row: Row, corrected: bool = False) -> Interval:
    """Return a row's recall on the omitted digits, as trained or after the bias correction."""
    return result.interval(row, "unseen_recall_corrected" if corrected else "unseen_recall")


def named(digits_left_out: tuple[int, ...]) -> str:
    """Write digits as ``3`` or ``3, 5``."""
    return ", ".join(map(str, digits_left_out))


def show_recall(result: AnyResult, run: UnseenClassSettings) -> None:
    """The finding: recall over temperature, against hard labels."""
    text, (hard, *rows) = words["recall"], result.rows
    st.subheader(text["heading"], anchor=False)
    images = len(seen_rows(digits(run.split).training.labels, run.omit))
    st.markdown(text["omitted"].format(digits=named(run.omit), images=images))
    recalls = {
        key: [recall_of(result, row, key == "corrected") for row in rows]
        for key in ("plain", "corrected")
    }
    hards = {key: recall_of(result, hard, key == "corrected") for key in recalls}
    sentences = {
        key: ", ".join(
            text["point"].format(temperature=f"{t:g}", recall=charts.percent(recall))
            for t, recall in zip(run.temperatures, values, strict=True)
        )
        for key, values in recalls.items()
    }
    lesson.chart(
        recall_figure(run.temperatures, recalls, hards, text["x"], text["y"], text),
        charts.table(result.rows),
        text["alternative"].format(
            digits=named(run.omit),
            hard=charts.percent(hards["plain"]),
            hard_corrected=charts.percent(hards["corrected"]),
            soft=sentences["plain"],
            corrected=sentences["corrected"],
        ),
        key="recall",
    )
    st.markdown(best_in_words(result))


def best_in_words(result: AnyResult) -> str:
    """Say how many of the images are read at the best temperature, and with hard labels."""
    hard, *rows = result.rows
    best = max(rows, key=lambda row: float(row["unseen_recall"]))
    said: str = words["recall"]["best"].format(
        hard=charts.percent(recall_of(result, hard)),
        temperature=f"{best['temperature']:g}",
        soft=charts.percent(recall_of(result, best)),
        corrected=charts.percent(recall_of(result, best, corrected=True)),
    )
    return said


def show_published() -> None:
    """What was published, beside what was measured."""
    text = words["published"]
    with st.container(border=True, key="published"):
        st.subheader(text["heading"], anchor=False)
        st.markdown(text["text"])
        charts.provenance(text["provenance"])


def show_student(run: UnseenClassSettings, students: tuple[OneStudent, ...]) -> None:
    """One student to look into: choose it, shift its logits, and see what it answers."""
    text = words["look"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    taught_by = controls["taught_by"]
    which = ["hard", *(f"{t:g}" for t in run.temperatures)].index(taught_by)
    student = students[which]
    with st.container(key="look-controls", horizontal=True, vertical_alignment="bottom"):
        controls.show("taught_by")
        shift = choose_shift(run, student)
    look = look_into(student, run.omit, shift, run.split)
    for column, name, value in zip(
        st.columns(3),
        ("unseen", "seen", "all"),
        (look.unseen_recall, look.seen_accuracy, look.accuracy),
        strict=True,
    ):
        column.metric(text[name], f"{100 * value:.1f} %")
    left, right = st.columns(2, gap="large")
    with left:
        show_shift(run, student, look)
    with right:
        show_confusion(run, look)
    show_images(look, run.split)


def shift_end(student: OneStudent) -> float:
    """Return where the slider ends: some way beyond the rule."""
    return float(math.ceil(student.shifts.max().item()) + ROOM_BEYOND_RULE)


def choose_shift(run: UnseenClassSettings, student: OneStudent) -> float:
    """Draw the slider and the rule's button; return the shift that is set."""
    text = words["look"]
    # Another student, another scale: each keeps a shift of its own.
    key = controls.key(f"shift-{run}-{controls['taught_by']}")
    st.session_state.setdefault(key, 0.0)

    def use_rule() -> None:
        st.session_state[key] = round(student.mean_shift, 1)

    shift: float = st.slider(
        text["shift"],
        0.0,
        shift_end(student),
        step=0.1,
        format="%+.1f",
        key=key,
        help=text["shift_help"],
    )
    st.button(text["use_rule"], on_click=use_rule, icon=":material/balance:")
    return shift


def show_shift(run: UnseenClassSettings, student: OneStudent, look: Look) -> None:
    """Recall and accuracy of this student at every shift, with the rule marked."""
    text = words["shift"]
    st.subheader(text["heading"], anchor=False)
    steps = round(shift_end(student) / SHIFT_STEP)
    looks = [
        look_into(student, run.omit, SHIFT_STEP * step, run.split) for step in range(steps + 1)
    ]
    rules = dict(zip(run.omit, student.shifts.tolist(), strict=True))
    values = ", ".join(
        words["look"]["rule_one"].format(digit=digit, shift=f"{shift:+.1f}")
        for digit, shift in rules.items()
    )
    names = text | {"rule": text["mean_rule" if len(rules) > 1 else "rule"]}
    charts.show(
        shift_figure(looks, look.shift, student.mean_shift, text["x"], text["y"], names),
        charts.table(
            [
                {
                    text["x"]: each.shift,
                    text["unseen"]: each.unseen_recall,
                    text["seen"]: each.seen_accuracy,
                }
                for each in looks
            ]
        ),
        text["alternative"].format(
            low=f"{looks[0].shift:g}",
            high=f"{looks[-1].shift:g}",
            here=f"{look.shift:+.1f}",
            unseen=f"{100 * look.unseen_recall:.1f} %",
            seen=f"{100 * look.seen_accuracy:.1f} %",
            rules=values,
        ),
        key="shift",
    )
    st.caption(words["look"]["rule"].format(values=values, digits=named(run.omit)))
    if len(rules) > 1:
        st.caption(words["look"]["several"])


def show_confusion(run: UnseenClassSettings, look: Look) -> None:
    """What this student takes for what, with the shift that is set."""
    text = words["confusion"]
    counts = look.confusion.tolist()
    st.subheader(text["heading"], anchor=False)
    charts.show(
        confusion_figure(look.confusion, run.omit, text["x"], text["y"]),
        charts.table(
            [
                {text["table_row"]: digit} | {str(answer): n for answer, n in enumerate(row)}
                for digit, row in enumerate(counts)
            ]
        ),
        text["alternative"].format(
            rows="; ".join(
                text["row"].format(
                    digit=digit,
                    answers=", ".join(
                        text["answer"].format(count=count, answer=answer)
                        for answer, count in enumerate(counts[digit])
                        if count
                    ),
                )
                for digit in run.omit
            )
        ),
        key="confusion",
    )
    st.caption(text["explain"])


def show_images(look: Look, split: int) -> None:
    """Some of the never-seen digits, right and wrong."""
    text, test = words["images"], digits(split).test
    total = len(look.right) + len(look.wrong)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{text['right'].format(count=len(look.right), of=total)}**")
        show_some(
            look.right,
            [text["right_alternative"].format(label=int(test.labels[i])) for i in look.right],
            [str(int(test.labels[i])) for i in look.right],
            split,
        )
    with right:
        st.markdown(f"**{text['wrong'].format(count=len(look.wrong), of=total)}**")
        show_some(
            [index for index, _ in look.wrong],
            [
                text["wrong_alternative"].format(label=int(test.labels[i]), answer=answer)
                for i, answer in look.wrong
            ],
            [text["wrong_caption"].format(answer=answer) for _, answer in look.wrong],
            split,
        )


def show_some(indices: list[int], alternatives: list[str], captions: list[str], split: int) -> None:
    """Show the first few of these test images, and say that there are more."""
    text = words["images"]
    if not indices:
        st.caption(text["none"])
        return
    digit_images.show(
        [digits(split).test.inputs[i] for i in indices[:IMAGES_SHOWN]],
        alternatives[:IMAGES_SHOWN],
        captions[:IMAGES_SHOWN],
        size=4.0,
    )
    if len(indices) > IMAGES_SHOWN:
        st.caption(text["first"].format(shown=IMAGES_SHOWN))


if lesson.predict():
    result = lesson.run(EXPERIMENT, settings)
    if result:
        run, measured = result.settings, result.measured
        with lesson.results():
            left, right = st.columns([3, 2], gap="large")
            with left:
                show_recall(result, run)
            with right:
                show_published()
            lesson.compare(unseen_pattern(result), best_in_words(result))
            lesson.claims(result)
            show_student(run, measured.students)
        lesson.explain([balancing_shift, shifted, seen_rows])
        lesson.tries()
