"""Lesson 3: whom should the student trust, the labels or the teacher?"""

from __future__ import annotations

import streamlit as st

from kdcore import losses
from kdcore.claims import balance_beats_either, position_of_best
from kdcore.data import noisy_labels
from kdcore.experiments.balance import (
    BalanceMap,
    BalanceMapSettings,
    BalanceSettings,
    best_alpha_map,
)
from kdcore.experiments.common import Result
from kdcore.figures import accuracy_figure, alpha_range, best_alpha_figure
from kdcore.statistics import not_told_apart
from pages.common import charts
from pages.common.controls import (
    LABELLED_IMAGES,
    SEED_COUNT,
    TEACHER_SEES,
    TEMPERATURE_SLIDER,
    WRONG_LABELS,
    Toggle,
)
from pages.common.lesson import Lesson

lesson = Lesson(
    "balance",
    [
        TEACHER_SEES,
        LABELLED_IMAGES.with_default(300),
        WRONG_LABELS,
        TEMPERATURE_SLIDER,
        SEED_COUNT.with_default(20),
    ],
    extras=lambda text: [Toggle("map", text["map"]["toggle"])],
)
controls, words = lesson.controls, lesson.words


def settings() -> BalanceSettings:
    """Return the settings of the run from the controls."""
    return BalanceSettings(
        labels=controls["labels"],
        label_noise=controls["label_noise"],
        teacher_labels=controls["teacher_labels"],
        temperature=controls["temperature"],
        seeds=controls["seeds"],
    )


def map_settings() -> BalanceMapSettings:
    """Return the settings of the map: the run's, but for what the map spans."""
    return BalanceMapSettings(labels=controls["labels"], temperature=controls["temperature"])


def show_accuracy(result: Result, alphas: list[float], best: int, alike: tuple[int, ...]) -> None:
    """The student over α, from the teacher alone to the labels alone."""
    text = words["accuracy"]
    others = ", ".join(f"{alphas[i]:g}" for i in alike if i != best)
    accuracies = [result.interval(row) for row in result.rows]
    baseline = accuracies[alphas.index(1.0)]
    st.subheader(text["heading"], anchor=False)
    charts.show(
        accuracy_figure(alphas, accuracies, baseline, alike, text["x"], text),
        charts.table(result.rows),
        text["alternative"].format(
            best=f"{alphas[best]:g}", alike=others or "–", baseline=charts.percent(baseline)
        ),
        key="accuracy",
    )
    st.markdown(
        text["sure" if others else "sure_alone"].format(best=f"{alphas[best]:g}", alike=others)
    )


def show_loss(result: Result, best_alpha: float) -> None:
    """The formula with the numbers of this run put in."""
    text, run = words["loss"], result.settings
    assert isinstance(run, BalanceSettings)
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
    best_map: BalanceMap | None = lesson.run_beside("map", best_alpha_map, map_settings)
    if not best_map:
        return
    rows = [
        {
            "teacher_labels": cell.teacher_labels,
            "teacher_accuracy": cell.teacher.mean,
            "label_noise": cell.label_noise,
            "best_alpha": cell.best_alpha,
            "not_told_apart": ", ".join(f"{alpha:g}" for alpha in cell.alike),
        }
        for cell in best_map.cells
    ]
    charts.show(
        best_alpha_figure(best_map, text["x"], text["y"], text["colour"]),
        charts.table(rows),
        text["alternative"].format(
            cells="; ".join(
                f"teacher saw {cell.teacher_labels}, {100 * cell.label_noise:.0f} % wrong: "
                f"{alpha_range(cell)}"
                for cell in best_map.cells
            )
        ),
        key="map-chart",
    )
    st.caption(text["sure"])
    lesson.provenance(best_map.settings.seeds, best_map.seconds)


if lesson.predict():
    result = lesson.run("balance", settings)
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
            lesson.claim(balance_beats_either(result))
        lesson.explain([losses.distillation_loss, noisy_labels])
        show_map()
        lesson.tries()
