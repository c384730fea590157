"""Teachers, and the students that learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kdcore.data import Dataset
from kdcore.losses import distillation_gradient, hard_gradient, kl_divergence
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.store import BoundedStore
from kdcore.training import Objective, Progress, TrainingSettings, train

#: Points on a learning curve; each costs one pass over the test set.
CURVE_POINTS = 12


@dataclass
class LearningCurve:
    """Test accuracy while training: after ``samples_seen[i]``, ``accuracy[i]`` is ``[S, C]``."""

    samples_seen: list[int] = field(default_factory=list)
    accuracy: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained stack of S seeds × C conditions and what it says of the test images."""

    stack: MLPStack
    #: ``[S, C, N_test, classes]``
    test_logits: Tensor
    #: ``[S, C]``
    accuracy: Tensor
    curve: LearningCurve


@dataclass(frozen=True, eq=False)
class Teachers:
    """One teacher a seed, each trained on the whole training pool."""

    trained: Trained
    #: Logits for every image of the training pool, ``[S, N, classes]``: row i is image i, so that
    #: shuffled batches can never meet the logits of other images.
    training_logits: Tensor

    @property
    def test_logits(self) -> Tensor:
        """``[S, N_test, classes]``"""
        return self.trained.test_logits[:, 0]

    @property
    def accuracy(self) -> Tensor:
        """Test accuracy of each seed's teacher, ``[S]``."""
        return self.trained.accuracy[:, 0]


class HardLabels:
    """Learn from the hard labels alone: cross-entropy."""

    def __init__(self, labels: Tensor, classes: int) -> None:
        self._one_hot = torch.nn.functional.one_hot(labels, classes).float()

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        per_seed = logits.view(len(rows), -1, *logits.shape[1:])
        one_hot = self._one_hot[rows].transpose(1, 2).unsqueeze(1)
        gradient = hard_gradient(per_seed, one_hot, class_axis=-2).div_(rows.shape[1])
        return [(logits, gradient.view_as(logits))]


class Response:
    """Response distillation: match the teacher's output distribution (Hinton et al. 2015).

    Parameters
    ----------
    labels
        Labels of the training pool ``[N]``.
    teacher_logits
        The teacher's logits for the pool, ``[S, N, classes]``.
    temperatures, alphas
        One for each condition.
    """

    def __init__(
        self,
        labels: Tensor,
        teacher_logits: Tensor,
        temperatures: Sequence[float],
        alphas: Sequence[float],
    ) -> None:
        self._one_hot = torch.nn.functional.one_hot(labels, teacher_logits.shape[-1]).float()
        self._teacher_logits = teacher_logits
        self._seeds = torch.arange(len(teacher_logits))[:, None]
        self._temperature = torch.tensor(temperatures).view(1, -1, 1, 1)
        self._alpha = torch.tensor(alphas).view(1, -1, 1, 1)

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        per_seed = logits.view(len(rows), -1, *logits.shape[1:])  # [S, C, classes, B]
        teacher_logits = self._teacher_logits[self._seeds, rows].transpose(1, 2)
        gradient = distillation_gradient(
            per_seed,
            teacher_logits.contiguous().unsqueeze(1),
            self._one_hot[rows].transpose(1, 2).contiguous().unsqueeze(1),
            self._temperature,
            self._alpha,
            class_axis=-2,
        ).div_(rows.shape[1])
        return [(logits, gradient.view_as(logits))]


def train_and_test(
    dataset: Dataset,
    stack: MLPStack,
    rows: Tensor,
    objective: Objective,
    settings: TrainingSettings,
    monitor: Monitor = SILENT,
    stage: str = "training",
    curve_points: int = CURVE_POINTS,
) -> Trained:
    """Train a stack on rows ``[S, n]`` of the training pool and measure it on the test set."""
    curve = LearningCurve()

    def on_epoch(progress: Progress) -> None:
        if progress.fraction * curve_points >= len(curve.accuracy) + 1:
            curve.samples_seen.append(progress.samples_seen)
            curve.accuracy.append(accuracy(stack.logits(dataset.test.inputs), dataset.test.labels))
        monitor.report(stage, progress.fraction, curve)

    inputs = dataset.training.inputs
    train(stack, inputs, rows, objective, settings, on_epoch, monitor.is_cancelled)
    test_logits = stack.logits(dataset.test.inputs)
    return Trained(stack, test_logits, accuracy(test_logits, dataset.test.labels), curve)


_teachers: BoundedStore[tuple[object, ...], Teachers] = BoundedStore(capacity=8)


def train_teachers(
    dataset: Dataset,
    hidden: tuple[int, ...],
    seeds: tuple[int, ...],
    samples_seen: int = TrainingSettings.samples_seen,
    monitor: Monitor = SILENT,
) -> Teachers:
    """Return one teacher a seed, trained on the whole training pool with its hard labels.

    The last few are kept, so that the next run with the same teachers starts at once.
    """
    key = (dataset.name, hidden, seeds, samples_seen)
    if (known := _teachers.get(key)) is not None:
        return known
    # Deep teachers want a smaller step than those with one hidden layer.
    learning_rate = 3e-3 if len(hidden) == 1 else 2e-3
    stack = MLPStack.initialise(layer_sizes(dataset, hidden), seeds)
    pool = dataset.training
    trained = train_and_test(
        dataset,
        stack,
        torch.arange(len(pool)).expand(len(seeds), -1),
        HardLabels(pool.labels, dataset.classes),
        TrainingSettings(samples_seen, learning_rate=learning_rate),
        monitor,
        "teacher",
    )
    teachers = Teachers(trained, stack.logits(pool.inputs)[:, 0].contiguous())
    _teachers.put(key, teachers)
    return teachers


def layer_sizes(dataset: Dataset, hidden: Sequence[int]) -> tuple[int, ...]:
    """Return the layer sizes of an MLP for a dataset, from input to output."""
    return (dataset.training.inputs.shape[1], *hidden, dataset.classes)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of right answers: logits ``[..., N, C]``, labels ``[N]`` → ``[...]``."""
    return (logits.argmax(-1) == labels).double().mean(-1)


def agreement(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Return the share of examples on which student and teacher answer alike: ``[...]``.

    Fidelity in the sense of Stanton et al. (2021): not whether the student is right, but whether
    it says what its teacher says.
    """
    return (student_logits.argmax(-1) == teacher_logits.argmax(-1)).double().mean(-1)


def kl_to_teacher(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Return KL(teacher ‖ student) at T = 1 in nats: the finer measure of fidelity."""
    return kl_divergence(teacher_logits, student_logits, temperature=1.0)
