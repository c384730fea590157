"""In practice: how much smaller and faster a student is, and how much of the quality it keeps.

What the learner's own run says stands first; what others have made of it unfolds below.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from kdcore.claims import MARGIN
from kdcore.data import digits
from kdcore.distillation import layer_sizes
from kdcore.experiments import cost
from kdcore.experiments.cost import CostSettings, MeasuredCost
from kdcore.experiments.result import AnyResult
from kdcore.experiments.student_size import (
    EXPERIMENT,
    FRACTION,
    MOST,
    SameAccuracy,
    StudentSizeSettings,
    how_much_smaller,
    same_accuracy,
    student_size,
)
from kdcore.figures import published_systems_figure, student_size_figure
from kdcore.models import parameter_count
from kdcore.practice.latency import (
    Fit,
    Latency,
    Speedup,
    measure_latency,
    multiply_adds,
    time_calls,
)
from kdcore.practice.published import System, published_systems
from kdcore.settings import STUDENT_HIDDEN
from pages.common import charts, take_home, visit
from pages.common import run_words as called
from pages.common.lesson import Lesson
from pages.common.widgets import control_of

MILLION, BILLION = 10**6, 10**9

#: What the calculator offers: parameters of a model, bytes for each, gigabytes of a device.
MODEL_SIZES = (
    *(1 * MILLION, 3 * MILLION, 10 * MILLION, 30 * MILLION, 82 * MILLION, 124 * MILLION),
    *(300 * MILLION, 1 * BILLION, 3 * BILLION, 10 * BILLION, 30 * BILLION, 100 * BILLION),
)
PARAMETER_BYTES = (4, 2, 1)
DEVICE_GIGABYTES = (0.5, 1, 2, 4, 8, 16, 32, 64)


def show_elsewhere(words: dict[str, Any]) -> None:
    """Outside of this lab, folded: does a model fit, and what have others made of it?"""
    with st.container(key="elsewhere"):
        for show, text, icon in (
            (show_problem, words["problem"], ":material/memory:"),
            (show_published, words["published"], ":material/library_books:"),
        ):
            with st.expander(text["heading"], icon=icon):
                show(text)


def show_problem(text: dict[str, Any]) -> None:
    """A calculator: does a model fit into a device, and what does an answer cost?"""
    st.markdown(text["explain"])
    left, middle, right = st.columns([5, 3, 4], gap="medium")
    with left:
        parameters = st.select_slider(
            text["parameters"],
            MODEL_SIZES,
            10 * BILLION,
            format_func=lambda n: text["marks"].get(str(n), in_words(n, text)),
            help=text["parameters_help"],
            key="in_practice.fit-parameters",
            persist_state="session",
        )
    with middle:
        size = st.selectbox(
            text["bytes"],
            PARAMETER_BYTES,
            help=text["bytes_help"],
            key="in_practice.fit-bytes",
            persist_state="session",
        )
    with right:
        memory = st.select_slider(
            text["memory"],
            DEVICE_GIGABYTES,
            8,
            format_func=lambda n: text["gigabytes"].format(n=n),
            help=text["memory_help"],
            key="in_practice.fit-memory",
            persist_state="session",
        )
    fit = Fit(parameters, size, memory * BILLION)
    left, middle, right = st.columns(3, gap="medium")
    left.metric(text["weights"], in_bytes(fit.bytes))
    middle.metric(
        text["room"].format(memory=text["gigabytes"].format(n=memory)),
        text["fits" if fit.fits else "fits_not"].format(times=in_times(fit.times)),
    )
    right.metric(text["work"], text["about"].format(n=in_words(fit.multiply_adds, text)))
    charts.provenance(text["provenance"])


def show_published(text: dict[str, Any]) -> None:
    """Published systems: what is said and what the sources say, and size against quality."""
    systems = published_systems()
    st.markdown(text["explain"])
    show_sayings(systems, text)
    show_sizes(systems, text)
    sources = "; ".join(f"{system.name}: {system.source}" for system in systems)
    charts.provenance(text["provenance"].format(sources=sources))


def show_sayings(systems: tuple[System, ...], text: dict[str, Any]) -> None:
    """What is commonly said of each system beside what its source says."""
    columns = text["columns"]
    rows = [
        {
            columns["system"]: f"**{system.name}**",
            columns["said"]: system.commonly_said,
            columns["found"]: text["found"].format(
                mark=text["marks"][system.mark], text=system.source_says, source=system.source
            ),
        }
        for system in systems
    ]
    st.table(charts.table(rows).set_index(columns["system"]))


def show_sizes(systems: tuple[System, ...], text: dict[str, Any]) -> None:
    """How small each system is, and how much of the quality it keeps."""
    drawn = [system for system in systems if system.found.quality_kept is not None]
    left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
    with left:
        charts.show(
            published_systems_figure(systems, text["x"], text["y"], text),
            charts.table([published_row(system) for system in drawn]),
            text["alternative"].format(
                points="; ".join(published_point(system, text) for system in drawn)
            ),
            key="published",
        )
    right.markdown(text["note"])


def published_row(system: System) -> dict[str, str | float | None]:
    """Return what the chart of published systems shows of one of them."""
    return {
        "system": system.name,
        "teacher": system.teacher,
        "size_left": system.found.size_left,
        "quality_kept": system.found.quality_kept,
        "measure": system.measure,
        "source": system.source,
    }


def published_point(system: System, text: dict[str, Any]) -> str:
    """Write one point of the chart of published systems."""
    assert system.found.size_left is not None and system.found.quality_kept is not None
    more = text["more_than"] if system.at_least else ""
    return text["point"].format(
        name=system.name,
        size=f"{100 * system.found.size_left:.0f}",
        quality=f"{more}{100 * system.found.quality_kept:.3g}",
        measure=system.measure,
        source=system.source,
    )


def in_words(n: int, text: dict[str, Any]) -> str:
    """Write a large number as ``124 million`` or ``10 billion``."""
    if n >= BILLION:
        return text["billion"].format(n=n / BILLION)
    return text["million"].format(n=n / MILLION)


def in_times(times: float) -> str:
    """Write how many times something fits or is too large."""
    return f"{times:.3g}" if times < 10 else f"{times:,.0f}"


def in_bytes(n: int) -> str:
    """Write a number of bytes with its unit."""
    for unit, size in (("GB", BILLION), ("MB", MILLION), ("kB", 1000)):
        if n >= size:
            return f"{n / size:,.3g} {unit}"
    return f"{n} B"


lesson = Lesson(
    "in_practice",
    StudentSizeSettings,
    [
        "teacher_hidden",
        # Of the students of all widths, the one that is weighed.
        control_of(STUDENT_HIDDEN),
        "labels",
        "temperature",
        "alpha",
    ],
)
controls, words = lesson.controls, lesson.words


def cost_settings() -> CostSettings:
    """Return which student is weighed against which teacher, and for which time."""
    return controls.settings(CostSettings, repeat=st.session_state.get(controls.key("repeat"), 0))


def measure_again() -> None:
    """Ask for another measurement of the same networks."""
    st.session_state[controls.key("repeat")] = 1 + st.session_state.get(controls.key("repeat"), 0)


def show_size(result: AnyResult) -> None:
    """The trade-off: accuracy over the number of parameters, and how small is small enough."""
    text, rows, run = words["size"], result.rows, result.settings
    teacher_parameters = parameter_count(layer_sizes(digits(run.split), run.teacher_hidden))
    st.subheader(text["heading"], anchor=False)
    left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
    with left:
        lesson.chart(
            student_size_figure(
                rows, run.seeds, teacher_parameters, controls["student_hidden"][0], text["x"], text
            ),
            charts.table(rows),
            text["alternative"].format(
                teacher_parameters=f"{teacher_parameters:,}",
                teacher=f"{100 * rows[0]['teacher_accuracy']:.1f} %",
                points="; ".join(
                    text["point"].format(
                        width=hard["student_width"],
                        parameters=f"{hard['parameters']:,}",
                        hard=charts.percent(result.interval(hard)),
                        distilled=charts.percent(result.interval(distilled)),
                        verdict=called.verdict(distilled["verdict"]),
                    )
                    for hard, distilled in zip(rows[::2], rows[1::2], strict=True)
                ),
            ),
            key="size",
        )
    with right:
        show_same_accuracy(result, same_accuracy(result))


def show_same_accuracy(result: AnyResult, same: SameAccuracy) -> None:
    """What is enough is measured by, and how small a student is enough."""
    best = same.best_hard
    st.markdown(
        words["size"]["measure"].format(
            width=best["student_width"],
            accuracy=charts.percent(result.interval(best)),
            margin=f"{100 * MARGIN:g}",
        )
    )
    st.markdown(how_small(same))


def how_small(same: SameAccuracy) -> str:
    """Say how small a student is enough, with and without distillation: the page's question."""
    text, hard = words["size"], same.smallest_hard
    said = {
        "hard_width": hard["student_width"],
        "hard_parameters": f"{hard['parameters']:,}",
        "low": f"{same.times.low:.1f}",
        "high": f"{same.times.high:.1f}",
    }
    distilled, difference = same.smallest_distilled, same.difference
    if distilled is not None and difference is not None:
        said |= {
            "width": distilled["student_width"],
            "parameters": f"{distilled['parameters']:,}",
            "times": f"{same.times_smaller:.1f}",
            "difference": charts.points(difference.mean, difference.half_width),
        }
    return str(text[same.outcome].format(**said))


