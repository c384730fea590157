"""Smaller, faster, how good? Students of several sizes, with and without a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import layer_sizes, train_teachers
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    TEACHER_EPOCHS,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    measured_curve,
    teacher_samples,
    train_students,
    training_work,
)
from kdcore.models import parameter_count
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.practice.latency import BYTES_PER_PARAMETER, multiply_adds
from kdcore.settings import CheckedSettings
from kdcore.statistics import mean_interval


@dataclass(frozen=True)
class StudentSizeSettings(CheckedSettings):
    """What is compared: students of several widths, on hard labels and distilled."""

    labels: int = 100
    teacher_hidden: tuple[int, ...] = (256,)
    temperature: float = 4.0
    alpha: float = 0.3
    student_widths: tuple[int, ...] = (4, 8, 16, 32, 64, 128)
    seeds: int = 10

    def work(self) -> float:
        teachers = training_work(self.teacher_hidden, self.seeds, TEACHER_EPOCHS * 900)
        return teachers + sum(self.student_work(width) for width in self.student_widths)

    def student_work(self, width: int) -> float:
        """Return the multiply-adds of training the students of one width."""
        return training_work((width,), 2 * self.seeds, STUDENT_SAMPLES)


def student_size(settings: StudentSizeSettings, monitor: Monitor = SILENT) -> Measured:
    """Train students of several widths, each on hard labels and by the same teacher.

    Two rows a width. The gain is that of the distilled student over the hard-label student of its
    own width. The quality kept is the student's accuracy divided by that of its seed's teacher.
    """
    dataset, seeds = digits(), tuple(range(settings.seeds))
    teachers = train_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor
    )
    teacher_parameters = parameter_count(layer_sizes(dataset, settings.teacher_hidden))
    work = [settings.student_work(width) for width in settings.student_widths]
    rows: list[Row] = []
    accuracies: list[Tensor] = []
    curves: list[MeasuredCurve] = []
    for i, width in enumerate(settings.student_widths):
        students = train_students(
            dataset,
            teachers,
            seeds,
            settings.labels,
            (width,),
            [settings.temperature] * 2,
            [1.0, settings.alpha],
            Part(monitor, sum(work[:i]) / sum(work), sum(work[: i + 1]) / sum(work)),
        )
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
