"""The Lab: three sliders, and what they do to a teacher and two students."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from kdcore.data import digits
from kdcore.experiments.lab import LabSettings, MeasuredLab
from kdcore.experiments.result import MeasuredCurve, entropy_curve
from kdcore.figures import entropy_figure, learning_curves_figure
from kdcore.statistics import verdict
from pages.common import cards, charts, frame, jobs, take_home
from pages.common.answer import ask_lab
from pages.common.earlier import keep
from pages.common.lesson import provenance_of, show_seeds
from pages.common.live_bars import THUMBNAILS, ExampleDigit, live_bars, temperature_slider
from pages.common.widgets import Controls, Remembered, control_of

CHART_HEIGHT = 300

#: What stays where it is when something is tried: it is looked at, not run.
LOOKED_AT = ("digit",)

words = frame.page("lab")
SETTINGS = LabSettings.parameters()
controls = Controls(
    "lab",
    [
        *(control_of(parameter) for parameter in SETTINGS.values()),
        Remembered("digit", THUMBNAILS[7], len(digits().test) - 1),
    ],
)
controls.show_notes()


def example_digits(result: MeasuredLab) -> list[ExampleDigit]:
    """Return the digits to choose from: the thumbnails and the one that is hardest now."""
    test = digits(controls["split"]).test
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


def curves_table(result: MeasuredLab) -> pd.DataFrame:
    """Return the learning curves of all three as one table."""
    x, y = "samples seen", "test accuracy (%)"
    return pd.concat(
        curve_table(curve, x, y, 100).assign(network=words["bars"][who])
        for who, curve in result.curves_of.items()
    )


def show_inherited(result: MeasuredLab) -> None:
    """Say how much of its teacher's errors each student has taken over."""
    if result.inherits is None:
        return
    more = result.inherits["more"]
    text = words["inherits"]
    said = text[verdict(more).replace(" ", "_")].format(
        more=charts.points(more.mean, more.half_width)
    )
    shares = {who: charts.percent(result.inherits[who]) for who in ("hard", "distilled")}
    st.markdown(text["text"].format(said=said, **shares))


def try_out(values: Mapping[str, Any]) -> None:
    """Set what is to be tried, from the defaults on: tries do not leak into each other."""
    controls.reset(LOOKED_AT)
    controls.set(values)


def is_set(values: Mapping[str, Any]) -> bool:
    """Return whether exactly this is tried now."""
    return all(
        controls.text(name) == controls.text_of(name, values.get(name))
        for name in SETTINGS
        if name in controls
    )


def show_tries() -> None:
    """Offer a few things to change, as buttons that set everything, and ask what comes of it."""
    text = words["next"]
    with st.container(key="tries", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{text['heading']}**", width="content")
        said = text["explain"]
        for number, idea in enumerate(text["tries"]):
            st.button(
                idea["button"],
                key=controls.key(f"try-{number}"),
                on_click=try_out,
                args=(idea["set"],),
            )
            said = idea["text"] if is_set(idea["set"]) else said
        with st.container(width="stretch"):
            st.caption(said)
        if not is_set({}):
            st.button(
                text["reset"],
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=try_out,
                args=({},),
            )


def show_before(lab: MeasuredLab) -> None:
    """Show what distilling was worth in the run before, and what was set otherwise there."""
    now = {name: controls.text(name) for name in SETTINGS if name in controls}
    gain = charts.points(lab.gain.mean, lab.gain.half_width)
    before = keep(controls.key("said"), now, lambda: gain).get("before")
    if before is None:
        return
    settings = ", ".join(
        f"{controls.label(name)} {value}"
        for name, value in before.settings.items()
        if value != now[name]
    )
    st.caption(words["next"]["before"].format(settings=settings, gain=before.shown))


# ------------------------------------------------------------------------------- the controls

whole = st.container(key="knobs-and-result")
with whole:
    show_tries()
with whole, st.container(key="controls"), st.container(key="knobs"):
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


# -------------------------------------------------------------------- the bars and the figures

with whole:
    left, right = st.columns([7, 5], gap="large")
    with right:
        figures, below = st.container(), st.container(key="provenance")
    with below:
        show_seeds(controls, "student_samples", "seeds")
        progress = st.empty()
    answered = ask_lab(lambda: controls.settings(LabSettings), controls, progress)
    lab = answered.result.measured if answered.result else None
    with left:
        live_bars(
            controls,
            example_digits(lab) if lab else [],
            words["bars"],
            stale=answered.stale,
        )
    with figures:
        cards.accuracies(lab, words["results"], answered.stale)
        if lab and not answered.stale:
            show_before(lab)
    with below:
        if answered.result and not answered.stale:
            charts.provenance(provenance_of(answered.result))
        answered.follow(jobs.show_progress)
    # A phone shows no more than the controls and the bars at once: this stays at its foot.
    with st.container(key="in-short"):
        cards.in_short(lab, words["results"], answered.stale)

left, right = st.columns(2, gap="large")
with left:
    st.subheader(words["entropy"]["heading"], anchor=False)
    if answered.result and lab:
        curve = lab.entropy
        at_one = curve.y[curve.x.index(1.0)].mean
        st.markdown(words["entropy"]["explain"].format(at_one=f"{at_one:.2f}"))
        here = entropy_curve(lab.teacher_logits, [controls["temperature"]]).y[0]
        charts.show(
            charts.shared(
                ("entropy", answered.result.settings, controls["temperature"]),
                partial(entropy_figure, curve, controls["temperature"], words["entropy"]["curve"]),
            ),
            charts.shared(
                ("entropies", answered.result.settings),
                partial(curve_table, curve, "temperature T", "entropy (nats)"),
            ),
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
    if answered.result and lab:
        st.markdown(
            words["curves"]["explain"].format(
                teacher_samples=f"{lab.curves_of['teacher'].x[-1]:,.0f}",
                student_samples=f"{lab.curves_of['hard'].x[-1]:,.0f}",
                labels=answered.result.settings.labels,
            )
        )
        charts.show(
            charts.shared(
                ("curves", answered.result.settings),
                partial(learning_curves_figure, lab.curves_of, words["bars"]),
            ),
            charts.shared(("accuracies", answered.result.settings), partial(curves_table, lab)),
            words["curves"]["alternative"].format(
                **{who: charts.percent(lab.of(who)) for who in ("teacher", "hard", "distilled")}
            ),
            key="curves-chart",
        )
        show_inherited(lab)
    else:
        charts.placeholder(CHART_HEIGHT)

if answered.result:
    take_home.show(answered.result, "lab")
