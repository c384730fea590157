"""Smaller, faster, how good? Students of several sizes, with and without a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kdcore.claims import MARGIN, Claim, ClaimVerdict, Judgement, best_row
from kdcore.data import digits
from kdcore.distillation import layer_sizes, plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    difference,
    measured_curve,
    plan_students,
    teacher_samples,
)
from kdcore.models import parameter_count
from kdcore.plans import Plan, parts, planned
from kdcore.practice.latency import BYTES_PER_PARAMETER, multiply_adds
from kdcore.randomness import generator
from kdcore.settings import (
    ALPHA,
    LABELS,
    STUDENT_WIDTHS,
    TEACHER_HIDDEN,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.statistics import (
    Floats,
    Interval,
    Range,
    as_good,
    bootstrap_interval,
    mean_interval,
    verdicts,
)

#: Those of one layer first, so that the widest of them stands beside those it is compared with.
TEACHERS = ((16,), (64,), (256,), (512,), (256, 128), (512, 256, 128))


@dataclass(frozen=True, kw_only=True)
class StudentSizeSettings(Settings):
    """What is compared: students of several widths, on hard labels and distilled."""

    labels: int = setting(LABELS, 100)
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN, (256,), offered=TEACHERS)
    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)
    student_widths: tuple[int, ...] = setting(STUDENT_WIDTHS)

    def work(self) -> float:
        students = sum(self.student_work((width,), 2) for width in self.student_widths)
        return self.teacher_work(self.teacher_hidden) + students


@planned
def student_size(settings: StudentSizeSettings) -> Plan[Measured]:
    """Train students of several widths, each on hard labels and by the same teacher.

    Two rows a width. The gain is that of the distilled student over the hard-label student of its
    own width. The quality kept is the student's accuracy divided by that of its seed's teacher.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    teacher_parameters = parameter_count(layer_sizes(dataset, settings.teacher_hidden))
    students_of_each_width = yield from parts(
        (
            plan_students(
                dataset,
                teachers,
                seeds,
                settings.labels,
                (width,),
                [settings.temperature] * 2,
                [1.0, settings.alpha],
                samples=settings.student_samples,
            )
            for width in settings.student_widths
        ),
        [settings.student_work((width,), 2) for width in settings.student_widths],
    )
    rows: list[Row] = []
    accuracies: list[Tensor] = []
    curves: list[MeasuredCurve] = []
    for width, students in zip(settings.student_widths, students_of_each_width, strict=True):
        hard, distilled = students.accuracy.unbind(1)
        shape = layer_sizes(dataset, (width,))
        for condition, (label_type, accuracy) in enumerate(
            (("hard", hard), ("distilled", distilled))
        ):
            kept = mean_interval(accuracy / teachers.accuracy)
            rows.append(
                {
                    "student_width": width,
                    "label_type": label_type,
                    "parameters": parameter_count(shape),
                    "bytes": BYTES_PER_PARAMETER * parameter_count(shape),
                    "multiply_adds": multiply_adds(shape),
                    "share_of_teacher": parameter_count(shape) / teacher_parameters,
                    **accuracy_columns(accuracy, None if label_type == "hard" else hard),
                    "quality_kept": kept.mean,
                    "quality_kept_ci": kept.half_width,
                    "teacher_accuracy": teachers.accuracy.mean().item(),
                }
            )
            accuracies.append(accuracy)
            curves.append(measured_curve(students.curve, condition))
    return Measured(rows, torch.stack(accuracies, dim=1), curves)


# --------------------------------------------------------------------------- what a run says

#: Our reading of "most of the quality": so much of the teacher's accuracy.
MOST = 0.95
#: Our reading of "a fraction of the cost": at most so many of the teacher's parameters.
FRACTION = 0.5


#: How often seeds are drawn for the interval of "times smaller".
DRAWS = 2000


@dataclass(frozen=True)
class SameAccuracy:
    """The smallest students that read as well as the best hard-label student; rows of a table."""

    best_hard: Row
    smallest_hard: Row
    #: ``None`` if no distilled student reads as well.
    smallest_distilled: Row | None
    #: Accuracy of the smallest distilled student less that of the best hard-label one, paired.
    difference: Interval | None
    #: How many times fewer parameters are enough if the student is distilled, with a bootstrap
    #: interval over seeds; 0 stands for seeds of which no distilled student reads as well.
    times: Range

    @property
    def times_smaller(self) -> float | None:
        """How many times fewer parameters are enough if the student is distilled."""
        return self.times.estimate or None

    @property
    def as_good(self) -> bool:
        """Whether the smallest distilled student does so with its whole interval."""
        return self.difference is not None and as_good(self.difference, MARGIN)

    @property
    def outcome(self) -> Literal["smaller", "same", "larger", "none"]:
        """Whether the distilled student is smaller, or whether there is none."""
        times = self.times_smaller
        if times is None:
            return "none"
        if times == 1:
            return "same"
        return "smaller" if times > 1 else "larger"


