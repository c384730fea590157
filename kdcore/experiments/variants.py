"""All ways to teach, compared at equal optimiser steps on the same seeds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import LearningCurve, accuracy, ensemble, train_teachers
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    TEACHER_EPOCHS,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
    regressor_work,
    teacher_samples,
    training_work,
)
from kdcore.methods import METHODS, PEERS, Task, hard_label_peers
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.settings import CheckedSettings
from kdcore.training import TrainingSettings


@dataclass(frozen=True)
class VariantsSettings(CheckedSettings):
    """Under which labels, and with which settings, the methods are compared."""

    labels: int = 50
    label_noise: float = 0.0
    student_hidden: tuple[int, ...] = (32,)
    teacher_hidden: tuple[int, ...] = (256, 128)
    temperature: float = 4.0
    alpha: float = 0.3
    hint_weight: float = 10.0
    seeds: int = 10

    def work(self) -> float:
        # One network a method; one more generation, and the peers of a cohort and an ensemble.
        students = len(METHODS) + 1 + 2 * PEERS - 1
        return (
            training_work(self.teacher_hidden, self.seeds, TEACHER_EPOCHS * 900)
            + training_work(self.student_hidden, students * self.seeds, STUDENT_SAMPLES)
            + regressor_work(self.student_hidden[-1], self.teacher_hidden[-1], self.seeds)
        )


def variants(settings: VariantsSettings, monitor: Monitor = SILENT) -> Measured:
    """Train the same students by every method and compare each with hard labels alone.

    What is judged is always the seed's own network: in a cohort, the peer that starts from the
    same weights as all the others. An ensemble of hard-label students is the control: it shows
    what the networks of a cohort give without teaching each other.
    """
    task = _task(settings, monitor)
    accuracies: dict[str, Tensor] = {}
    curves: list[MeasuredCurve] = []
    parts = len(METHODS) + 1
    for number, (name, method) in enumerate(METHODS.items()):
        part = Part(monitor, number / parts, (number + 1) / parts, name)
        trained = method.train(task, part)
        accuracies[name] = trained.accuracy[:, 0]
        curves.append(measured_curve(trained.curve, 0))
    together = _ensemble_curve(task, Part(monitor, 1 - 1 / parts, 1, "ensemble"))
    accuracies["ensemble"] = together.accuracy[-1][:, 0]
    curves.append(measured_curve(together, 0))
    return Measured(
        [_row(name, accuracy, accuracies["hard"]) for name, accuracy in accuracies.items()],
        torch.stack(list(accuracies.values()), dim=1),
        curves,
    )


def _row(name: str, own: Tensor, hard: Tensor) -> Row:
    """Return the row of one variant; accuracies ``[S]``."""
    if name == "ensemble":
        extra_work = f"{PEERS - 1} more networks, also when it answers"
    else:
        extra_work = METHODS[name].extra_work
    return {
        "variant": name,
        **accuracy_columns(own, None if name == "hard" else hard),
        "training_steps": TrainingSettings(STUDENT_SAMPLES).steps,
        "extra_work": extra_work or None,
    }


def _task(settings: VariantsSettings, monitor: Monitor) -> Task:
    dataset, seeds = digits(), tuple(range(settings.seeds))
    return Task(
        dataset,
        seeds,
        settings.student_hidden,
        *draw_labels(dataset, seeds, settings.labels, settings.label_noise),
        train_teachers(dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor),
        settings.temperature,
        settings.alpha,
        settings.hint_weight,
    )


def _ensemble_curve(task: Task, monitor: Monitor) -> LearningCurve:
    """Train an ensemble of hard-label students; return what they know together, ``[S, 1]`` each."""
    curve = LearningCurve()

    def on_point(stack: MLPStack, test_logits: Tensor) -> None:
        together = accuracy(ensemble(test_logits), task.dataset.test.labels)
        curve.accuracy.append(together[:, None])

    curve.samples_seen = hard_label_peers(task, monitor, on_point).curve.samples_seen
    return curve
