"""Self-distillation: a student taught by an earlier network of its own shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import accuracy, agreement, ensemble
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    Measured,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
    training_work,
)
from kdcore.methods import Task, born_again
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import CheckedSettings
from kdcore.training import TrainingSettings


@dataclass(frozen=True)
class SelfSettings(CheckedSettings):
    """How many generations follow each other, and what each learns from."""

    labels: int = 200
    label_noise: float = 0.0
    generations: int = 3
    temperature: float = 4.0
    alpha: float = 0.3
    student_hidden: tuple[int, ...] = (32,)
    seeds: int = 20

    def work(self) -> float:
        return training_work(
            self.student_hidden, self.seeds * (1 + self.generations), STUDENT_SAMPLES
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredGenerations(Measured):
    """What the generations did; row g is generation g, the first on hard labels alone."""

    #: Test accuracy of generations 0 to g together, ``[S, rows]``.
    ensemble_accuracy: Tensor


def self_distillation(settings: SelfSettings, monitor: Monitor = SILENT) -> MeasuredGenerations:
    """Train generation after generation and compare each, and their ensembles, with the first."""
    dataset, seeds = digits(), tuple(range(settings.seeds))
    task = Task(
        dataset,
        seeds,
        settings.student_hidden,
        *draw_labels(dataset, seeds, settings.labels, settings.label_noise),
        temperature=settings.temperature,
        alpha=settings.alpha,
        generations=settings.generations,
    )
    generations = born_again(task, monitor)
    logits = torch.cat([generation.test_logits for generation in generations], dim=1)
    labels, numbers = dataset.test.labels, range(len(generations))
    alone = accuracy(logits, labels)
    together = torch.stack(
        [accuracy(ensemble(logits[:, : number + 1]), labels) for number in numbers], dim=1
    )
    return MeasuredGenerations(
        rows=[_row(number, logits, alone, together) for number in numbers],
        accuracy=alone,
        curves=[measured_curve(generation.curve, 0) for generation in generations],
        ensemble_accuracy=together,
    )


def _row(number: int, logits: Tensor, alone: Tensor, together: Tensor) -> Row:
    """Return the row of one generation; logits ``[S, G + 1, N, classes]``."""
    baseline = alone[:, 0] if number else None
    joint = accuracy_columns(together[:, number], baseline)
    return {
        "generation": number,
        **accuracy_columns(alone[:, number], baseline),
        "agreement": agreement(logits[:, number], logits[:, number - 1]).mean().item()
        if number
        else None,
        "ensemble_accuracy": joint["student_accuracy"],
        "ensemble_accuracy_ci": joint["student_accuracy_ci"],
        "ensemble_gain": joint["gain"],
        "ensemble_gain_ci": joint["gain_ci"],
        "ensemble_verdict": joint["verdict"],
        # Each generation waits for the one before.
        "training_steps": (number + 1) * TrainingSettings(STUDENT_SAMPLES).steps,
    }
