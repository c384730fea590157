"""Self-distillation: a student taught by an earlier network of its own shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import accuracy, agreement, ensemble
from kdcore.experiments.result import (
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
)
from kdcore.methods import Task, born_again
from kdcore.plans import Plan, planned
from kdcore.settings import (
    ALPHA,
    GENERATIONS,
    LABEL_NOISE,
    LABELS,
    SEEDS,
    STUDENT_HIDDEN,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class SelfSettings(Settings):
    """How many generations follow each other, and what each learns from."""

    labels: int = setting(LABELS, 200)
    label_noise: float = setting(LABEL_NOISE)
    generations: int = setting(GENERATIONS)
    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    seeds: int = setting(SEEDS, 20)

    def work(self) -> float:
        return self.student_work(self.student_hidden, 1 + self.generations)


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredGenerations(Measured):
    """What the generations did; row g is generation g, the first on hard labels alone."""

    #: Test accuracy of generations 0 to g together, ``[S, rows]``.
    ensemble_accuracy: Tensor


@planned
def self_distillation(settings: SelfSettings) -> Plan[MeasuredGenerations]:
    """Train generation after generation and compare each, and their ensembles, with the first."""
    dataset, seeds = digits(settings.split), settings.seed_numbers
    task = Task(
        dataset,
        seeds,
        settings.student_hidden,
        *draw_labels(dataset, seeds, settings.labels, settings.label_noise),
        temperature=settings.temperature,
        alpha=settings.alpha,
        generations=settings.generations,
        samples=settings.student_samples,
        drawn=(settings.labels, settings.label_noise),
    )
    generations = yield from born_again.plan(task)
    logits = torch.cat([generation.test_logits for generation in generations], dim=1)
    labels, numbers = dataset.test.labels, range(len(generations))
    alone = accuracy(logits, labels)
    together = torch.stack(
        [accuracy(ensemble(logits[:, : number + 1]), labels) for number in numbers], dim=1
    )
    return MeasuredGenerations(
        rows=[
            _row(number, logits, alone, together, settings.student_samples) for number in numbers
        ],
        accuracy=alone,
        curves=[measured_curve(generation.curve, 0) for generation in generations],
        ensemble_accuracy=together,
    )


def _row(number: int, logits: Tensor, alone: Tensor, together: Tensor, samples: int) -> Row:
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
        "training_steps": (number + 1) * TrainingSettings(samples).steps,
    }


EXPERIMENT = Experiment(
    "self",
    SelfSettings,
    self_distillation,
    page="four_ways",
    named_by=("generation",),
    merges_over=("label_noise", "temperature", "alpha", "seeds", "first_seed"),
)
