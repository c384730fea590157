"""Spot the broken experiment: runs with one real bug each, to be named from figures and code."""

from __future__ import annotations

import inspect
from typing import Any

import pandas as pd
import streamlit as st

from kdcore.experiments.broken import (
    CASES,
    EXPERIMENT,
    FIGURES,
    SUSPECTS,
    BrokenSettings,
    MeasuredBroken,
    against,
    code_of,
    row_of,
)
from kdcore.experiments.result import Result, Row
from kdcore.figures import exam_figure
from kdcore.statistics import Interval, verdict
from pages.common import answer, charts, exam, frame, jobs
from pages.common.lesson import bring_into_view, provenance_of, show_seeds
from pages.common.widgets import Controls, Named, control_of

Run = Result[BrokenSettings, MeasuredBroken]

#: What may be set once a case is answered.
TRIED = ("temperature", "alpha", "labels")

words = frame.page("broken")


# -------------------------------------------------------------------------------- what is kept


def name_it(case: int, suspect: int) -> None:
    """Keep an answer, and bring the eye to what is said of it."""
    exam.name_it(case, suspect)
    st.session_state[controls.key("bring")] = True


def lock(case: int, key: str) -> None:
    """Keep what is chosen when it is clicked: what the page was drawn with may be older."""
    chosen = st.session_state[key]
    if chosen is not None:
        name_it(case, SUSPECTS.index(chosen))


def label_of(case: int) -> str:
    """Write the number of a case with what has become of it."""
    state = "found" if exam.is_found(case) else "shown" if exam.is_over(case) else "open"
    return str(words["case"][state].format(case=case))


known = BrokenSettings.parameters()
controls = Controls(
    "broken",
    [
        Named(
            "case",
            words["case"]["label"],
            words["case"]["help"],
            {str(case): label_of(case) for case in exam.NUMBERS},
            "1",
            as_tabs=True,
        ),
        *(control_of(known[name]) for name in (*TRIED, "seeds", "split", "first_seed")),
    ],
)


def go_to(case: int) -> None:
    """Go to a case, with the settings of the exam."""
    controls.reset(("case", "seeds", "split", "first_seed"))
    if controls["case"] != str(case):
        controls["case"] = str(case)
        st.session_state[controls.key("bring-head")] = True


# -------------------------------------------------------------------------------- the evidence


def said_by(row: Row, figure: str, run: Run) -> str:
    """Write one figure of one network."""
    if figure == "student_accuracy":
        return in_percent(run.interval(row))
    value = row[figure]
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if figure == "agreement" else f"{value:.3g}".replace("-", "−")


def in_percent(accuracy: Interval) -> str:
    """Write an accuracy for a table, whose rows name the unit."""
    return unbroken(charts.percent(accuracy).removesuffix(" %"))


def unbroken(figure: str) -> str:
    """Keep a figure and its interval in one line of a table."""
    return figure.replace(" ", "\N{NO-BREAK SPACE}")


def show_curves(run: Run, healthy: bool) -> None:
    """Draw the learning curves; the healthy twin's only when the case is over."""
    text, names = words["evidence"], words["evidence"]["names"]
    shown = ("hard", "broken", *(("healthy",) if healthy else ()))
    curves = dict(zip(("healthy", "broken", "hard"), run.measured.curves or [], strict=True))
    rows = [row_of(run, who) for who in shown]
    ends = [
        f"{names[who]} {charts.percent(run.interval(row))}"
        for who, row in zip(shown, rows, strict=True)
    ]
    charts.show(
        exam_figure(
            {who: curves[who] for who in shown},
            run.measured.teacher_accuracy,
            names,
            text["x"],
            text["y"],
        ),
        charts.table([row | {"network": names[row["network"]]} for row in rows]),
        text["alternative"].format(
            each="; ".join(ends), teacher=charts.percent(run.measured.teacher_accuracy)
        ),
        key="exam",
    )


