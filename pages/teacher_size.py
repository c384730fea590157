"""Lesson 2: does the best teacher make the best student?"""

from __future__ import annotations

import streamlit as st

from kdcore.distillation import plan_teachers
from kdcore.experiments import confidence, progressive
from kdcore.experiments.progressive import ProgressiveSettings, plan_assistants
from kdcore.experiments.result import AnyResult, difference
from kdcore.experiments.teacher_size import EXPERIMENT, TeacherSizeSettings, teacher_size_pattern
from kdcore.figures import accuracy_figure, entropy_points_figure, routes_figure
from kdcore.settings import ASSISTANT_LABELS, TEACHER_HIDDEN
from kdcore.statistics import not_told_apart
from pages.common import charts
from pages.common import run_words as called
from pages.common.lesson import Lesson, show_code, why_lower_is_alike
from pages.common.widgets import Named, Toggle
from pages.common.words import words as words_of

#: Teachers that grow in width and depth, in width alone, in depth alone.
LADDERS = {
    "both": TeacherSizeSettings().teachers,
    "width": ((8,), (16,), (64,), (128,), (256,), (512,)),
    "small": ((4,), (8,), (16,), (64,)),
    "depth": ((64,), (64, 64), (64, 64, 64), (64, 64, 64, 64)),
}
ladder = words_of("teacher_size")["ladder"]

lesson = Lesson(
    "teacher_size",
    TeacherSizeSettings,
    [
        Named("ladder", ladder["label"], ladder["help"], ladder["options"], "both"),
        "student_hidden",
        "labels",
        "temperature",
        "teacher_epochs",
    ],
    extras=lambda text: [
        Toggle("assistant", text["assistant"]["toggle"]),
        ASSISTANT_LABELS,
        Toggle("confidence", text["confidence"]["toggle"]),
    ],
)
controls, words = lesson.controls, lesson.words


def assistant_settings() -> ProgressiveSettings:
    """Return the settings of the detour through an assistant, with the same student."""
    defaults = ProgressiveSettings()
    # Its teacher is another, and so is how long that is trained.
    return controls.settings(ProgressiveSettings, teacher_epochs=defaults.teacher_epochs)


def show_accuracy(result: AnyResult) -> None:
    """Left panel: teachers and their students."""
    text, rows = words["accuracy"], result.rows
    shapes = [row["teacher_hidden"] for row in rows]
    best, alike = not_told_apart(result.accuracy)
    others = "; ".join(shapes[i] for i in alike if i != best)
    baseline = result.interval(rows[0], "hard_accuracy")
    st.subheader(text["heading"], anchor=False)
    lesson.chart(
        accuracy_figure(
            shapes,
            [result.interval(row) for row in rows],
            baseline,
            alike,
            text["x"],
            text,
            teacher=[row["teacher_accuracy"] for row in rows],
        ),
        charts.table(rows),
        text["alternative"].format(
            baseline=charts.percent(baseline), best=shapes[best], alike=others or "–"
        ),
        key="accuracy",
    )
    sure = text["sure" if others else "sure_alone"].format(best=shapes[best], alike=others)
    st.markdown(sure + why_lower_is_alike(result.accuracy, shapes))


def ends_in_words(result: AnyResult) -> str:
    """Say how far the students of the smallest and of the largest teacher are behind the best."""
    text, rows = words["accuracy"], result.rows
    best, alike = not_told_apart(result.accuracy)
    sizes = [row["teacher_parameters"] for row in rows]
    ends = []
    for end in dict.fromkeys(sizes.index(size) for size in (min(sizes), max(sizes))):
        if end != best:
            gap = difference(result, end, best)
            ends.append(
                text["behind" if end in alike else "beaten"].format(
                    teacher=rows[end]["teacher_hidden"],
                    gap=charts.points(gap.mean, gap.half_width),
                )
            )
    return str(text["ends"].format(best=rows[best]["teacher_hidden"], ends="; ".join(ends) or "–"))


def show_entropy(result: AnyResult) -> None:
    """Right panel: how soft each teacher's labels are."""
    text, rows = words["entropy"], result.rows
    entropies = [row["soft_label_entropy"] for row in rows]
    st.subheader(text["heading"], anchor=False)
    charts.show(
        entropy_points_figure([row["teacher_hidden"] for row in rows], entropies, text["x"]),
        charts.table(rows, ["teacher_hidden", "teacher_parameters", "soft_label_entropy"]),
        text["alternative"].format(low=f"{entropies[0]:.2f}", high=f"{entropies[-1]:.2f}"),
        key="entropy",
    )


def show_assistant() -> None:
    """The bridge between a large teacher and a small student."""
    text = words["assistant"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    controls.show("assistant")
    if not controls["assistant"]:
        return
    controls.show("assistant_labels")
    result = lesson.run_beside(progressive.EXPERIMENT, assistant_settings)
    if not result:
        return
    names = [text["routes"][row["route"]] for row in result.rows]
    accuracies = [result.interval(row) for row in result.rows]
    charts.show(
        routes_figure(names, accuracies),
        charts.table(result.rows),
        text["alternative"].format(
            routes="; ".join(
                f"{name} {charts.percent(accuracy)}"
                for name, accuracy in zip(names, accuracies, strict=True)
            )
        ),
        key="routes",
    )
    direct, small = (
        (difference(result, progressive.VIA_ASSISTANT, other), said)
        for other, said in progressive.against_the_detour(result).items()
    )
    settings = result.settings
    st.markdown(
        text["sentence"].format(
            verdict=called.verdict(direct[1]),
            gain=charts.points(direct[0].mean, direct[0].half_width),
            small_verdict=called.verdict(small[1]),
            small_gain=charts.points(small[0].mean, small[0].half_width),
            teacher=TEACHER_HIDDEN.format(settings.teacher_hidden),
            epochs=settings.teacher_epochs,
        )
    )
    lesson.claims(result)
    show_code([plan_assistants])


def show_confidence() -> None:
    """Is it the gap in confidence? The same teacher's logits on other scales."""
    text = words["confidence"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    controls.show("confidence")
    if not controls["confidence"]:
        return
    # A setting of its own: all the labels and a small student.
    result = lesson.run_beside(confidence.EXPERIMENT, confidence.ConfidenceSettings)
    if not result:
        return
    names = [
        text["treatments"][row["treatment"]].format(temperature=f"{row['temperature'] or 0:g}")
        for row in result.rows
    ]
    accuracies = [result.interval(row) for row in result.rows]
    each = zip(names, accuracies, strict=True)
    charts.show(
        routes_figure(names, accuracies),
        charts.table(result.rows),
        text["alternative"].format(
            treatments="; ".join(f"{name} {charts.percent(value)}" for name, value in each)
        ),
        key="confidence",
    )
    st.markdown(
        text["spread"].format(
            teacher=charts.percent(result.measured.teacher_accuracy),
            spread=f"{result.measured.teacher_spread.mean:.1f}",
        )
    )
    lesson.claims(result)


if lesson.predict():
    result = lesson.run(EXPERIMENT, lambda: lesson.settings(teachers=LADDERS[controls["ladder"]]))
    if result:
        with lesson.results():
            left, right = st.columns(2, gap="large")
            with left:
                show_accuracy(result)
            with right:
                show_entropy(result)
            lesson.compare(teacher_size_pattern(result), ends_in_words(result))
            lesson.claims(result)
        lesson.explain([plan_teachers])
        show_assistant()
        show_confidence()
        lesson.tries()
