"""Today 1: the secret in the noise. A student that sees no digit learns to read digits."""

from __future__ import annotations

from typing import Any

import streamlit as st

from kdcore.data import digits
from kdcore.experiments import messengers, subliminal, subliminal_parts
from kdcore.experiments.result import AnyResult
from kdcore.experiments.subliminal import STARTS, SWAP, SubliminalSettings, noise_pattern
from kdcore.figures import between_figure
from kdcore.statistics import Interval
from kdcore.today import subliminal as learning
from kdcore.today.inputs import draw_inputs
from kdcore.today.objectives import OnOutputs, SoftLabels
from kdcore.views.pictures import as_ink
from pages.common import charts, digit_images
from pages.common.lesson import Lesson
from pages.common.widgets import Named, Toggle
from pages.common.words import words as words_of

#: Test images of eight digits that a page shows with what the students read.
READ = tuple(range(0, 80, 10))


def noise_and_quirk() -> list[Named]:
    """Return the controls whose values have names: which noise, and which two digits swapped."""
    text = words_of("secret_in_noise")
    pairs = {SWAP.format(pair): text["swap"]["pair"].format(*pair) for pair in SWAP.offered if pair}
    noise, swap = text["noise"], text["swap"]
    return [
        Named("noise", noise["label"], noise["help"], text["inputs"], "normal"),
        Named("swap", swap["label"], swap["help"], {"": swap["none"], **pairs}, ""),
    ]


def further_runs(text: dict[str, Any]) -> list[Toggle]:
    """Return the switches of the two further runs."""
    return [Toggle("parts", text["parts"]["switch"]), Toggle("others", text["others"]["switch"])]


lesson = Lesson(
    "secret_in_noise",
    SubliminalSettings,
    ["auxiliary", "share", "student_hidden", *noise_and_quirk()],
    extras=further_runs,
)
controls, words = lesson.controls, lesson.words


def settings() -> SubliminalSettings:
    """Return the settings of the run; the two swapped digits are chosen by name."""
    chosen: SubliminalSettings = lesson.settings(swap=SWAP.parse(controls["swap"]))
    return chosen


def show_noise_and_digits(result: AnyResult) -> None:
    """What the students see, beside what they are asked to read, and what they answer."""
    text, measured = words["pictures"], result.measured
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(text["sees"], anchor=False)
        seen = as_ink(measured.shown)
        digit_images.show(list(seen), [text["noise_image"]] * len(seen), [""] * len(seen))
        st.markdown(text["sees_explain"].format(auxiliary=result.settings.auxiliary))
    with right:
        st.subheader(text["reads"], anchor=False)
        test = digits(result.settings.split).test
        places = (STARTS.index(name) for name in ("same", "other"))
        (same, reads_same), (other, reads_other) = (
            (measured.answers[i], f"{100 * result.accuracy[0, i].item():.1f} %") for i in places
        )
        digit_images.show(
            [test.inputs[i] for i in READ],
            [
                text["digit_image"].format(
                    label=int(test.labels[i]), same=int(same[i]), other=int(other[i])
                )
                for i in READ
            ],
            [text["answers"].format(same=int(same[i]), other=int(other[i])) for i in READ],
        )
        st.markdown(text["reads_explain"].format(same=reads_same, other=reads_other))


def show_starts(result: AnyResult) -> None:
    """How well each student reads, between guessing and the ceiling."""
    text, measured = words["starts"], result.measured
    st.subheader(text["heading"], anchor=False)
    names = [text["names"][row["start"]] for row in result.rows]
    reads = [result.interval(row) for row in result.rows]
    draw(names, reads, measured.ceiling, charts.table(result.rows), text["alternative"], "starts")
    alike = {row["start"]: f"{row['step_cosine']:.2f}".replace("-", "−") for row in result.rows[1:]}
    st.markdown(
        text["explain"].format(
            teacher=charts.percent(measured.teacher_accuracy),
            ceiling=charts.percent(measured.ceiling),
            same=alike["same"],
            other=alike["other"],
        )
    )


def draw(
    names: list[str],
    reads: list[Interval],
    ceiling: Interval,
    table: Any,
    alternative: str,
    key: str,
) -> None:
    """Draw accuracies between guessing and the ceiling."""
    text = words["starts"]
    each = "; ".join(f"{n} {charts.percent(r)}" for n, r in zip(names, reads, strict=True))
    lesson.chart(
        between_figure(names, reads, text["chance"], ceiling, text["ceiling"]),
        table,
        alternative.format(each=each),
        key=key,
    )


def show_quirk(result: AnyResult) -> None:
    """How often the students mix up the two digits that their teacher was told wrongly."""
    text, measured = words["quirk"], result.measured
    first, second = result.settings.swap
    st.subheader(text["heading"].format(first=first, second=second), anchor=False)
    swapped = {row["start"]: charts.percent(result.interval(row, "swapped")) for row in result.rows}
    st.markdown(
        text["explain"].format(
            first=first,
            second=second,
            straight=charts.percent(measured.swapped_by_straight),
            **swapped,
        )
    )


def show_parts() -> None:
    """Which of the first weights must be shared."""
    text = words["parts"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["intro"])
    controls.show("parts")
    if not controls["parts"]:
        return
    kind = subliminal_parts.SubliminalPartsSettings
    result = lesson.run_beside(subliminal_parts.EXPERIMENT, lambda: controls.settings(kind))
    if result:
        *rows, body = result.rows
        names = [text["names"][row["shared"]] for row in rows]
        reads = [result.interval(row) for row in rows]
        draw(
            names,
            reads,
            result.interval(body),
            charts.table(result.rows),
            text["alternative"],
            "parts",
        )
        lesson.claims(result)


def show_others() -> None:
    """Which inputs carry it."""
    text = words["others"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["intro"])
    controls.show("others")
    if not controls["others"]:
        return
    kind = messengers.MessengersSettings
    result = lesson.run_beside(messengers.EXPERIMENT, lambda: controls.settings(kind))
    if result:
        names = [words["inputs"][row["inputs"]] for row in result.rows]
        reads = [result.interval(row) for row in result.rows]
        draw(names, reads, reads[0], charts.table(result.rows), text["alternative"], "messengers")
        lesson.claims(result)


def show_language_models() -> None:
    """What is published of language models, each part with its sources."""
    text = words["language_models"]
    st.subheader(text["heading"], anchor=False)
    for part in text["parts"]:
        st.markdown(part["text"])
        if "source" in part:
            charts.provenance(part["source"])


if lesson.predict():
    result = lesson.run(subliminal.EXPERIMENT, settings)
    if result:
        with lesson.results():
            show_noise_and_digits(result)
            show_starts(result)
            if result.settings.swap:
                show_quirk(result)
            lesson.compare(noise_pattern(result))
            lesson.claims(result)
        show_parts()
        show_others()
        lesson.explain(
            [draw_inputs, OnOutputs, SoftLabels, learning.starts, learning.train_students]
        )
        show_language_models()
        lesson.tries()