def show_figures(run: Run) -> None:
    """The figures of this run beside those of its teacher and of hard labels."""
    text, measured = words["evidence"], run.measured
    of_teacher = {
        "student_accuracy": in_percent(measured.teacher_accuracy),
        "output_entropy": f"{measured.teacher_entropy:.3g}",
    }
    st.table(
        pd.DataFrame(
            [
                {
                    text["rows"]["figure"]: text["rows"][figure],
                    text["names"]["teacher"]: of_teacher.get(figure, "–"),
                    **{
                        text["names"][who]: said_by(row_of(run, who), figure, run)
                        for who in ("hard", "broken")
                    },
                }
                for figure in text["rows"]
                if figure != "figure"
            ]
        ),
        hide_index=True,
    )
    st.caption(
        text["settings"].format(
            **{name: controls.text(name) for name in ("temperature", "alpha", "labels", "seeds")}
        )
    )


def show_code(bug: str) -> None:
    """The very pieces that ran, without what their files say of them."""
    text = words["code"]
    st.subheader(text["heading"], anchor=False)
    with st.expander(text["how"]["heading"], icon=":material/menu_book:"):
        st.markdown(text["how"]["intro"])
        st.markdown(
            "\n".join(f"- `{call['code']}`: {call['says']}" for call in text["how"]["calls"])
        )
    st.code("\n\n".join(map(inspect.getsource, code_of(bug))), "python", wrap_lines=True)
    st.caption(text["note"])


# ------------------------------------------------------------------------- question and answer


def ask(case: int, over: bool) -> None:
    """Ask for the bug, and answer what was said last."""
    text, suspects = words["ask"], words["suspects"]
    listed = list(suspects)
    key = controls.key(f"suspect-{case}")
    if over:
        st.session_state[key] = CASES[case - 1]
    with st.container(border=True, key="ask"):
        chosen = st.pills(
            f"**{text['question']}**",
            listed,
            key=key,
            format_func=lambda name: suspects[name]["text"],
            wrap=True,
            disabled=over,
        )
        if not over:
            with st.container(horizontal=True):
                st.button(
                    text["lock"],
                    type="primary",
                    disabled=chosen is None,
                    help=text["choose"] if chosen is None else None,
                    on_click=lock,
                    args=(case, key),
                )
                st.button(
                    text["reveal"], type="tertiary", on_click=name_it, args=(case, exam.SHOWN)
                )
        refute(case)


def refute(case: int) -> None:
    """Say why the suspect named last is not the bug."""
    last = exam.named(case)
    if last is None or last >= len(SUSPECTS) or exam.is_over(case):
        return
    suspect = words["suspects"][SUSPECTS[last]]
    said = words["ask"]["wrong"].format(bug=suspect["text"], feedback=suspect["feedback"])
    st.warning(said, icon=":material/replay:")


def show_answer(case: int, run: Run) -> None:
    """Why it is this bug, what it does beside the healthy twin, and how to catch it."""
    text, bug = words["symptom"], words["cases"][CASES[case - 1]]
    in_effect = run.measured.alpha_in_effect
    why = bug["why"].format(alpha_in_effect="" if in_effect is None else f"{in_effect:.2f}")
    said = words["ask"]["right" if exam.is_found(case) else "shown"]
    name = words["suspects"][CASES[case - 1]]["text"]
    show = st.success if exam.is_found(case) else st.info
    show(said.format(bug=name, why=why), icon=":material/bug_report:")
    st.subheader(text["heading"], anchor=False)
    left, right = st.columns([5, 6], gap="large")
    with left:
        show_symptom(run)
        st.markdown(text["look"].format(look=bug["look"]))
    with right:
        show_differences(run)


def show_symptom(run: Run) -> None:
    """Say what this run shows of the bug: in the accuracy, and in what else."""
    text = words["symptom"]
    gain, over_hard = against(run, "healthy"), against(run, "hard")
    st.markdown(text[verdict(gain).replace(" ", "_")].format(gain=points(gain)))
    said = text[f"hard_{verdict(over_hard).replace(' ', '_')}"]
    st.markdown(said.format(gain=points(over_hard)))
    told = [
        text["figures"][name]
        for name in FIGURES
        if run.measured.told(name) != "no clear difference"
    ]
    st.markdown(text["others" if told else "nothing"].format(figures=", ".join(told)))


