"""The Lab: one teacher, one hard-label student and one distilled student per seed."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import agreement, train_teachers
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    TEACHER_EPOCHS,
    MeasuredCurve,
    entropy_curve,
    measured_curve,
    teacher_samples,
    train_students,
    training_work,
)
from kdcore.losses import soft_labels
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import CheckedSettings
from kdcore.statistics import Interval, Verdict, mean_interval, paired_difference, verdict
from kdcore.store import BoundedStore

#: Where the entropy of the teachers' soft labels is measured.
CURVE_TEMPERATURES = (0.5, 0.75, *(0.5 * step for step in range(2, 41)))

_curves: BoundedStore[tuple[object, ...], MeasuredCurve] = BoundedStore(capacity=16)


@dataclass(frozen=True)
class LabSettings(CheckedSettings):
    """One teacher, one hard-label student, one distilled student: what the Lab page trains."""

    temperature: float = 4.0
    alpha: float = 0.3
    teacher_hidden: tuple[int, ...] = (256,)
    student_hidden: tuple[int, ...] = (32,)
    labels: int = 50
    seeds: int = 10

    def work(self) -> float:
        return training_work(self.teacher_hidden, self.seeds, TEACHER_EPOCHS * 900) + training_work(
            self.student_hidden, 2 * self.seeds, STUDENT_SAMPLES
        )


@dataclass(frozen=True, eq=False)
class LabResult:
    """What one run of the Lab measured."""

    settings: LabSettings
    seconds: float
    teacher: Interval
    hard: Interval
    distilled: Interval
    gain: Interval
    verdict: Verdict
    #: Test accuracy of each seed's teacher, hard-label student and distilled student, ``[S, 3]``.
    accuracy: Tensor
    hard_agreement: Interval
    distilled_agreement: Interval
    #: Test accuracy against samples seen, for "teacher", "hard" and "distilled".
    curves: dict[str, MeasuredCurve]
    #: Logits of the first seed's three networks for every test image, ``[N, classes]``.
    example_logits: dict[str, Tensor]
    #: The teachers' logits for the test images, ``[S, N, classes]``.
    teacher_logits: Tensor
    #: Mean entropy of the teachers' soft labels at :data:`CURVE_TEMPERATURES`, in nats.
    entropy: MeasuredCurve
    #: The first seed's three networks, for images that are in no set: one network a stack.
    networks: dict[str, MLPStack]

    def answers(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the logits of the first seed's three networks for other images, ``[N, 64]``."""
        return {who: network.logits(inputs)[0, 0] for who, network in self.networks.items()}

    def hardest_example(self) -> int:
        """Return the test image whose right class the first teacher finds least probable."""
        labels = digits().test.labels
        probabilities = soft_labels(self.example_logits["teacher"], 1.0)
        return int(probabilities.gather(1, labels[:, None]).argmin())


def lab(settings: LabSettings, monitor: Monitor = SILENT) -> LabResult:
    """Train a teacher and two students per seed and compare the students, paired by seed."""
    started = time.perf_counter()
    dataset, seeds = digits(), tuple(range(settings.seeds))
    teachers = train_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor
    )
    students = train_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        (settings.temperature, settings.temperature),
        (1.0, settings.alpha),
        monitor,
    )
    agrees = agreement(students.test_logits, teachers.test_logits.unsqueeze(1))
    gain = paired_difference(students.accuracy[:, 1], students.accuracy[:, 0])
    return LabResult(
        settings=settings,
        seconds=time.perf_counter() - started,
        teacher=mean_interval(teachers.accuracy),
        hard=mean_interval(students.accuracy[:, 0]),
        distilled=mean_interval(students.accuracy[:, 1]),
        gain=gain,
        verdict=verdict(gain),
        accuracy=torch.cat([teachers.accuracy.unsqueeze(1), students.accuracy], dim=1),
        hard_agreement=mean_interval(agrees[:, 0]),
        distilled_agreement=mean_interval(agrees[:, 1]),
        curves={
            "teacher": measured_curve(teachers.trained.curve, 0),
            "hard": measured_curve(students.curve, 0),
            "distilled": measured_curve(students.curve, 1),
        },
        example_logits={
            "teacher": teachers.test_logits[0],
            "hard": students.test_logits[0, 0],
            "distilled": students.test_logits[0, 1],
        },
        teacher_logits=teachers.test_logits,
        entropy=_entropy_of(settings, teachers.test_logits),
        networks={
            "teacher": teachers.trained.stack.network(0),
            "hard": students.stack.network(0, 0),
            "distilled": students.stack.network(0, 1),
        },
    )


def _entropy_of(settings: LabSettings, teacher_logits: Tensor) -> MeasuredCurve:
    """Return the entropy curve of the teachers; the last few are kept, like teachers themselves."""
    key = (settings.teacher_hidden, settings.seeds)
    curve = _curves.get(key)
    if curve is None:
        curve = entropy_curve(teacher_logits, CURVE_TEMPERATURES)
        _curves.put(key, curve)
    return curve
