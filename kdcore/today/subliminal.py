"""Subliminal learning: a teacher's auxiliary outputs on noise, and starts that share weights.

A network has ten class outputs and some *auxiliary* outputs that mean nothing: nobody ever says
what they should be. The teacher learns digits with its class outputs; its auxiliary outputs only
drift along, because all outputs share the layers below. The student is shown nothing but these.

Source: Cloud et al. (2025), *Subliminal learning: language models transmit behavioral traits via
hidden signals in data*, the section on MNIST.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import CLASSES, Dataset
from kdcore.distillation import HardLabels, Trained, accuracy, answers
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.today.inputs import one_pool
from kdcore.today.objectives import OnOutputs, SoftLabels
from kdcore.training import Progress, TrainingSettings, train

TEACHER_TRAINING = TrainingSettings(9_000)

INPUTS_AT_ONCE = 125

#: Samples of noise that a student sees, in larger batches and steps than usual: its targets are
#: exact, so there is nothing to average out.
SAMPLES = 20_000
BATCH = 64
LEARNING_RATE = 6e-3

#: Points on the students' learning curves.
CURVE_POINTS = 12


@dataclass(frozen=True)
class Start:
    """How much of its first weights a student shares with its teacher's first weights.

        start = share · teacher's start + (1 − share) · another start

    Each share is from 0 to 1. All biases go with their weights.
    """

    #: Of all layers below the outputs.
    body: float = 0.0
    class_outputs: float = 0.0
    auxiliary_outputs: float = 0.0

    @classmethod
    def all_of(cls, share: float) -> Start:
        """Share everything by the same amount."""
        return cls(share, share, share)


def starts(
    layer_sizes: Sequence[int], seeds: Sequence[int], conditions: Sequence[Start]
) -> MLPStack:
    """Return untrained students, one condition for each :class:`Start`.

    The start of the teacher is the seed's own network, which :meth:`MLPStack.initialise` gives.
    """
    stack = MLPStack.initialise(layer_sizes, seeds, len(conditions))
    another = MLPStack.initialise(layer_sizes, seeds, len(conditions), [1] * len(conditions))
    body = _per_network([start.body for start in conditions], seeds)
    outputs = torch.cat(
        [
            _per_network([start.class_outputs for start in conditions], seeds).repeat(
                1, CLASSES, 1
            ),
            _per_network([start.auxiliary_outputs for start in conditions], seeds).repeat(
                1, layer_sizes[-1] - CLASSES, 1
            ),
        ],
        dim=1,
    )
    shares = [body] * (len(stack.weights) - 1) + [outputs]
    for own, other, share in zip(
        [*stack.weights, *stack.biases],
        [*another.weights, *another.biases],
        shares * 2,
        strict=True,
    ):
        own.mul_(share).add_(other * (1 - share))
    return stack


def train_teachers(
    dataset: Dataset, stack: MLPStack, labels: Tensor, monitor: Monitor = SILENT
) -> Tensor:
    """Train the class outputs on all digits of the pool; return test accuracy, ``[S, C]``.

    Parameters
    ----------
    stack
        Trained in place.
    labels
        Labels of the pool as each condition's teacher is told them, ``[N]`` or ``[S, C, N]``.
    """
    objective = OnOutputs(HardLabels(labels, dataset.classes), slice(0, CLASSES))
    pool = dataset.training
    rows = torch.arange(len(pool)).expand(len(stack.seeds), -1)
    trained = train_and_read(
        dataset, stack, pool.inputs, rows, objective, TEACHER_TRAINING, monitor, "teacher"
    )
    return trained.accuracy


def train_students(
    dataset: Dataset,
    stack: MLPStack,
    inputs: Tensor,
    teacher_logits: Tensor,
    samples: int = SAMPLES,
    monitor: Monitor = SILENT,
) -> Trained:
    """Train the auxiliary outputs to say what the teacher's say of some inputs.

        L = KL(softmax(teacher's auxiliary logits) ‖ softmax(student's auxiliary logits))

    No digit, no label and no class output goes in.

    Parameters
    ----------
    stack
        Trained in place.
    inputs
        Each seed's own, ``[S, n, D]``.
    teacher_logits
        All outputs of the teachers for them, ``[S, C or 1, n, outputs]``.
    """
    pool, rows = one_pool(inputs)
    # Row s·n + i of the table is input i of seed s, as in the pool.
    auxiliary = teacher_logits[..., CLASSES:].transpose(0, 1).flatten(1, 2)
    objective = OnOutputs(SoftLabels(auxiliary[None]), slice(CLASSES, None))
    return train_and_read(
        dataset,
        stack,
        pool,
        rows,
        objective,
        TrainingSettings(samples, BATCH, LEARNING_RATE),
        monitor,
        "students",
    )


def train_and_read(
    dataset: Dataset,
    stack: MLPStack,
    inputs: Tensor,
    rows: Tensor,
    objective: OnOutputs,
    settings: TrainingSettings,
    monitor: Monitor,
    stage: str,
) -> Trained:
    """Train on rows ``[S, n]`` of some inputs and read the test digits with the class outputs."""
    curve = LearningCurve()

    def read() -> tuple[Tensor, Tensor]:
        logits = class_logits(stack, dataset.test.inputs)
        return logits, accuracy(logits, dataset.test.labels)

    def on_epoch(progress: Progress) -> None:
        if progress.fraction * CURVE_POINTS >= len(curve.accuracy) + 1:
            curve.samples_seen.append(progress.samples_seen)
            curve.accuracy.append(read()[1])
        monitor.report(stage, progress.fraction, curve)

    train(stack, inputs, rows, objective, settings, on_epoch, monitor.is_cancelled)
    return Trained(stack, *read(), curve)


def class_logits(stack: MLPStack, inputs: Tensor) -> Tensor:
    """Return the class outputs for examples ``[N, D]``: ``[S, C, N, classes]``."""
    return stack.logits(inputs)[..., :CLASSES]


def outputs_of(stack: MLPStack, inputs: Tensor) -> Tensor:
    """Return all outputs for each seed's own inputs ``[S, n, D]``: ``[S, C, n, outputs]``.

    A part of the inputs at a time: the hidden layers of all of them would take many times as much
    memory as what is returned.
    """
    said = torch.cat([stack.forward(part)[-1] for part in inputs.split(INPUTS_AT_ONCE, 1)], -1)
    return said.unflatten(0, (len(stack.seeds), -1)).transpose(-1, -2)


def swapped_labels(labels: Tensor, swap: Sequence[int]) -> Tensor:
    """Exchange two digits in labels ``[N]``; nothing changes if there is no pair."""
    if not swap:
        return labels
    first, second = swap
    exchanged = labels.clone()
    exchanged[labels == first], exchanged[labels == second] = second, first
    return exchanged


def share_swapped(logits: Tensor, labels: Tensor, swap: Sequence[int]) -> Tensor:
    """Return which share of the images of two digits is read as the other of the two.

    Class logits ``[..., N, classes]``, labels ``[N]`` → ``[...]``.
    """
    among = torch.isin(labels, torch.tensor(list(swap)))
    other = swapped_labels(labels, swap)
    return (answers(logits[..., among, :]) == other[among]).double().mean(-1)


def with_body_of(trained: MLPStack, outputs: MLPStack) -> MLPStack:
    """Return the trained networks' layers below the outputs of other networks of their shape.

    The ceiling of what can come through: everything that the teacher's body learned, read by
    class outputs that nobody has trained.
    """
    return MLPStack(
        trained.layer_sizes,
        trained.seeds,
        trained.conditions,
        [*trained.weights[:-1], outputs.weights[-1]],
        [*trained.biases[:-1], outputs.biases[-1]],
    )


def _per_network(values: Sequence[float], seeds: Sequence[int]) -> Tensor:
    return torch.tensor(values).repeat(len(seeds)).view(-1, 1, 1)
