"""Today 5: who writes, who corrects? A pen, its teacher, and three students."""

from __future__ import annotations

from typing import Any

import streamlit as st

from kdcore import losses
from kdcore.experiments.on_policy import EXPERIMENT, FIGURES, OnPolicySettings, pen_pattern
from kdcore.experiments.result import AnyResult
from kdcore.figures import gains_figure, pair_figure
from kdcore.today.pen import Corrected, teacher_logits, write
from pages.common import charts, pen
from pages.common.lesson import Lesson
from pages.common.pen import Hand
from pages.common.widgets import Named
from pages.common.words import words as words_of


def which_kl() -> Named:
    """Return the control for the direction of the divergence."""
    text = words_of("on_policy")["direction"]
    return Named("direction", text["label"], text["help"], text["options"], "reverse")


lesson = Lesson(
    "on_policy",
    OnPolicySettings,
    ["student_hidden", "steps", "kept", "jitter", which_kl()],
)
controls, words = lesson.controls, lesson.words


def show_pens(result: AnyResult, stale: bool) -> None:
    """The teacher and the first seed's students, drawing."""
    text, names = words["pens"], words["names"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    students = zip(
        result.rows, ("label", "distilled", "hard"), result.measured.students, strict=True
    )
    hands = [Hand(names[row["data"]], who, network) for row, who, network in students]
    pen.show([Hand(names["teacher"], "teacher"), *hands], text["words"], stale)


def show_lane(result: AnyResult) -> None:
    """How many drawings leave the lane."""
    text = words["lane"]
    st.subheader(text["heading"], anchor=False)
    names = [words["names"][row["data"]] for row in result.rows]
    left = [result.interval(row, "left_lane") for row in result.rows]
    each = "; ".join(f"{n} {charts.percent(v)}" for n, v in zip(names, left, strict=True))
    figure = pair_figure(names, left)
    figure.update_xaxes(title_text=text["x"], range=[0, 100])
    columns = ["data", "left_lane", "left_lane_ci"]
    charts.show(
        figure,
        charts.table(result.rows, columns),
        text["alternative"].format(each=each),
        key="lane",
    )


def show_paths(result: AnyResult) -> None:
    """Where the student differs from its teacher: where the teacher goes, where it goes itself."""
    text = words["paths"]
    st.subheader(text["heading"], anchor=False)
    for row in result.rows:
        on_teachers, on_own = (result.interval(row, column) for column in FIGURES[:2])
        st.markdown(
            text["line"].format(
                name=words["names"][row["data"]],
                teacher=nats(on_teachers.mean, on_teachers.half_width),
                own=nats(on_own.mean, on_own.half_width),
            )
        )
    fewer = [result.interval(row, "left_lane_gain") for row in result.rows[1:]]
    names = [words["names"][row["data"]] for row in result.rows[1:]]
    each = "; ".join(
        f"{n} {charts.points(v.mean, v.half_width)}" for n, v in zip(names, fewer, strict=True)
    )
    lesson.chart(
        gains_figure(names, fewer, text["x"]),
        charts.table(result.rows),
        text["alternative"].format(each=each),
        key="fewer",
    )


def nats(mean: float, half_width: float) -> str:
    """Write a divergence with its interval."""
    return f"{mean:.3f} ± {half_width:.3f}"


def show_elsewhere(text: dict[str, Any]) -> None:
    """Where it did not help."""
    st.subheader(text["heading"], anchor=False)
    for paragraph in text["paragraphs"]:
        st.markdown(paragraph)
    charts.provenance(text["source"])


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        with lesson.results():
            show_pens(result, stale=False)
            left, right = st.columns(2, gap="large")
            with left:
                show_lane(result)
            with right:
                show_paths(result)
            lesson.compare(pen_pattern(result))
            lesson.claims(result)
        lesson.explain([teacher_logits, write, Corrected, losses.reverse_kl_gradient])
        show_elsewhere(words["elsewhere"])
        lesson.tries()
