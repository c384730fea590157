"""Lesson 1: which temperature teaches a small student best?"""

from __future__ import annotations

import streamlit as st

from kdcore import losses
from kdcore.experiments.result import AnyResult
from kdcore.experiments.temperature import (
    EXPERIMENT,
    TemperatureSettings,
    best_temperatures,
    temperature_pattern,
    why_open,
)
from kdcore.figures import accuracy_figure, entropy_points_figure
from pages.common import charts
from pages.common.lesson import Lesson, gains_by_verdict, why_lower_is_alike

lesson = Lesson(
    "temperature",
    TemperatureSettings,
    ["temperatures", "student_hidden", "labels", "teacher_hidden", "alpha"],
)
controls, words = lesson.controls, lesson.words


def show_entropy(result: AnyResult) -> None:
    """Left panel: how soft the labels are."""
    text, rows = words["entropy"], result.rows[1:]
    st.subheader(text["heading"], anchor=False)
    temperatures = [row["temperature"] for row in rows]
    entropies = [row["soft_label_entropy"] for row in rows]
    charts.show(
        entropy_points_figure(temperatures, entropies, text["x"], log_x=True),
        charts.table(rows, ["temperature", "soft_label_entropy"]),
        text["alternative"].format(
            low=f"{entropies[0]:.2f}",
            high=f"{entropies[-1]:.2f}",
            first=f"{temperatures[0]:g}",
            last=f"{temperatures[-1]:g}",
        ),
        key="entropy",
    )


def show_accuracy(result: AnyResult) -> None:
    """Right panel: the student at each temperature, and how sure the best one is."""
    text, (baseline, *rows) = words["accuracy"], result.rows
    best, alike = best_temperatures(result)
    others = ", ".join(f"{value:g}" for value in alike if value != best)
    st.subheader(text["heading"], anchor=False)
    temperatures = [row["temperature"] for row in rows]
    lesson.chart(
        accuracy_figure(
            temperatures,
            [result.interval(row) for row in rows],
            result.interval(baseline),
            [temperatures.index(value) for value in alike],
            text["x"],
            text,
            log_x=True,
        ),
        charts.table(result.rows),
        text["alternative"].format(
            baseline=charts.percent(result.interval(baseline)),
            best=f"{best:g}",
            alike=others or "–",
        ),
        key="accuracy",
    )
    sure = text["sure" if others else "sure_alone"].format(best=f"{best:g}", alike=others)
    names = [f"T = {value:g}" for value in temperatures]
    st.markdown(sure + why_lower_is_alike(result.accuracy[:, 1:], names))
    st.markdown(gains_by_verdict(rows, names))


def best_in_words(result: AnyResult) -> str:
    """Say at which T the student was best, and by how much: what the page asks."""
    best, _ = best_temperatures(result)
    (row,) = (row for row in result.rows if row["temperature"] == best)
    gain = charts.points(row["gain"], row["gain_ci"])
    return str(words["deciding"].format(best=f"{best:g}", gain=gain, verdict=row["verdict"]))


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        with lesson.results():
            left, right = st.columns(2, gap="large")
            with left:
                show_entropy(result)
            with right:
                show_accuracy(result)
            lesson.compare(temperature_pattern(result), best_in_words(result))
            lesson.claims(result, why=words["why_open"][why_open(result)])
        lesson.explain(
            [losses.soft_labels, losses.entropy, losses.gradient_towards],
            [losses.distillation_loss],
        )
        lesson.tries()
