"""Lesson: forward or reverse KL, when the student cannot be all that its teacher is?"""

from __future__ import annotations

import streamlit as st

from kdcore import losses
from kdcore.experiments.directions import (
    EXPERIMENT,
    DirectionsMeasured,
    DirectionsSettings,
    directions_pattern,
    most_forward,
    most_reverse,
)
from kdcore.experiments.result import Result, Row
from kdcore.figures.language import frontier_figure
from kdcore.language.exact import effective_words, validity
from kdcore.language.learning import Directions
from kdcore.statistics import Interval
from pages.common import charts, writing
from pages.common.lesson import Lesson

lesson = Lesson(
    "directions",
    DirectionsSettings,
    ["context", "student_hidden"],
    introduce=lambda text: writing.humps(text["humps"]),
)
words = lesson.words

Run = Result[DirectionsSettings, DirectionsMeasured]


def point(result: Run, row: Row) -> tuple[Interval, Interval]:
    """Return where a row stands in the chart: effective words and validity."""
    return result.interval(row, "effective_words"), result.interval(row, "validity")


def show_frontier(result: Run) -> None:
    """Left panel: validity against variety, and the control by temperature."""
    text, mixes, cooled = words["frontier"], result.settings.mixes, result.measured.cooled
    forward, reverse = result.rows[most_forward(mixes)], result.rows[most_reverse(mixes)]
    st.subheader(text["heading"], anchor=False)
    lesson.chart(
        frontier_figure(
            mixes,
            [point(result, row) for row in result.rows],
            [row["temperature"] for row in cooled],
            [point(result, row) for row in cooled],
            text,
        ),
        charts.table(result.rows),
        text["alternative"].format(
            forward=charts.percent(result.interval(forward, "validity")),
            reverse=charts.percent(result.interval(reverse, "validity")),
            forward_words=f"{forward['effective_words']:.0f}",
            reverse_words=f"{reverse['effective_words']:.0f}",
        ),
        key="frontier",
    )
    st.caption(text["caption"])


def show_words(result: Run) -> None:
    """Right panel: words to read."""
    text, mixes, measured = words["written"], result.settings.mixes, result.measured
    st.subheader(text["heading"], anchor=False)
    chosen = dict.fromkeys((most_forward(mixes), most_reverse(mixes)))
    columns = [("teacher", text["teacher"], measured.teacher_words)]
    columns += [
        ("soft", text["student"].format(mix=f"{mixes[i]:g}"), measured.written[i]) for i in chosen
    ]
    writing.words_to_read(columns, measured.language.words, text["invalid"])
    st.caption(text["caption"].format(seed=result.seeds[0]))


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        with lesson.results():
            left, right = st.columns(2, gap="large")
            with left:
                show_frontier(result)
            with right:
                show_words(result)
            lesson.compare(directions_pattern(result))
            lesson.claims(result)
        lesson.explain(
            [
                losses.soft_gradient,
                losses.reverse_kl_gradient,
                Directions,
                validity,
                effective_words,
            ],
            [losses.kl_divergence, losses.reverse_kl, losses.generalised_jsd, losses.skewed_kl],
        )
        lesson.tries()
