"""The Lab: three sliders, and what they do to a teacher and two students."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from kdcore.data import digits
from kdcore.experiments.common import MeasuredCurve, entropy_curve
from kdcore.experiments.lab import LabResult, LabSettings
from kdcore.figures import entropy_figure, learning_curves_figure
from pages.common import cards, charts, frame, jobs, runs, take_home
from pages.common.controls import (
    ALPHA_SLIDER,
    LABELLED_IMAGES,
    STUDENT_WIDTH,
    TEACHER_WIDTH,
    TEMPERATURE_SLIDER,
    Controls,
    Remembered,
)
from pages.common.live_bars import THUMBNAILS, ExampleDigit, live_bars, temperature_slider

CHART_HEIGHT = 300

words = frame.page("lab")
controls = Controls(
    "lab",
    [
        TEMPERATURE_SLIDER,
        ALPHA_SLIDER,
        TEACHER_WIDTH,
        STUDENT_WIDTH,
        LABELLED_IMAGES,
        Remembered("digit", THUMBNAILS[8], len(digits().test) - 1),
    ],
)
controls.show_notes()


def example_digits(result: LabResult) -> list[ExampleDigit]:
    """Return the digits to choose from: the thumbnails and the one that is hardest now."""
    test = digits().test
    hardest = result.hardest_example()
    indices = dict.fromkeys((*THUMBNAILS, controls["digit"], hardest))
    return [
        ExampleDigit(
            index=index,
            label=int(test.labels[index]),
            pixels=[round(16 * ink) for ink in test.inputs[index].tolist()],
            logits={who: z[index].tolist() for who, z in result.example_logits.items()},
            hardest=index == hardest,
        )
        for index in sorted(indices, key=lambda index: index == hardest)
    ]


def curve_table(curve: MeasuredCurve, x: str, y: str, scale: float = 1.0) -> pd.DataFrame:
    """Return a curve as a table with its interval."""
    return pd.DataFrame(
        {
            x: curve.x,
            y: [scale * point.mean for point in curve.y],
            "± 95 % interval": [scale * point.half_width for point in curve.y],
            "seeds": [point.n for point in curve.y],
        }
    )


# ------------------------------------------------------------------------------- the controls

with st.container(key="controls"):
    first, second, third, fourth = st.columns([5, 5, 5, 7], gap="medium")
    with first:
        temperature_slider(controls)
    with second:
        controls.show("alpha")
    with third:
        controls.show("teacher_hidden")
    with fourth, st.container(horizontal=True, gap="small", wrap=False):
        controls.show("student_hidden")
        controls.show("labels")
controls.write_address()


def settings() -> LabSettings:
    """Return the settings of the run from the controls."""
    return LabSettings(
        temperature=controls["temperature"],
        alpha=controls["alpha"],
        teacher_hidden=(controls["teacher_hidden"],),
        student_hidden=(controls["student_hidden"],),
        labels=controls["labels"],
    )


job, result = runs.ask_lab(settings, controls)

# -------------------------------------------------------------------- the bars and the figures

left, right = st.columns([7, 5], gap="large")
with left:
    live_bars(
        controls,
        example_digits(result) if result else [],
        words["bars"],
        stale=not job.is_done,
    )
with right:
    cards.accuracies(result, words["results"], stale=not job.is_done)
    with st.container(key="provenance"):
        if result and job.is_done:
            charts.provenance(
                words["results"]["provenance"].format(
                    n=result.gain.n, seconds=f"{result.seconds:.1f}"
                )
            )
        else:
            jobs.follow(job, jobs.show_progress)

left, right = st.columns(2, gap="large")
with left:
    st.subheader(words["entropy"]["heading"], anchor=False)
    st.markdown(words["entropy"]["explain"])
    if result:
        curve = result.entropy
        here = entropy_curve(result.teacher_logits, [controls["temperature"]]).y[0]
        charts.show(
            entropy_figure(curve, controls["temperature"], words["entropy"]["curve"]),
            curve_table(curve, "temperature T", "entropy (nats)"),
            words["entropy"]["alternative"].format(
                low=f"{curve.y[0].mean:.2f}",
                high=f"{curve.y[-1].mean:.2f}",
                temperature=f"{controls['temperature']:g}",
                here=f"{here.mean:.2f}",
            ),
            key="entropy-chart",
        )
    else:
        charts.placeholder(CHART_HEIGHT)
with right:
    st.subheader(words["curves"]["heading"], anchor=False)
    if result:
        st.markdown(
            words["curves"]["explain"].format(
                teacher_samples=f"{result.curves['teacher'].x[-1]:,.0f}",
                student_samples=f"{result.curves['hard'].x[-1]:,.0f}",
                labels=result.settings.labels,
            )
        )
        charts.show(
            learning_curves_figure(result.curves, words["bars"]),
            pd.concat(
                curve_table(c, "samples seen", "test accuracy (%)", 100).assign(
                    network=words["bars"][who]
                )
                for who, c in result.curves.items()
            ),
            words["curves"]["alternative"].format(
                **{
                    who: charts.percent(getattr(result, who))
                    for who in ("teacher", "hard", "distilled")
                }
            ),
            key="curves-chart",
        )
    else:
        charts.placeholder(CHART_HEIGHT)

st.subheader(words["next"]["heading"], anchor=False)
for column, idea in zip(st.columns(3, gap="large"), words["next"]["tries"], strict=True):
    column.markdown(idea)

if result:
    take_home.show(result, "lab")
