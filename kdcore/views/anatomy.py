"""The loss taken apart: how it pulls on each logit of one example, and how hard at each T.

The page computes the steps of an example in the browser (``assets/stepper.js``), by the formulas
that stand here; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from kdcore.losses import (
    DistillationLoss,
    distillation_gradient,
    distillation_loss,
    hard_gradient,
    matching_gradient,
    soft_gradient,
)
from kdcore.statistics import Interval, mean_interval

#: A step that moves no logit further than this cannot be seen.
AT_REST = 0.002


@dataclass(frozen=True, eq=False)
class Example:
    """What a student and its teacher say of one example, ``[C]`` each, and its label."""

    student: Tensor
    teacher: Tensor
    label: int

    @property
    def one_hot(self) -> Tensor:
        """The hard label as probabilities, ``[C]``."""
        return torch.nn.functional.one_hot(torch.tensor(self.label), len(self.student)).float()


class Pulls(NamedTuple):
    """The pulls on each logit, ``[C]`` each: gradients of the parts of the loss, turned around."""

    #: α · (y − p(1)): towards the label
    hard: Tensor
    #: (1 − α) · T · (q(T) − p(T)): towards the teacher; without the factor T², divided by it
    soft: Tensor
    #: Both together: where a step of gradient descent goes.
    total: Tensor


def pulls(example: Example, temperature: float, alpha: float, squared: bool = True) -> Pulls:
    """Return the pulls of one example on the student's logits.

        −∂L/∂z = α · (y − p(1)) + (1 − α) · T · (q(T) − p(T))

    Parameters
    ----------
    squared
        Whether the loss has its factor T²; without it 1/T stands in the place of T.
    """
    student, teacher, one_hot = example.student, example.teacher, example.one_hot
    T, a = torch.tensor(temperature), torch.tensor(alpha)
    hard = -a * hard_gradient(student, one_hot)
    soft = -(1 - a) * soft_gradient(student, teacher, T, squared=squared)
    if not squared:
        return Pulls(hard, soft, hard + soft)
    return Pulls(hard, soft, -distillation_gradient(student, teacher, one_hot, T, a))


def descend(
    example: Example, temperature: float, alpha: float, rate: float, squared: bool = True
) -> Example:
    """Return the example after one step of gradient descent on the student's logits themselves.

        z ← z − rate · ∂L/∂z

    A network cannot move its logits one by one: they hang together by its weights. This shows
    where the loss would have them.
    """
    total = pulls(example, temperature, alpha, squared).total
    return replace(example, student=example.student + rate * total)


def at_rest(
    example: Example, temperature: float, alpha: float, rate: float, squared: bool = True
) -> bool:
    """Say whether another step would move nothing that can be seen."""
    total = pulls(example, temperature, alpha, squared).total
    return float(rate * total.abs().max()) < AT_REST


def pull_range(example: Example, temperatures: Sequence[float]) -> tuple[float, float]:
    """Return the strongest pull down and up on any logit at any of the temperatures, whatever α.

    So far the axis of the pulls must reach that stays as it is while T and α change, with the
    factor T² and without it. In α a pull is a straight line, so its ends, the soft and the hard
    pull alone, are all that must be looked at.
    """
    T, alpha = torch.tensor(temperatures).view(-1, 1, 1), torch.tensor([0.0, 1.0]).view(-1, 1)
    student = example.student.expand(len(temperatures), 2, -1)
    gradient = distillation_gradient(student, example.teacher, example.one_hot, T, alpha)
    plain = soft_gradient(student, example.teacher, T, squared=False)
    return -float(max(gradient.max(), plain.max())), -float(min(gradient.min(), plain.min()))


def loss_of(
    example: Example, temperature: float, alpha: float, squared: bool = True
) -> DistillationLoss:
    """Return the loss of one example with its parts, with the factor T² or without it."""
    total, hard, soft = distillation_loss(
        example.student[None],
        example.teacher[None],
        torch.tensor([example.label]),
        temperature,
        alpha,
    )
    if squared:
        return DistillationLoss(total, hard, soft)
    plain = soft / temperature**2
    return DistillationLoss(alpha * hard + (1 - alpha) * plain, hard, plain)


def shifted_teacher(example: Example) -> Tensor:
    """Return the teacher's logits with the student's mean, ``[C]``: only differences count."""
    return example.teacher - example.teacher.mean() + example.student.mean()


@dataclass(frozen=True)
class GradientSizes:
    """Mean norm of an example's gradient by the student's logits, at each temperature."""

    temperatures: list[float]
    #: Of T² · KL.
    squared: list[Interval]
    #: Of KL alone.
    plain: list[Interval]
    #: Of the cross-entropy with the hard labels; it knows no temperature.
    hard: Interval
    #: What ``squared`` tends to: matching logits.
    limit: float

    @property
    def plain_limit(self) -> list[float]:
        """What ``plain`` tends to, at each temperature: limit / T²."""
        return [self.limit / T**2 for T in self.temperatures]


def gradient_sizes(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, temperatures: Sequence[float]
) -> GradientSizes:
    """Measure the soft gradient on a batch, with the factor T² and without it.

    Parameters
    ----------
    student_logits, teacher_logits
        ``[N, C]``.
    labels
        ``[N]``.
    temperatures
        Where to measure.

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 2.1: the gradient shrinks as 1/T², and with zero-mean
    logits it tends to (z_student − z_teacher)/(C · T²).
    """
    one_hot = torch.nn.functional.one_hot(labels, student_logits.shape[-1])
    student, teacher = student_logits.double(), teacher_logits.double()

    def soft(T: float, squared: bool) -> Interval:
        return _mean_norm(soft_gradient(student, teacher, torch.tensor(T), squared=squared))

    return GradientSizes(
        temperatures=list(temperatures),
        squared=[soft(T, True) for T in temperatures],
        plain=[soft(T, False) for T in temperatures],
        hard=_mean_norm(hard_gradient(student, one_hot)),
        limit=_mean_norm(matching_gradient(student, teacher)).mean,
    )


def _mean_norm(gradients: Tensor) -> Interval:
    return mean_interval(gradients.norm(dim=-1))