def same_accuracy(result: AnyResult) -> SameAccuracy:
    """Find how small a student can be, with and without distillation, for the same accuracy.

    The measure is the best hard-label student. A student reads as well if its mean accuracy is less
    than :data:`~kdcore.claims.MARGIN` below that one's: a difference that does not matter, however
    many seeds there are. The rule is the same for both kinds, so that neither is favoured. How far
    the ratio of their sizes is chance, the bootstrap says: seeds are drawn anew, and everything,
    also which student is the best, is found again.
    """
    rows, accuracy = result.rows, result.accuracy
    kinds = {
        kind: [i for i, row in enumerate(rows) if row["label_type"] == kind]
        for kind in ("hard", "distilled")
    }

    def smallest(values: Floats, kind: str) -> int | None:
        means = values.mean(axis=0)
        enough = means[kinds["hard"]].max() - MARGIN
        as_well = [i for i in kinds[kind] if means[i] > enough]
        return min(as_well, key=lambda i: rows[i]["parameters"], default=None)

    def times_smaller(values: Floats) -> float:
        hard, distilled = smallest(values, "hard"), smallest(values, "distilled")
        assert hard is not None  # the best is as good as itself
        return (
            0.0 if distilled is None else rows[hard]["parameters"] / rows[distilled]["parameters"]
        )

    best = best_row(accuracy, kinds["hard"])
    hard, distilled = (smallest(accuracy.numpy(), kind) for kind in kinds)
    assert hard is not None
    draw = generator(result.seeds[0], "bootstrap of times smaller")
    return SameAccuracy(
        rows[best],
        rows[hard],
        None if distilled is None else rows[distilled],
        None if distilled is None else difference(result, distilled, best),
        bootstrap_interval(accuracy.numpy(), times_smaller, DRAWS, draw),
    )


def how_much_smaller(same: SameAccuracy) -> Literal["not", "little", "some", "much", "open"]:
    """Put into words how much smaller distilling lets a student be.

    Not at all, up to 3 times, up to 6 times, or more; ``"open"`` if the interval reaches over more
    than one of these. Widths that double make steps of nearly 2, 4 and 8, so none of them lies at a
    border.
    """
    low, high = _in_words(same.times.low), _in_words(same.times.high)
    return low if low == high else "open"


def _in_words(times: float) -> Literal["not", "little", "some", "much"]:
    if times <= 1:
        return "not"
    if times <= 3:
        return "little"
    return "some" if times <= 6 else "much"


def keeps_most(row: Row) -> bool:
    """Say whether a student keeps :data:`MOST` of the quality with its whole interval."""
    return row["quality_kept"] - row["quality_kept_ci"] >= MOST


def good_enough(result: AnyResult) -> list[Row]:
    """Return the small distilled students that keep most of the quality and gain by distilling.

    Small is at most :data:`FRACTION` of the teacher's parameters. Both must be clear with all of
    them looked at together: that more than :data:`MOST` is kept, and that distilling helps.
    """
    small = _small(result.rows, "distilled")
    beyond = [result.interval(row, "quality_kept") for row in small]
    keep = verdicts([Interval(kept.mean - MOST, kept.half_width, kept.n) for kept in beyond])
    return [
        row
        for row, kept in zip(small, keep, strict=True)
        if kept == "helps" and row["verdict"] == "helps"
    ]


def most_quality_for_a_fraction(result: AnyResult) -> ClaimVerdict:
    """Judge the claim that distillation keeps most of the quality for a fraction of the cost.

    Supported if one student is :func:`good_enough`. Contradicted if every small one speaks against
    it: it keeps less than :data:`MOST` with its whole interval, or distilling hurts it, or it keeps
    as much on hard labels and distilling makes no clear difference.
    """
    if good_enough(result):
        return "supported"
    hard = {row["student_width"]: row for row in _small(result.rows, "hard")}
    against = [
        row["quality_kept"] + row["quality_kept_ci"] < MOST
        or row["verdict"] == "hurts"
        or (keeps_most(hard[row["student_width"]]) and row["verdict"] == "no clear difference")
        for row in _small(result.rows, "distilled")
    ]
    return "contradicted" if against and all(against) else "undecided"


def _small(rows: list[Row], label_type: str) -> list[Row]:
    return [
        row
        for row in rows
        if row["label_type"] == label_type and row["share_of_teacher"] <= FRACTION
    ]


def deployment(result: AnyResult) -> Judgement:
    """Most of the quality for a fraction of the cost: by students of several widths.

    The figure is the share of its teacher's accuracy that a distilled student keeps: the smallest
    one that keeps most and gains by distilling, or else the one that keeps most, among those small
    enough.
    """
    distilled = [row for row in result.rows if row["label_type"] == "distilled"]
    small = _small(result.rows, "distilled") or distilled
    good = good_enough(result)
    row = (
        min(good, key=lambda row: row["share_of_teacher"])
        if good
        else max(small, key=lambda row: row["quality_kept"])
    )
    return Judgement(
        most_quality_for_a_fraction(result),
        result.interval(row, "quality_kept"),
        {
            "width": str(row["student_width"]),
            "share": f"{100 * row['share_of_teacher']:.0f} %",
        },
        result.interval(row, "gain"),
        "percent",
    )


EXPERIMENT = Experiment(
    "student-size",
    StudentSizeSettings,
    student_size,
    page="in_practice",
    named_by=("student_width", "label_type"),
    claims=(Claim("deployment", deployment, takeaway=6),),
    merges_over=("temperature", "alpha", "teacher_hidden", "seeds", "first_seed"),
)