def show_cost(cost: MeasuredCost) -> None:
    """Weigh the student against its teacher: size, work, time, accuracy."""
    text = words["cost"]
    columns = text["columns"]
    rows = [dict(zip(columns.values(), row, strict=True)) for row in cost_rows(cost, text)]
    st.table(charts.table(rows).set_index(columns["quantity"]))
    at = visit.local(datetime.fromtimestamp(cost.finished, UTC)).strftime("%H:%M:%S")
    charts.provenance(
        text["provenance"].format(
            at=at,
            threads=cost.threads,
            rounds=cost.rounds,
            n=cost.lab.measured.distilled.n,
            samples=f"{cost.lab.settings.student_samples:,}",
        )
    )
    st.button(text["again"], icon=":material/timer:", on_click=measure_again)
    st.markdown(text["work"].format(share=f"{100 * cost.share_of_work:.3g} %"))
    for batch, sentences in ((1, text["one"]), (256, text["many"])):
        faster, student = cost.faster(batch), cost.student.latency[batch]
        share = round(100 * student.calling_share)
        st.markdown(
            speed_sentence(faster, sentences)
            + " "
            + text["mostly_calling" if student.is_mostly_calling else "mostly_model"].format(
                share=share
            )
        )
    with st.expander(text["included_heading"], icon=":material/timer:"):
        st.markdown(text["included"].format(rounds=cost.rounds))


