"""Today 2: without the data. What must a student see, and what can be made for it to see?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from kdcore.data import CLASSES
from kdcore.experiments import distilled_data, without_data
from kdcore.experiments.result import AnyResult
from kdcore.experiments.without_data import INPUTS, WithoutDataSettings, inputs_pattern
from kdcore.figures import between_figure, gains_figure, routes_figure
from kdcore.statistics import mean_interval, paired_difference
from kdcore.today.inputs import draw_inputs
from kdcore.today.invented import InventedCurve, invent, learned
from kdcore.today.objectives import SoftLabels
from kdcore.views.pictures import as_ink
from kdcore.visit.jobs import Job
from pages.common import charts, digit_images, jobs
from pages.common.lesson import Lesson
from pages.common.widgets import Choice, Control, Named, Toggle


def further_controls(text: dict[str, Any]) -> list[Control]:
    """Return what the page lets a learner set further down: inputs to look at, invented images."""
    known, starts = distilled_data.DistilledDataSettings.parameters(), text["starts"]
    return [
        Named("shown", text["inputs"]["control"], "", text["names"], "noise"),
        Toggle("invented", text["invented"]["switch"]),
        Choice(known["images"]),
        Choice(known["steps"]),
        Named("starts", starts["label"], starts["help"], starts["options"], "fixed"),
    ]


lesson = Lesson(
    "without_data",
    WithoutDataSettings,
    ["student_hidden", "temperature", "inputs_seen"],
    extras=further_controls,
)
controls, words = lesson.controls, lesson.words


def show_inputs(result: AnyResult) -> None:
    """Some inputs of one kind, and which classes the teacher names on all of that kind."""
    text, measured = words["inputs"], result.measured
    st.subheader(text["heading"], anchor=False)
    controls.show("shown")
    chosen = list(INPUTS).index(controls["shown"])
    name = words["names"][controls["shown"]]
    seen = as_ink(measured.shown[chosen])
    digit_images.show(list(seen), [text["image"].format(name=name)] * len(seen), [""] * len(seen))
    votes = measured.named[chosen].tolist()
    each = ", ".join(text["vote"].format(digit=d, votes=f"{v:,}") for d, v in enumerate(votes))
    st.markdown(text["votes"].format(name=name, each=each))


def show_students(result: AnyResult) -> None:
    """How well each student reads digits."""
    text = words["students"]
    st.subheader(text["heading"], anchor=False)
    names = [words["names"][row["inputs"]] for row in result.rows]
    reads = [result.interval(row) for row in result.rows]
    teacher = result.measured.teacher_accuracy
    each = "; ".join(f"{n} {charts.percent(r)}" for n, r in zip(names, reads, strict=True))
    lesson.chart(
        between_figure(names, reads, text["chance"], teacher, text["teacher"]),
        charts.table(result.rows),
        text["alternative"].format(each=each),
        key="students",
    )
    by_name = {row["inputs"]: row for row in result.rows}
    st.markdown(
        text["cue"].format(**{n: f"{row['classes_named']:.1f}" for n, row in by_name.items()})
    )


def show_soft_over_hard(result: AnyResult) -> None:
    """Soft labels against the class that the teacher names, for each kind of input."""
    text, hard = words["labels"], result.measured.hard_accuracy
    st.subheader(text["heading"], anchor=False)
    names = [words["names"][row["inputs"]] for row in result.rows]
    gains = [paired_difference(result.accuracy[:, i], hard[:, i]) for i in range(len(names))]
    each = "; ".join(
        f"{n} {charts.points(g.mean, g.half_width)}" for n, g in zip(names, gains, strict=True)
    )
    charts.show(
        gains_figure(names, gains, text["x"]),
        charts.table(
            [
                {text["inputs"]: name, text["better"]: gain.mean, text["interval"]: gain.half_width}
                for name, gain in zip(names, gains, strict=True)
            ]
        ),
        text["alternative"].format(each=each),
        key="labels",
    )


# -------------------------------------------------------------------------- the other way round


def show_pictures(pictures: Any, number: int, caption: str) -> None:
    """Draw the invented images after some improvements, all on one scale."""
    inks = as_ink(pictures)
    text = words["invented"]
    digits = [str(i % CLASSES) for i in range(inks.shape[-2])]
    digit_images.show(
        list(inks[number]), [text["image"].format(digit=d) for d in digits], digits, size=4.0
    )
    st.caption(caption)


def show_while_invented(job: Job[Any]) -> None:
    """Draw the images of the first seed as they are at this moment."""
    jobs.show_progress(job)
    curve = job.look().curve
    if isinstance(curve, InventedCurve) and curve.pictures:
        caption = words["invented"]["now"].format(improvements=curve.samples_seen[-1])
        show_pictures(curve.pictures[-1][None], 0, caption)


def show_invented() -> None:
    """Ten images that are invented to teach, against ten real ones."""
    text = words["invented"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["intro"])
    controls.show("invented")
    if not controls["invented"]:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name in ("images", "steps", "starts"):
            controls.show(name)

    def settings() -> distilled_data.DistilledDataSettings:
        # How long students train is another matter for the real images than for the noise above.
        own: distilled_data.DistilledDataSettings = controls.settings(
            distilled_data.DistilledDataSettings, student_samples=12_000
        )
        return own

    result = lesson.run_beside(distilled_data.EXPERIMENT, settings, show_while_invented)
    if result is None:
        return
    measured = result.measured
    last = len(measured.pictures) - 1
    number = st.slider(
        text["film"],
        0,
        last,
        last,
        help=text["film_help"],
        key=controls.key("film"),
    )
    number = min(number, last)
    show_pictures(
        measured.pictures,
        number,
        text["then"].format(improvements=measured.improvements[number]),
    )
    invented, real = (result.interval(row) for row in result.rows)
    fresh = mean_interval(measured.fresh_accuracy)
    names = [text["names"][name] for name in ("real", "invented", "fresh")]
    reads = [real, invented, fresh]
    each = "; ".join(f"{n} {charts.percent(r)}" for n, r in zip(names, reads, strict=True))
    charts.show(
        routes_figure(names, reads),
        charts.table(result.rows),
        text["alternative"].format(each=each),
        key="invented",
    )
    lesson.claims(result)


if lesson.predict():
    result = lesson.run(without_data.EXPERIMENT)
    if result:
        with lesson.results():
            left, right = st.columns(2, gap="large")
            with left:
                show_inputs(result)
                show_soft_over_hard(result)
            with right:
                show_students(result)
            lesson.compare(inputs_pattern(result))
            lesson.claims(result)
        show_invented()
        lesson.explain([draw_inputs, SoftLabels, learned, invent])
        lesson.tries()
