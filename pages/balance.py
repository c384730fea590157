"""Lesson 3: whom should the student trust, the labels or the teacher?"""

from __future__ import annotations

import streamlit as st

from kdcore import losses
from kdcore.claims import position_of_best
from kdcore.data import noisy_labels
from kdcore.experiments.balance import (
    EXPERIMENT,
    MAP,
    BalanceMapSettings,
    BalanceSettings,
)
from kdcore.experiments.result import AnyResult
from kdcore.figures import accuracy_figure, alpha_range, best_alpha_figure
from kdcore.statistics import not_told_apart
from pages.common import charts
from pages.common.lesson import Lesson, why_lower_is_alike
from pages.common.widgets import Toggle

lesson = Lesson(
    "balance",
    BalanceSettings,
    ["alphas", "teacher_labels", "labels", "label_noise", "temperature"],
    extras=lambda text: [Toggle("map", text["map"]["toggle"])],
)
controls, words = lesson.controls, lesson.words


def map_settings() -> BalanceMapSettings:
    """Return the settings of the map: the run's, but for what the map spans."""
    defaults = BalanceMapSettings()
    return controls.settings(BalanceMapSettings, seeds=defaults.seeds, alphas=defaults.alphas)


def show_accuracy(
    result: AnyResult, alphas: list[float], best: int, alike: tuple[int, ...]
) -> None:
    """The student over α, from the teacher alone to the labels alone."""
    text = words["accuracy"]
    others = ", ".join(f"{alphas[i]:g}" for i in alike if i != best)
    accuracies = [result.interval(row) for row in result.rows]
    baseline = accuracies[alphas.index(1.0)]
    st.subheader(text["heading"], anchor=False)
    lesson.chart(
        accuracy_figure(alphas, accuracies, baseline, alike, text["x"], text),
        charts.table(result.rows),
        text["alternative"].format(
            best=f"{alphas[best]:g}", alike=others or "–", baseline=charts.percent(baseline)
        ),
        key="accuracy",
    )
    sure = text["sure" if others else "sure_alone"].format(best=f"{alphas[best]:g}", alike=others)
    names = [f"α = {alpha:g}" for alpha in alphas]
    st.markdown(sure + why_lower_is_alike(result.accuracy, names))


def show_loss(result: AnyResult, best_alpha: float) -> None:
    """The formula with the numbers of this run put in."""
    text, run = words["loss"], result.settings
    st.subheader(text["heading"], anchor=False)
    st.latex(
        rf"\mathcal{{L}} = {best_alpha:g}\cdot\mathrm{{CE}} + {1 - best_alpha:.3g}\cdot "
        rf"{run.temperature:g}^2\cdot\mathrm{{KL}}_{{T={run.temperature:g}}}"
    )
    st.markdown(
        text["explain"].format(
            teacher_labels=run.teacher_labels,
            teacher=f"{100 * result.rows[0]['teacher_accuracy']:.1f} %",
            labels=run.labels,
            wrong=round(run.label_noise * run.labels),
        )
    )
    st.markdown(text["convention"])


def show_map() -> None:
    """Where the best α lies for every teacher and every share of wrong labels."""
    text = words["map"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    controls.show("map")
    if not controls["map"]:
        return
    result = lesson.run_beside(MAP, map_settings)
    if not result:
        return
    best_map = result.measured
    rows = result.rows
    charts.show(
        best_alpha_figure(best_map, text["x"], text["y"], text["colour"]),
        charts.table(rows),
        text["alternative"].format(
            cells="; ".join(
                text["cell"].format(
                    labels=cell.teacher_labels,
                    wrong=f"{100 * cell.label_noise:.0f} %",
                    alphas=alpha_range(cell),
                )
                for cell in best_map.cells
            )
        ),
        key="map-chart",
    )
    st.caption(text["sure"])


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        alphas = [row["alpha"] for row in result.rows]
        best, alike = not_told_apart(result.accuracy)
        with lesson.results():
            left, right = st.columns([3, 2], gap="large")
            with left:
                show_accuracy(result, alphas, best, alike)
            with right:
                show_loss(result, alphas[best])
            lesson.compare(position_of_best(result.accuracy))
            lesson.claims(result)
        lesson.explain([losses.gradient_towards, noisy_labels], [losses.distillation_loss])
        show_map()
        lesson.tries()
