"""Is it really dark knowledge? Soft labels against impostors of the same confidence."""

from __future__ import annotations

from typing import Any

import streamlit as st

from kdcore import targets
from kdcore.data import digits
from kdcore.experiments.controls import (
    EXPERIMENT,
    IMPOSTORS,
    ControlsSettings,
    Example,
    controls_pattern,
    soft_against,
    soft_over,
    soft_targets,
)
from kdcore.experiments.result import AnyResult
from kdcore.figures import gains_figure, targets_figure
from kdcore.statistics import Interval, Verdict
from pages.common import charts, digit_images
from pages.common import run_words as called
from pages.common.lesson import Lesson
from pages.common.widgets import Named


def digit_to_show(text: dict[str, Any]) -> list[Named]:
    """Return the control that chooses whose targets are shown."""
    names = {str(digit): str(digit) for digit in range(digits().classes)}
    example = text["example"]
    return [Named("digit", example["control"], example["control_help"], names, "8", as_tabs=True)]


lesson = Lesson(
    "dark_knowledge",
    ControlsSettings,
    ["student_hidden", "labels", "temperature", "alpha"],
    extras=digit_to_show,
)
controls, words = lesson.controls, lesson.words


def in_words(name: str, gain: Interval, said: Verdict) -> str:
    """Write a paired gain with its verdict."""
    return words["gain"]["line"].format(
        name=name,
        gain=charts.points(gain.mean, gain.half_width),
        verdict=called.verdict(said),
    )


def show_example(example: Example, temperature: float, split: int) -> None:
    """What each student is told of one image."""
    text, names = words["example"], words["names"]
    st.subheader(text["heading"], anchor=False)
    controls.show("digit")
    label = example.label
    left, right = st.columns([1, 4], gap="medium")
    with left:
        digit_images.show(
            [digits(split).training.inputs[example.index]],
            [text["image"].format(label=label)],
            [text["caption"].format(label=label)],
            size=7.5,
        )
    sentences = []
    for key, probabilities in example.targets.items():
        second = example.likeliest_wrong_answer(key)
        sentences.append(
            text["target"].format(
                name=names[key],
                label=label,
                probability=f"{100 * probabilities[label]:.0f} %",
                second=second,
                second_probability=f"{100 * probabilities[second]:.0f} %",
            )
        )
    with right:
        charts.show(
            targets_figure(example.targets, label, names, text["y"]),
            charts.table(
                [
                    {words["against"]["target"]: names[key]}
                    | {str(i): value for i, value in enumerate(probabilities.tolist())}
                    for key, probabilities in example.targets.items()
                ]
            ),
            text["alternative"].format(
                label=label, temperature=f"{temperature:g}", targets="; ".join(sentences)
            ),
            key="example",
        )
    st.markdown(
        text["explain"].format(
            temperature=f"{temperature:g}",
            label=label,
            probability=f"{100 * example.targets['soft'][label]:.1f} %",
        )
    )


def show_gains(result: AnyResult) -> None:
    """Each kind of target against hard labels."""
    text, (hard, *rows) = words["gains"], result.rows
    names = [words["names"][row["targets"]] for row in rows]
    gains = [result.interval(row, "gain") for row in rows]
    said = [row["verdict"] for row in rows]
    st.subheader(text["heading"], anchor=False)
    lesson.chart(
        gains_figure(names, gains, text["x"]),
        charts.table(result.rows),
        text["alternative"].format(gains="; ".join(map(in_words, names, gains, said))),
        key="gains",
    )
    st.markdown(text["baseline"].format(hard=charts.percent(result.interval(hard))))


def show_against(result: AnyResult) -> None:
    """The soft labels against both impostors, paired."""
    text, against = words["against"], soft_against(result)
    names = [text["over"].format(name=words["names"][other]) for other in IMPOSTORS]
    gains = [soft_over(result, other) for other in IMPOSTORS]
    together = list(against.values())
    st.subheader(text["heading"], anchor=False)
    charts.show(
        gains_figure(names, gains, text["x"]),
        charts.table(
            [
                {
                    text["target"]: name,
                    text["better"]: gain.mean,
                    text["interval"]: gain.half_width,
                    "verdict": said,
                }
                for name, gain, said in zip(names, gains, together, strict=True)
            ]
        ),
        text["alternative"].format(gains="; ".join(map(in_words, names, gains, together))),
        key="against",
    )
    st.markdown(text["explain"])


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        run, measured = result.settings, result.measured
        with lesson.results():
            left, right = st.columns(2, gap="large")
            with left:
                show_example(measured.examples[int(controls["digit"])], run.temperature, run.split)
            with right:
                show_gains(result)
                show_against(result)
            lesson.compare(controls_pattern(result))
            lesson.claims(result)
        lesson.explain([targets.smoothed, targets.shuffled, targets.logits_of, soft_targets])
        lesson.tries()
