"""The Lab: one teacher, one hard-label student and one distilled student per seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import Teachers, agreement, inherited_errors, plan_teachers
from kdcore.experiments.result import (
    Experiment,
    Measured,
    MeasuredCurve,
    Result,
    accuracy_columns,
    entropy_curve,
    measured_curve,
    plan_students,
    teacher_samples,
)
from kdcore.losses import soft_labels
from kdcore.models import MLPStack
from kdcore.plans import Plan, Planned, planned
from kdcore.settings import (
    ALPHA,
    LABELS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEACHER_WIDTHS,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.statistics import Interval, Verdict, mean_interval, paired_difference, verdict
from kdcore.store import BoundedStore

#: Where the entropy of the teachers' soft labels is measured.
CURVE_TEMPERATURES = (0.5, 0.75, *(0.5 * step for step in range(2, 41)))

_curves: BoundedStore[tuple[object, ...], MeasuredCurve] = BoundedStore(capacity=16)


@dataclass(frozen=True, kw_only=True)
class LabSettings(Settings):
    """One teacher, one hard-label student, one distilled student: what the Lab page trains."""

    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)
    teacher_hidden: tuple[int, ...] = setting(
        TEACHER_HIDDEN, (256,), offered=TEACHER_WIDTHS, as_slider=True
    )
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    labels: int = setting(LABELS)

    def work(self) -> float:
        return self.teacher_work(self.teacher_hidden) + self.student_work(self.student_hidden, 2)


#: The rows of the Lab's table.
NETWORKS = ("teacher", "hard", "distilled")


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredLab(Measured):
    """What one run of the Lab measured; its rows, and the columns of accuracy, are NETWORKS."""

    #: Test accuracy of each seed's three networks, ``[S, 3]``.
    accuracy: Tensor
    gain: Interval
    verdict: Verdict
    #: How often a student gives its teacher's answer.
    hard_agreement: Interval
    distilled_agreement: Interval
    #: On what share of its teacher's errors each student gives the same wrong answer, and the
    #: paired difference; ``None`` if a teacher makes none.
    inherits: dict[str, Interval] | None
    #: Test accuracy against samples seen, for "teacher", "hard" and "distilled".
    curves_of: dict[str, MeasuredCurve]
    #: Logits of the first seed's three networks for every test image, ``[N, classes]``.
    example_logits: dict[str, Tensor]
    #: The teachers' logits for the test images, ``[S, N, classes]``.
    teacher_logits: Tensor
    #: Mean entropy of the teachers' soft labels at :data:`CURVE_TEMPERATURES`, in nats.
    entropy: MeasuredCurve
    #: The first seed's three networks, for images that are in no set: one network a stack.
    networks: dict[str, MLPStack]
    #: Labels of the test images, ``[N]``.
    test_labels: Tensor

    def of(self, who: str) -> Interval:
        """Return the accuracy of "teacher", "hard" or "distilled"."""
        return mean_interval(self.accuracy[:, NETWORKS.index(who)])

    @property
    def teacher(self) -> Interval:
        """Accuracy of the teachers."""
        return self.of("teacher")

    @property
    def hard(self) -> Interval:
        """Accuracy of the hard-label students."""
        return self.of("hard")

    @property
    def distilled(self) -> Interval:
        """Accuracy of the distilled students."""
        return self.of("distilled")

    def answers(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the logits of the first seed's three networks for other images, ``[N, 64]``."""
        return {who: network.logits(inputs)[0, 0] for who, network in self.networks.items()}

    def hardest_example(self) -> int:
        """Return the test image whose right class the first teacher finds least probable."""
        probabilities = soft_labels(self.example_logits["teacher"], 1.0)
        return int(probabilities.gather(1, self.test_labels[:, None]).argmin())


LabResult = Result[LabSettings, MeasuredLab]


