"""Experiment 3: whom to trust, the labels or the teacher?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

from kdcore.claims import Claim, ClaimVerdict, Judgement, best_row
from kdcore.data import Dataset, digits
from kdcore.distillation import Teachers, Trained, plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
    measured_curve,
    plan_students,
)
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.plans import Plan, carry_out, planned
from kdcore.settings import (
    ALPHAS,
    LABEL_NOISE,
    LABELS,
    MAP_LABEL_NOISE,
    MAP_TEACHER_LABELS,
    SEEDS,
    STUDENT_HIDDEN,
    TEACHER_EPOCHS,
    TEACHER_LABELS,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.statistics import Interval, mean_interval, not_told_apart

HARD_ONLY = 1.0


@dataclass(frozen=True, kw_only=True)
class BalanceSettings(Settings):
    """What is compared: several balances α between the hard labels and the teacher."""

    #: What makes the teacher weak or strong is how many labels it has seen; a small network stays
    #: unsure of what it has not seen, and so leaves the labels something to say.
    teacher_hidden: ClassVar[tuple[int, ...]] = (64,)

    labels: int = setting(LABELS, 300)
    label_noise: float = setting(LABEL_NOISE)
    # A weak teacher, right in three of four cases: with a strong one nearly all soft is best.
    teacher_labels: int = setting(TEACHER_LABELS, 60)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    temperature: float = setting(TEMPERATURE)
    alphas: tuple[float, ...] = setting(ALPHAS)
    seeds: int = setting(SEEDS, 20)

    @property
    def conditions(self) -> tuple[float, ...]:
        """The alphas with the baseline α = 1, which comes last if it was not asked for."""
        return self.alphas if HARD_ONLY in self.alphas else (*self.alphas, HARD_ONLY)

    def work(self) -> float:
        teacher = self.teacher_work(self.teacher_hidden, images=self.teacher_labels)
        return teacher + self.student_work(self.student_hidden, len(self.conditions))


@planned
def balance(settings: BalanceSettings) -> Plan[Measured]:
    """Compare students that trust the hard labels and the teacher in different proportions.

        L = α · CE(student, labels) + (1 − α) · T² · KL(teacher_T ‖ student_T)

    α weighs the hard labels; several popular code bases mean the soft ones by the same letter.

    The teacher has learned from ``teacher_labels`` images, drawn apart from the student's, and all
    their labels were right. Of the student's labels a share ``label_noise`` is wrong. Test labels
    are always right. The gain is against α = 1: the hard labels alone.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from _plan_weak_teachers(dataset, settings, seeds)
    students = yield from _plan_balanced_students(dataset, teachers, settings, seeds)
    baseline = students.accuracy[:, settings.conditions.index(HARD_ONLY)]
    rows: list[Row] = [
        {
            "alpha": alpha,
            "label_type": _label_type(alpha),
            **accuracy_columns(accuracy, None if alpha == HARD_ONLY else baseline),
            "teacher_accuracy": teachers.accuracy.mean().item(),
        }
        for alpha, accuracy in zip(settings.conditions, students.accuracy.unbind(1), strict=True)
    ]
    curves = [measured_curve(students.curve, condition) for condition in range(len(rows))]
    return Measured(rows, students.accuracy, curves)


@dataclass(frozen=True, kw_only=True)
class BalanceMapSettings(Settings):
    """What the map spans: how much the teacher has seen × how many labels are wrong."""

    map_teacher_labels: tuple[int, ...] = setting(MAP_TEACHER_LABELS)
    map_label_noise: tuple[float, ...] = setting(MAP_LABEL_NOISE)
    labels: int = setting(LABELS, 300)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    temperature: float = setting(TEMPERATURE)
    alphas: tuple[float, ...] = setting(ALPHAS, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))

    def cell(self, teacher_labels: int, label_noise: float) -> BalanceSettings:
        """Return the settings of the one experiment that a cell of the map stands for."""
        return BalanceSettings(
            labels=self.labels,
            label_noise=label_noise,
            teacher_labels=teacher_labels,
            student_hidden=self.student_hidden,
            temperature=self.temperature,
            alphas=self.alphas,
            seeds=self.seeds,
            student_samples=self.student_samples,
            split=self.split,
            first_seed=self.first_seed,
        )

    def work(self) -> float:
        cells = product(self.map_teacher_labels, self.map_label_noise)
        return sum(self.cell(*where).work() for where in cells)

    def memory(self) -> float:
        # Cell after cell.
        cells = product(self.map_teacher_labels, self.map_label_noise)
        return max(self.cell(*where).memory() for where in cells)


