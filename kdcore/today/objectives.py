"""What students learn from when there are no labels: a teacher's outputs, or some of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kdcore.distillation import BatchTable
from kdcore.losses import soft_gradient
from kdcore.training import Objective


class SoftLabels:
    """Learn from a teacher's soft labels alone: T² · KL(teacher_T ‖ student_T).

    Parameters
    ----------
    teacher_logits
        ``[N, classes]`` of the pool, ``[S, N, classes]`` or ``[S, C, N, classes]``.
    temperature
        T, on both sides.
    """

    def __init__(self, teacher_logits: Tensor, temperature: float = 1.0) -> None:
        self._teacher_logits = BatchTable(teacher_logits)
        self._temperature = torch.tensor(temperature)

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        per_seed = logits.view(len(rows), -1, *logits.shape[1:])
        gradient = soft_gradient(
            per_seed, self._teacher_logits.batch(rows), self._temperature, class_axis=-2
        ).div_(rows.shape[1])
        return [(logits, gradient.view_as(logits))]


class OnOutputs:
    """Another objective that sees some of the outputs only; nothing pulls on the others.

    Parameters
    ----------
    objective
        One that touches nothing but the logits.
    outputs
        Which of them it takes for its logits.
    """

    def __init__(self, objective: Objective, outputs: slice) -> None:
        self._objective = objective
        self._outputs = outputs

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        shown = [*activations[:-1], logits[:, self._outputs]]
        ((_, gradient),) = self._objective(shown, rows)
        pull = torch.zeros_like(logits)
        pull[:, self._outputs] = gradient
        return [(logits, pull)]


class SideBySide:
    """One objective for each condition of a seed, where each needs a formula of its own.

    Parameters
    ----------
    objectives
        One a condition, in their order, each of which touches nothing but the logits.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = objectives

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        conditions = logits.view(len(rows), -1, *logits.shape[1:]).unbind(1)
        pulls = [
            objective([own], rows)[0][1]
            for objective, own in zip(self._objectives, conditions, strict=True)
        ]
        return [(logits, torch.stack(pulls, dim=1).view_as(logits))]
