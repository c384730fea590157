"""Experiment 1: what does the temperature do?"""

from __future__ import annotations

from dataclasses import dataclass

from kdcore.data import digits
from kdcore.distillation import train_teachers
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    TEACHER_EPOCHS,
    Measured,
    Row,
    accuracy_columns,
    fidelity_columns,
    measured_curve,
    soft_label_entropy,
    teacher_samples,
    train_students,
    training_work,
)
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import CheckedSettings


@dataclass(frozen=True)
class TemperatureSettings(CheckedSettings):
    """What is compared: students taught at several temperatures."""

    labels: int = 50
    student_hidden: tuple[int, ...] = (32,)
    teacher_hidden: tuple[int, ...] = (256, 128)
    alpha: float = 0.3
    temperatures: tuple[float, ...] = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
    seeds: int = 10

    def work(self) -> float:
        students = self.seeds * (1 + len(self.temperatures))
        return training_work(self.teacher_hidden, self.seeds, TEACHER_EPOCHS * 900) + training_work(
            self.student_hidden, students, STUDENT_SAMPLES
        )


def temperature(settings: TemperatureSettings, monitor: Monitor = SILENT) -> Measured:
    """Compare students taught at several temperatures with the same students on hard labels.

    A high temperature asks more of a student: to match every logit of its teacher. A tiny student
    (8 hidden units) has not got that far when its training ends, and is hurt; trained four times
    as long, it gains like the others. So the best temperature is also a matter of training.

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 3: with 30 units a layer, temperatures from 2.5 to 4
    worked clearly better than higher and lower ones; with 300, all above 8 were alike.
    """
    dataset, seeds = digits(), tuple(range(settings.seeds))
    teachers = train_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor
    )
    # Condition 0 is the baseline: α = 1, where the temperature has no say.
    temperatures = (1.0, *settings.temperatures)
    alphas = (1.0, *[settings.alpha] * len(settings.temperatures))
    students = train_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        temperatures,
        alphas,
        monitor,
    )
    rows: list[Row] = []
    for condition, value in enumerate((None, *settings.temperatures)):
        softness = None if value is None else soft_label_entropy(teachers.test_logits, value)
        rows.append(
            {
                "temperature": value,
                "soft_label_entropy": None if softness is None else softness.mean().item(),
                **accuracy_columns(
                    students.accuracy[:, condition],
                    None if value is None else students.accuracy[:, 0],
                ),
                **fidelity_columns(students.test_logits[:, condition], teachers.test_logits),
            }
        )
    curves = [measured_curve(students.curve, condition) for condition in range(len(rows))]
    return Measured(rows, students.accuracy, curves)
