"""What is the factor T² for? Soft gradients and students with it and without it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import train_teachers
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    TEACHER_EPOCHS,
    Measured,
    Row,
    accuracy_columns,
    teacher_samples,
    train_students,
    training_work,
)
from kdcore.losses import alpha_without_factor, soft_gradient
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import CheckedSettings
from kdcore.statistics import mean_interval


@dataclass(frozen=True)
class TSquaredSettings(CheckedSettings):
    """What is compared: students at several temperatures, with the factor T² and without it."""

    labels: int = 50
    student_hidden: tuple[int, ...] = (32,)
    teacher_hidden: tuple[int, ...] = (256,)
    alpha: float = 0.3
    temperatures: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 20.0)
    seeds: int = 10

    def work(self) -> float:
        students = self.seeds * (1 + 2 * len(self.temperatures))
        return training_work(self.teacher_hidden, self.seeds, TEACHER_EPOCHS * 900) + training_work(
            self.student_hidden, students, STUDENT_SAMPLES
        )


@dataclass(frozen=True, eq=False)
class TSquaredMeasured(Measured):
    """The table, and the size of the soft gradient of each seed."""

    #: Mean norm of the soft gradient over the test images, ``[S, rows]``; NaN for hard labels.
    gradients: Tensor | None = None


def t_squared(settings: TSquaredSettings, monitor: Monitor = SILENT) -> TSquaredMeasured:
    """Compare soft gradients, and the students they teach, with the factor T² and without it.

    Gradients are those of the trained hard-label student's logits towards its teacher, over the
    test images. Students without the factor are trained with the α that its absence amounts to,
    see :func:`~kdcore.losses.alpha_without_factor`.

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 2: the soft gradients scale as 1/T², so the soft term is
    to be multiplied by T² when both kinds of labels are used.
    """
    dataset, seeds = digits(), tuple(range(settings.seeds))
    teachers = train_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor
    )
    conditions = [
        (T, squared, settings.alpha if squared else alpha_without_factor(settings.alpha, T))
        for T in settings.temperatures
        for squared in (True, False)
    ]
    students = train_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        (1.0, *(T for T, _, _ in conditions)),
        (1.0, *(alpha for _, _, alpha in conditions)),
        monitor,
    )
    hard_logits, baseline = students.test_logits[:, 0], students.accuracy[:, 0]
    gradients = [torch.full((len(seeds),), torch.nan)]
    rows: list[Row] = [
        {
            "temperature": None,
            "factor": None,
            "alpha_in_effect": 1.0,
            "soft_gradient": None,
            "soft_gradient_ci": None,
            **accuracy_columns(baseline, None),
        }
    ]
    for condition, (T, squared, alpha) in enumerate(conditions, start=1):
        pull = soft_gradient(hard_logits, teachers.test_logits, torch.tensor(T), squared=squared)
        gradients.append(pull.double().norm(dim=-1).mean(-1))
        size = mean_interval(gradients[-1])
        rows.append(
            {
                "temperature": T,
                "factor": "T²" if squared else "none",
                "alpha_in_effect": alpha,
                "soft_gradient": size.mean,
                "soft_gradient_ci": size.half_width,
                **accuracy_columns(students.accuracy[:, condition], baseline),
            }
        )
    return TSquaredMeasured(rows, students.accuracy, gradients=torch.stack(gradients, dim=1))