@planned
def lab(settings: LabSettings) -> Plan[MeasuredLab]:
    """Train a teacher and two students per seed and compare the students, paired by seed."""
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from lab_teachers.plan(settings)
    students = yield from plan_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        (settings.temperature, settings.temperature),
        (1.0, settings.alpha),
        samples=settings.student_samples,
    )
    agrees = agreement(students.test_logits, teachers.test_logits.unsqueeze(1))
    hard, distilled = students.accuracy.unbind(1)
    gain = paired_difference(distilled, hard)
    accuracies = (teachers.accuracy, hard, distilled)
    curves = {
        "teacher": measured_curve(teachers.trained.curve, 0),
        "hard": measured_curve(students.curve, 0),
        "distilled": measured_curve(students.curve, 1),
    }
    return MeasuredLab(
        rows=[
            {"network": who, **accuracy_columns(own, hard if who == "distilled" else None)}
            for who, own in zip(NETWORKS, accuracies, strict=True)
        ],
        accuracy=torch.stack(accuracies, dim=1),
        curves=list(curves.values()),
        gain=gain,
        verdict=verdict(gain),
        hard_agreement=mean_interval(agrees[:, 0]),
        distilled_agreement=mean_interval(agrees[:, 1]),
        inherits=_inherits(students.test_logits, teachers.test_logits, dataset.test.labels),
        curves_of=curves,
        example_logits={  # copies: a view would keep the logits of all seeds
            "teacher": teachers.test_logits[0].clone(),
            "hard": students.test_logits[0, 0].clone(),
            "distilled": students.test_logits[0, 1].clone(),
        },
        teacher_logits=teachers.test_logits,
        entropy=_entropy_of(settings, teachers.test_logits),
        networks={
            "teacher": teachers.trained.stack.network(0),
            "hard": students.stack.network(0, 0),
            "distilled": students.stack.network(0, 1),
        },
        test_labels=dataset.test.labels,
    )


def _inherits(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor
) -> dict[str, Interval] | None:
    """Measure how much of its teacher's errors each student has taken over."""
    shares = inherited_errors(student_logits, teacher_logits.unsqueeze(1), labels)
    if shares.isnan().any():
        return None
    hard, distilled = shares.unbind(1)
    return {
        "hard": mean_interval(hard),
        "distilled": mean_interval(distilled),
        "more": paired_difference(distilled, hard),
    }


def _entropy_of(settings: LabSettings, teacher_logits: Tensor) -> MeasuredCurve:
    """Return the entropy curve of the teachers; the last few are kept, like teachers themselves."""
    key = (settings.teacher_hidden, settings.seed_numbers, settings.split)
    curve = _curves.get(key)
    if curve is None:
        curve = entropy_curve(teacher_logits, CURVE_TEMPERATURES)
        _curves.put(key, curve)
    return curve


#: Teachers are trained ahead of need for so many seeds at most: 16 MB for all widths of a slider.
MOST_SEEDS_AHEAD = 20


def teachers_ahead(
    settings: LabSettings,
) -> list[tuple[Planned[LabSettings, Teachers], LabSettings]]:
    """Return the teachers that the next move of the slider may ask for, the nearest first.

    None for seeds that were drawn: who drew them will draw others next.
    """
    usual = settings.first_seed == LabSettings.first_seed
    if (
        not usual
        or settings.seeds > MOST_SEEDS_AHEAD
        or settings.teacher_hidden not in TEACHER_WIDTHS
    ):
        return []
    here = TEACHER_WIDTHS.index(settings.teacher_hidden)
    others = [hidden for hidden in TEACHER_WIDTHS if hidden != settings.teacher_hidden]
    others.sort(key=lambda hidden: abs(TEACHER_WIDTHS.index(hidden) - here))
    return [(lab_teachers, replace(settings, teacher_hidden=hidden)) for hidden in others]


@planned
def lab_teachers(settings: LabSettings) -> Plan[Teachers]:
    """Train the teachers of a run of the Lab."""
    dataset = digits(settings.split)
    return (
        yield from plan_teachers(
            dataset, settings.teacher_hidden, settings.seed_numbers, teacher_samples(dataset)
        )
    )


EXPERIMENT = Experiment(
    "lab",
    LabSettings,
    lab,
    page="lab",
    named_by=("network",),
    merges_over=("temperature", "alpha", "teacher_hidden", "seeds", "first_seed"),
    ahead=teachers_ahead,
)