def cost_rows(cost: MeasuredCost, text: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the table: quantity, teacher, student, student against teacher."""
    names, run = text["rows"], cost.lab.settings
    teacher, student = cost.teacher, cost.student

    def count(attribute: str, times: float) -> tuple[str, str, str, str]:
        of_teacher, of_student = getattr(teacher, attribute), getattr(student, attribute)
        return names[attribute], f"{of_teacher:,}", f"{of_student:,}", fewer(times, text)

    rows = [
        (names["units"], str(run.teacher_hidden[0]), str(run.student_hidden[0]), ""),
        count("parameters", cost.smaller),
        count("bytes", cost.smaller),
        count("multiply_adds", cost.less_work),
    ]
    for batch in (1, 256):
        both = [teacher.latency[batch], student.latency[batch]]
        times = [in_microseconds(latency, text) for latency in both]
        faster = speed_sentence(cost.faster(batch), text["speed"])
        rows.append((names[f"latency_{batch}"], times[0], times[1], faster))
        calls = [
            text["calling" if latency.calling <= latency.median else "calling_all"].format(
                time=f"{1e6 * latency.calling:.1f}", share=round(100 * latency.calling_share)
            )
            for latency in both
        ]
        rows.append((names[f"calling_{batch}"], calls[0], calls[1], ""))
    return [
        *rows,
        (
            names["throughput"],
            f"{teacher.latency[256].examples_per_second:,.0f}",
            f"{student.latency[256].examples_per_second:,.0f}",
            "",
        ),
        (
            names["accuracy"],
            charts.percent(cost.lab.measured.teacher),
            text["taught"].format(
                distilled=charts.percent(cost.lab.measured.distilled),
                hard=charts.percent(cost.lab.measured.hard),
            ),
            text["keeps"].format(share=f"{100 * cost.quality_kept:.1f}"),
        ),
    ]


def fewer(times: float, text: dict[str, Any]) -> str:
    """Write how many times fewer the student has or needs."""
    if times == 1:
        return text["alike"]
    if times > 1:
        return text["fewer"].format(times=f"{times:.1f}")
    return text["more"].format(times=f"{1 / times:.1f}")


def in_microseconds(latency: Latency, text: dict[str, Any]) -> str:
    """Write a latency with its spread."""
    return text["latency"].format(
        **{name: f"{1e6 * getattr(latency, name):.1f}" for name in ("median", "low", "high")}
    )


def in_short(ratio: float) -> str:
    """Write a ratio with as many digits as it deserves."""
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}"


def speed_sentence(faster: Speedup, sentences: dict[str, str]) -> str:
    """Say how much faster or slower the student is, as the rounds have it."""
    times, low, high = faster.median, faster.low, faster.high
    if faster.verdict == "slower":
        times, low, high = 1 / times, 1 / high, 1 / low
    return sentences[faster.verdict].format(
        times=in_short(times), low=in_short(low), high=in_short(high)
    )


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        with lesson.results():
            show_size(result)
            same = same_accuracy(result)
            lesson.compare(how_much_smaller(same), how_small(same))
            lesson.claims(result, most=f"{100 * MOST:.0f} %", fraction=f"{100 * FRACTION:.0f} %")
        with st.container(key="cost-head", gap=None):
            lesson.bring("cost", "st-key-cost-head")
            st.subheader(words["cost"]["heading"], anchor=False)
        st.markdown(words["cost"]["explain"])
        weighed = lesson.run_beside(cost.EXPERIMENT, cost_settings)
        if weighed:
            show_cost(weighed.measured)
            take_home.show(weighed.measured.lab, key="in_practice")
        lesson.explain([student_size, same_accuracy, multiply_adds, measure_latency, time_calls])
        lesson.tries()
show_elsewhere(words)