def points(gain: Interval) -> str:
    """Write a difference of accuracies."""
    return charts.points(gain.mean, gain.half_width)


def show_differences(run: Run) -> None:
    """Each figure of the broken run beside its twin's, with the paired difference."""
    text = words["evidence"]
    of = {"student_accuracy": against(run, "healthy"), **run.measured.differences}
    st.table(
        pd.DataFrame(
            [
                {
                    text["rows"]["figure"]: text["rows"][figure],
                    **{
                        text["names"][who]: said_by(row_of(run, who), figure, run)
                        for who in ("broken", "healthy")
                    },
                    words["symptom"]["difference"]: difference_in(figure, of.get(figure)),
                }
                for figure in text["rows"]
                if figure != "figure"
            ]
        ),
        hide_index=True,
    )


def difference_in(figure: str, paired: Interval | None) -> str:
    """Write a paired difference with its interval; shares in points."""
    if paired is None:
        return "–"
    if figure in ("student_accuracy", "agreement"):
        return unbroken(points(paired))
    return unbroken(paired.signed(2 if paired.half_width >= 0.02 else 3))


def show_again(case: int) -> None:
    """Offer other settings: not every bug shows at all of them."""
    text, bug = words["again"], words["cases"][CASES[case - 1]]
    st.subheader(text["heading"], anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(bug["button"], on_click=try_settings, args=(case, bug["set"]))
        st.markdown(bug["try"], width="stretch")
    with st.container(key="controls"), st.container(horizontal=True, vertical_alignment="bottom"):
        for name in (*TRIED, "seeds"):
            controls.show(name)
        show_seeds(controls)
    if not all(controls.is_default(name) for name in TRIED):
        st.button(text["back"], icon=":material/restart_alt:", on_click=go_to, args=(case,))


def try_settings(case: int, values: dict[str, Any]) -> None:
    """Set what is to be tried, from the settings of the exam on."""
    go_to(case)
    controls.set(values)
    st.session_state[controls.key("bring")] = True


def show_end() -> None:
    """The score, when all cases are over."""
    text = words["end"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["text"].format(**exam.score()))
    st.markdown(text["lesson"])
    for page, label in text["links"].items():
        frame.page_link(page, label)
    frame.finish("broken")


# ------------------------------------------------------------------------------------ the page


controls.show_notes()
case = int(controls["case"])
with st.container(key="exam-head", gap=None):
    bring_into_view("st-key-exam-head", controls.key("bring-head"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.show("case")
        any_answer = any(exam.named(each) is not None for each in exam.NUMBERS)
        st.markdown(words["score"]["text" if any_answer else "begun"].format(**exam.score()))
controls.write_address()

bug, over = CASES[case - 1], exam.is_over(case)
answered = answer.ask(
    EXPERIMENT,
    lambda: controls.settings(BrokenSettings, bug=bug),
    controls,
    f"case-{case}",
)
run = answered.result
left, right = st.columns([5, 6], gap="large")
with left:
    st.subheader(words["evidence"]["heading"], anchor=False)
    answered.follow(jobs.show_progress)
    if run:
        with st.container(key="results"):
            if answered.stale:  # of other settings
                st.html("<style>.st-key-results, .st-key-verdict { opacity: 0.4; }</style>")
            show_curves(run, over)
            show_figures(run)
            if not answered.stale:
                charts.provenance(provenance_of(run))
    else:
        charts.placeholder(560)
with right:
    show_code(bug)
with st.container(key="answer"):
    bring_into_view("st-key-answer", controls.key("bring"))
    ask(case, over)
    if run and over:
        with st.container(key="verdict"):
            show_answer(case, run)
        show_again(case)
if over:
    following = [
        each for each in (*exam.NUMBERS[case:], *exam.NUMBERS[: case - 1]) if not exam.is_over(each)
    ]
    if following:
        st.button(words["again"]["next"], type="primary", on_click=go_to, args=(following[0],))
    else:
        show_end()