@dataclass(frozen=True)
class BalanceCell:
    """One cell of the map: where the best balance lies, and how sure that is."""

    teacher_labels: int
    label_noise: float
    #: Accuracy of the teacher.
    teacher: Interval
    alphas: tuple[float, ...]
    #: Accuracy of the students, one interval for each of the alphas.
    accuracy: tuple[Interval, ...]
    best_alpha: float
    #: Every α that cannot be told apart from the best, itself included.
    alike: tuple[float, ...]

    def row(self) -> Row:
        """Return the cell as a row of the table."""
        best = self.accuracy[self.alphas.index(self.best_alpha)]
        return {
            "teacher_labels": self.teacher_labels,
            "teacher_accuracy": self.teacher.mean,
            "label_noise": self.label_noise,
            "alpha": self.best_alpha,
            "student_accuracy": best.mean,
            "student_accuracy_ci": best.half_width,
            "not_told_apart": ", ".join(f"{alpha:g}" for alpha in self.alike),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class BalanceMap(Measured):
    """The cells of the map, teacher by teacher, each with the noises in order."""

    cells: tuple[BalanceCell, ...]


def best_alpha_map(settings: BalanceMapSettings, monitor: Monitor = SILENT) -> BalanceMap:
    """Find the best balance α for each teacher quality and share of wrong labels."""
    dataset, seeds = digits(settings.split), settings.seed_numbers
    where = list(product(settings.map_teacher_labels, settings.map_label_noise))
    cells = []
    for i, (teacher_labels, label_noise) in enumerate(where):
        part = Part(monitor, i / len(where), (i + 1) / len(where), "map")
        cells.append(_cell(dataset, settings.cell(teacher_labels, label_noise), seeds, part))
    return BalanceMap(rows=[cell.row() for cell in cells], cells=tuple(cells))


def _cell(
    dataset: Dataset, settings: BalanceSettings, seeds: tuple[int, ...], monitor: Monitor
) -> BalanceCell:
    # Cells of a row share their teacher, which is kept; so its share of the time is not shown.
    teachers = carry_out(_plan_weak_teachers(dataset, settings, seeds), Part(monitor, 0, 0))
    students = _plan_balanced_students(dataset, teachers, settings, seeds)
    accuracy = carry_out(students, monitor).accuracy
    best, alike = not_told_apart(accuracy.numpy())
    return BalanceCell(
        settings.teacher_labels,
        settings.label_noise,
        mean_interval(teachers.accuracy),
        settings.conditions,
        tuple(mean_interval(column) for column in accuracy.unbind(1)),
        settings.conditions[best],
        tuple(settings.conditions[i] for i in alike),
    )


def _plan_weak_teachers(
    dataset: Dataset, settings: BalanceSettings, seeds: tuple[int, ...]
) -> Plan[Teachers]:
    # Passes are counted, not samples: a teacher drilled on a few images would be as sure as it is
    # wrong. With all 900 it trains as long as the teachers of the other experiments.
    samples = TEACHER_EPOCHS * settings.teacher_labels
    return plan_teachers(dataset, settings.teacher_hidden, seeds, samples, settings.teacher_labels)


def _plan_balanced_students(
    dataset: Dataset, teachers: Teachers, settings: BalanceSettings, seeds: tuple[int, ...]
) -> Plan[Trained]:
    """Train one student a seed and α."""
    return plan_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        [settings.temperature] * len(settings.conditions),
        settings.conditions,
        settings.label_noise,
        settings.student_samples,
    )


def _label_type(alpha: float) -> str:
    if alpha == HARD_ONLY:
        return "hard only"
    return "mixed" if alpha else "soft only"


# --------------------------------------------------------------------------- what a run says


def balance_beats_either(result: AnyResult) -> ClaimVerdict:
    """Judge the claim that a mixture of hard and soft labels beats either alone.

    Supported if the best α lies inside and both ends can be told apart from it; contradicted if
    every mixture can be told apart from the best, which is an end then. Undecided where no mixture
    was tried.
    """
    alphas = [row["alpha"] for row in result.rows]
    _, alike = not_told_apart(result.accuracy)
    if all(alphas[i] in (0.0, 1.0) for i in alike):
        return "contradicted" if set(alphas) - {0.0, 1.0} else "undecided"
    both_ends_worse = not any(alphas[i] in (0.0, 1.0) for i in alike)
    return "supported" if both_ends_worse and {0.0, 1.0} <= set(alphas) else "undecided"


def mixture(result: AnyResult) -> Judgement:
    """A balance of hard and soft labels beats either: by the α between 0 and 1.

    The figure is how much better the best α inside teaches than the better of the two ends.
    """
    alphas = [row["alpha"] for row in result.rows]
    ends = [i for i, alpha in enumerate(alphas) if alpha in (0.0, 1.0)]
    inside = [i for i in range(len(alphas)) if i not in ends]
    first, second = (
        best_row(result.accuracy, inside or ends),
        best_row(result.accuracy, ends if inside else []),
    )
    return Judgement(
        balance_beats_either(result),
        difference(result, first, second),
        {"first": f"{alphas[first]:g}", "second": f"{alphas[second]:g}"},
    )


EXPERIMENT = Experiment(
    "balance",
    BalanceSettings,
    balance,
    page="balance",
    named_by=("alpha",),
    claims=(Claim("balance", mixture, takeaway=4),),
    merges_over=(
        "temperature",
        "alphas",
        "teacher_labels",
        "label_noise",
        "seeds",
        "first_seed",
    ),
)

MAP = Experiment(
    "balance-map",
    BalanceMapSettings,
    best_alpha_map,
    page="balance",
    named_by=("teacher_labels", "label_noise", "alpha"),
)
