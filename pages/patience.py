"""Patience: is a student too small for its teacher, or has it only been trained too shortly?"""

from __future__ import annotations

import streamlit as st

from kdcore import losses
from kdcore.experiments.patience import EXPERIMENT, PatienceSettings, patience, patience_pattern
from kdcore.experiments.result import AnyResult, MeasuredCurve
from kdcore.figures import curves_figure, gains_figure
from pages.common import charts
from pages.common.lesson import Lesson

lesson = Lesson(
    "patience",
    PatienceSettings,
    ["student_hidden", "labels", "teacher_hidden", "temperature"],
)
controls, words = lesson.controls, lesson.words


def show_accuracy(result: AnyResult) -> None:
    """Left panel: both students over the length of their training."""
    text, lengths = words["accuracy"], result.settings.lengths
    st.subheader(text["heading"], anchor=False)
    both = {
        kind: [result.interval(row) for row in result.rows if row["label_type"] == kind]
        for kind in ("hard", "soft")
    }
    x = [float(length) for length in lengths]
    lesson.chart(
        curves_figure(
            [
                ("hard", text["hard"], MeasuredCurve(x, both["hard"])),
                ("distilled", text["soft"], MeasuredCurve(x, both["soft"])),
            ],
            text["x"],
            text["y"],
            100,
        ),
        charts.table(result.rows),
        text["alternative"].format(
            points="; ".join(
                text["point"].format(
                    samples=f"{length:,}", hard=charts.percent(hard), soft=charts.percent(soft)
                )
                for length, hard, soft in zip(lengths, both["hard"], both["soft"], strict=True)
            )
        ),
        key="accuracy",
    )


def show_gains(result: AnyResult) -> None:
    """Right panel: the paired gain after each length."""
    text, lengths = words["gains"], result.settings.lengths
    rows = [row for row in result.rows if row["label_type"] == "soft"]
    st.subheader(text["heading"], anchor=False)
    names = [text["samples"].format(samples=f"{length:,}") for length in lengths]
    gains = [result.interval(row, "gain") for row in rows]
    said = [charts.points(gain.mean, gain.half_width) for gain in gains]
    charts.show(
        gains_figure(names, gains, text["x"]),
        charts.table(rows, ["student_samples", "gain", "gain_ci", "verdict", "gain_over_low"]),
        text["alternative"].format(
            gains="; ".join(f"{name} {gain}" for name, gain in zip(names, said, strict=True))
        ),
        key="gains",
    )


def gains_in_words(result: AnyResult) -> str:
    """Say what soft labels add after each length, not only after the two that are asked about."""
    text, lengths = words["gains"], result.settings.lengths
    rows = [row for row in result.rows if row["label_type"] == "soft"]
    said = "; ".join(
        text["length"].format(
            samples=f"{length:,}",
            verdict=text[row["verdict"]],
            gain=charts.points(row["gain"], row["gain_ci"]),
        )
        for length, row in zip(lengths, rows, strict=True)
    )
    return str(text["sentence"].format(lengths=said))


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        with lesson.results():
            left, right = st.columns(2, gap="large")
            with left:
                show_accuracy(result)
            with right:
                show_gains(result)
            lesson.compare(patience_pattern(result), gains_in_words(result))
            lesson.claims(result)
        lesson.explain([patience, losses.gradient_towards], [losses.distillation_loss])
        lesson.tries()
