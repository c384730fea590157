"""Anatomy of the loss: one example taken apart, and what the factor T² is for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
import torch

from kdcore import losses
from kdcore.data import digits
from kdcore.experiments import t_squared
from kdcore.experiments.lab import LabSettings, MeasuredLab
from kdcore.experiments.t_squared import TSquaredSettings, factor, gained_by_factor
from kdcore.figures import gains_figure, gradient_sizes_figure
from kdcore.losses import alpha_without_factor
from kdcore.settings import ALPHA, TEMPERATURE, Number
from kdcore.views.anatomy import Example, gradient_sizes
from pages.common import cards, charts, frame, glossary, jobs
from pages.common import run_words as called
from pages.common.answer import ask, ask_lab
from pages.common.lesson import provenance_of, verdict_of
from pages.common.live_bars import THUMBNAILS, ExampleDigit, live_bars, temperature_slider
from pages.common.stepper import stepper
from pages.common.widgets import Choice, Controls, Named, Remembered, Toggle, control_of

#: What the Lab trains unless asked otherwise: on a warm server it is there already.
SETTINGS = LabSettings()

FIGURE_HEIGHT = 710
FACTOR_HEIGHT = 420

CURVE_TEMPERATURES = [round(0.5 * 200 ** (i / 60), 4) for i in range(61)]
LARGEST_LOGIT = 50.0

words = frame.page("anatomy")
text = words["controls"]
classes = digits().classes


@dataclass(frozen=True)
class Logits:
    """Ten numbers that the learner sets by hand."""

    name: str
    label: str
    default: tuple[float, ...]

    def read(self, written: str) -> tuple[tuple[float, ...], str | None]:
        try:
            values = tuple(float(part) for part in written.split(","))
        except ValueError:
            values = ()
        # A comparison with NaN is false, so that it is refused, too.
        if len(values) == classes and all(abs(value) <= LARGEST_LOGIT for value in values):
            return values, None
        return self.default, text["logits_wrong"].format(name=self.label, count=classes)

    def write(self, values: tuple[float, ...]) -> str:
        return ",".join(f"{value:g}" for value in values)

    def show(self, key: str) -> None:
        """Draw a line to write the numbers in; what is not understood changes nothing."""
        written = f"{key}-text"

        def take_over() -> None:
            values, trouble = self.read(st.session_state[written])
            st.session_state[f"{key}-trouble"] = trouble
            if not trouble:
                st.session_state[key] = values

        shown = self.write(st.session_state[key]).replace(",", ", ")
        st.text_input(self.label, shown, key=written, help=text["logits_help"], on_change=take_over)
        if trouble := st.session_state.get(f"{key}-trouble"):
            st.warning(trouble)


controls = Controls(
    "anatomy",
    [
        control_of(TEMPERATURE),
        control_of(ALPHA),
        Choice(Number("rate", 0.1, 4.0, 1.0, (0.1, 0.5, 1.0, 2.0, 4.0), as_slider=True)),
        Named("source", text["source"], text["source_help"], text["sources"], "digit", True),
        Remembered("digit", THUMBNAILS[8], len(digits().test) - 1),
        Named("student", text["student"], text["student_help"], text["students"], "blank"),
        Choice(Number("label", 0, classes - 1, 3, tuple(range(classes)), whole=True)),
        Logits("teacher_logits", text["teacher_logits"], (0, 1, 2, 8, -2, 4, 0, 1, 5, 2)),
        Logits("student_logits", text["student_logits"], (0,) * classes),
        Toggle("factor", words["factor"]["toggle"]),
        control_of(TSquaredSettings.parameters()["temperatures"]),
    ],
)
controls.show_notes()


# ------------------------------------------------------------------------------------ the example


def first_example(result: MeasuredLab | None) -> Example | None:
    """Return the chosen example before the first step; None while the teacher is trained."""
    if controls["source"] == "hand":
        student, teacher = (
            torch.tensor(controls[f"{who}_logits"], dtype=torch.float32)
            for who in ("student", "teacher")
        )
        return Example(student, teacher, controls["label"])
    if result is None:
        return None
    index = controls["digit"]
    teacher = result.example_logits["teacher"][index]
    trained = result.example_logits["hard"][index]
    student = trained if controls["student"] == "hard" else torch.zeros_like(teacher)
    return Example(student, teacher, int(digits().test.labels[index]))


# --------------------------------------------------------------------------------- the factor T²


def show_sizes(result: MeasuredLab, seconds: float) -> None:
    """Draw the size of the soft gradient over T, with the factor T² and without it."""
    said, logits = words["size"], result.example_logits
    labels = digits().test.labels
    sizes = gradient_sizes(logits["hard"], logits["teacher"], labels, CURVE_TEMPERATURES)
    named_points = gradient_sizes(logits["hard"], logits["teacher"], labels, [4.0, 20.0])
    st.subheader(said["heading"], anchor=False)
    st.markdown(
        said["explain"].format(
            n=len(labels),
            plain_20=f"{named_points.plain[1].mean:.2g}",
            squared_20=f"{named_points.squared[1].mean:.2g}",
            hard=f"{sizes.hard.mean:.2g}",
        )
    )
    named = said["table"]
    table = {
        named["temperature"]: sizes.temperatures,
        named["squared"]: [point.mean for point in sizes.squared],
        named["squared_ci"]: [point.half_width for point in sizes.squared],
        named["plain"]: [point.mean for point in sizes.plain],
        named["plain_ci"]: [point.half_width for point in sizes.plain],
        named["limit"]: [sizes.limit] * len(sizes.temperatures),
        named["plain_limit"]: sizes.plain_limit,
    }
    charts.show(
        gradient_sizes_figure(sizes, controls["temperature"], said),
        pd.DataFrame(table),
        said["alternative"].format(
            squared_low=f"{sizes.squared[0].mean:.2g}",
            squared_high=f"{sizes.squared[-1].mean:.2g}",
            plain_low=f"{sizes.plain[0].mean:.2g}",
            plain_high=f"{sizes.plain[-1].mean:.2g}",
            limit=f"{sizes.limit:.2g}",
            hard=f"{sizes.hard.mean:.2g}",
        ),
        key="sizes",
    )
    charts.provenance(
        said["provenance"].format(
            n=len(labels), seconds=f"{seconds:.1f}", samples=f"{SETTINGS.student_samples:,}"
        )
    )
    with st.expander(said["limit_heading"], icon=":material/function:"):
        st.markdown(
            said["limit_explained"].format(
                share=f"{sizes.squared[-1].mean / sizes.limit:.2f}",
                share_4=f"{named_points.squared[0].mean / sizes.limit:.2f}",
            )
        )


def factor_settings() -> TSquaredSettings:
    """Return the settings of the students that are trained with the factor and without it.

    At first with the α that they come with: another one is trained for when it is asked for, not
    for each place of a slider that is meant for the arrows.
    """
    alpha = controls["alpha"] if controls["factor"] else TSquaredSettings().alpha
    return controls.settings(TSquaredSettings, alpha=alpha)


def show_factor() -> None:
    """Train students with the factor T² and without it."""
    said = words["factor"]
    st.subheader(said["heading"], anchor=False)
    asked_for = not all(controls.is_default(name) for name in ("factor", "temperatures"))
    answered = ask(t_squared.EXPERIMENT, factor_settings, controls, seen=asked_for)
    verdict = st.container(gap="small")
    alpha, T = controls["alpha"], controls["temperature"]
    st.markdown(
        said["explain"].format(
            alpha=f"{alpha:g}", temperature=f"{T:g}", meant=f"{alpha_without_factor(alpha, T):.3g}"
        )
    )
    controls.show("temperatures")
    if controls["factor"] or alpha != TSquaredSettings().alpha:
        controls.show("factor")
    answered.follow(jobs.show_progress)
    result = answered.result
    if result is None:
        charts.placeholder(FACTOR_HEIGHT)
        return
    # Not the accuracies themselves: at which T a student is best is asked in the next lesson.
    gained = {
        said["at"].format(temperature=f"{T:g}"): g for T, g in gained_by_factor(result).items()
    }
    points = [charts.points(gain.mean, gain.half_width) for gain in gained.values()]
    charts.show(
        gains_figure(list(gained), list(gained.values()), said["x"]),
        charts.table(
            [
                {said["name"]: name, said["x"]: 100 * gain.mean, said["ci"]: 100 * gain.half_width}
                for name, gain in gained.items()
            ]
        ),
        said["alternative"].format(
            gains="; ".join(f"{name}: {gain}" for name, gain in zip(gained, points, strict=True))
        ),
        key="factor-chart",
    )
    charts.provenance(provenance_of(result, controls))
    judged = factor(result)
    claim = words["claims"]["factor"]
    cards.claim(claim["text"], claim["source"], judged.verdict, verdict_of(judged.verdict, result))
    st.markdown(claim["measured"].format(**called.judgement(judged)))
    st.caption(said["own"])
    verdict.markdown(
        said["found"].format(
            temperature=f"{max(result.settings.temperatures):g}",
            alpha=f"{result.settings.alpha:g}",
            gain=points[-1],
        )
    )


def show_reading() -> None:
    """Say in words what pulls, by which names; the formulas unfold."""
    said = words["read"]
    st.subheader(said["heading"], anchor=False)
    for paragraph in said["paragraphs"]:
        glossary.markdown(paragraph)
    with st.expander(said["fold"], icon=":material/function:"):
        for formula in said["formulas"]:
            st.markdown(formula["text"])
            st.latex(formula["formula"])


def show_code(functions: list[Callable[..., Any]]) -> None:
    """Show the source of the loss, from the engine itself, folded."""
    with st.expander(words["code"]["heading"], icon=":material/code:"):
        st.markdown(words["code"]["intro"])
        for tab, function in zip(st.tabs([f.__name__ for f in functions]), functions, strict=True):
            tab.code(inspect.getsource(function), "python", wrap_lines=True)


# -------------------------------------------------------------------------------------- the page


def example_digits(result: MeasuredLab | None) -> list[ExampleDigit]:
    """Return the digits to choose from; their bars are not drawn here."""
    test = digits().test
    return [
        ExampleDigit(
            index, int(test.labels[index]), [round(16 * v) for v in test.inputs[index].tolist()], {}
        )
        for index in dict.fromkeys((*THUMBNAILS, controls["digit"]))
        if result is not None
    ]


def show_source(result: MeasuredLab | None) -> None:
    """Draw what chooses the example."""
    left, right = st.columns([5, 8], gap="large")
    with left, st.container(key="control-row", horizontal=True):
        controls.show("source")
        controls.show("student" if controls["source"] == "digit" else "label")
    with right:
        if controls["source"] == "hand":
            controls.show("teacher_logits")
            controls.show("student_logits")
            return
        st.html(f'<p class="quiet small">{escape(text["digit_hint"])}</p>')
        live_bars(
            controls,
            example_digits(result),
            words["bars"],
            stale=False,
            rows=[],
            height="2.6rem",
            key="digit-choice",
        )


answered = ask_lab(lambda: SETTINGS, controls)
result = answered.result.measured if answered.result else None

with st.container(key="controls"):
    first, second, third = st.columns(3, gap="medium")
    with first:
        temperature_slider(controls)
    with second:
        controls.show("alpha")
    with third:
        controls.show("rate")
    show_source(result)

left, right = st.columns([7, 5], gap="large")
with left:
    example = first_example(result)
    if example is not None:
        stepper(
            example,
            controls["temperature"],
            controls["alpha"],
            controls["rate"],
            words["stepper"],
        )
    else:
        answered.follow(jobs.show_progress)
        charts.placeholder(FIGURE_HEIGHT)
with right:
    show_reading()

left, right = st.columns(2, gap="large")
with left:
    show_factor()
with right:
    if answered.result and result:
        show_sizes(result, answered.result.seconds)
    elif example is not None:
        answered.follow(jobs.show_progress)
show_code(
    [
        losses.distillation_loss,
        losses.alpha_without_factor,
        losses.kl_divergence,
        losses.distillation_gradient,
        losses.soft_gradient,
    ]
)
controls.write_address()
