"""Teachers, and the students that learn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import Dataset, few_labels
from kdcore.losses import gradient_towards, hard_gradient, kl_divergence
from kdcore.models import ALIGNMENT, MLPStack
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.store import BoundedStore
from kdcore.training import Objective, Progress, TrainingSettings, train

#: Points on a learning curve; each costs one pass over the test set.
CURVE_POINTS = 12

#: Soft labels that are kept for a training, 16 MB of them; more are made anew for each batch.
MOST_SOFT_LABELS = 2**22


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
    """One teacher a seed."""

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
    """Learn from the hard labels alone: cross-entropy.

    Parameters
    ----------
    labels
        Labels of the training pool ``[N]``, or each seed's own ``[S, N]``.
    classes
        How many classes there are.
    """

    def __init__(self, labels: Tensor, classes: int) -> None:
        self._one_hot = BatchTable(torch.nn.functional.one_hot(labels, classes).float())

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        per_seed = logits.view(len(rows), -1, *logits.shape[1:])
        one_hot = self._one_hot.batch(rows)
        gradient = hard_gradient(per_seed, one_hot, class_axis=-2).div_(rows.shape[1])
        return [(logits, gradient.view_as(logits))]


class Response:
    """Response distillation: match the teacher's output distribution (Hinton et al. 2015).

    Parameters
    ----------
    labels
        Labels of the training pool ``[N]``, or each seed's own ``[S, N]``.
    teacher_logits
        The teacher's logits for the pool: ``[S, N, classes]`` if the conditions of a seed share
        its teacher, ``[S, C, N, classes]`` if each condition has its own.
    temperatures, alphas
        One for each condition, or tensors ``[S, C]`` with one for each condition of each seed.
    """

    def __init__(
        self,
        labels: Tensor,
        teacher_logits: Tensor,
        temperatures: Sequence[float] | Tensor,
        alphas: Sequence[float] | Tensor,
    ) -> None:
        classes = teacher_logits.shape[-1]
        self._one_hot = BatchTable(torch.nn.functional.one_hot(labels, classes).float())
        self._temperature = _of_each_model(temperatures)
        self._alpha = _of_each_model(alphas)
        soft_labels = _soft_labels_of_pool(teacher_logits, self._temperature)
        self._soft_labels_known = soft_labels is not None
        self._teacher = BatchTable(teacher_logits if soft_labels is None else soft_labels)
        # What depends on the shape of a batch only, and is the same in each.
        self._memory: tuple[Tensor, Tensor] | None = None
        self._weights = self._alpha, self._alpha

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1]
        per_seed = logits.view(len(rows), -1, *logits.shape[1:])  # [S, C, classes, B]
        if self._memory is None or self._memory[0].shape != per_seed.shape:
            self._memory = torch.empty_like(per_seed), torch.empty_like(per_seed)
            soft_weight = (1 - self._alpha) * self._temperature
            self._weights = self._alpha / rows.shape[1], soft_weight / rows.shape[1]
        soft_labels = self._teacher.batch(rows)
        if not self._soft_labels_known:
            soft_labels = torch.softmax(soft_labels / self._temperature, dim=-2)
        gradient = gradient_towards(
            per_seed,
            self._one_hot.batch(rows),
            soft_labels,
            self._temperature,
            *self._weights,
            class_axis=-2,
            out=self._memory,
        )
        return [(logits, gradient.view_as(logits))]


def _of_each_model(values: Sequence[float] | Tensor) -> Tensor:
    """Return numbers ``[C]`` or ``[S, C]`` such that they broadcast to ``[S, C, classes, B]``."""
    values = torch.as_tensor(values, dtype=torch.float32)
    return values.view(-1, values.shape[-1], 1, 1)


def _soft_labels_of_pool(teacher_logits: Tensor, temperature: Tensor) -> Tensor | None:
    """Return soft labels ``[S, C, N, classes]``, or ``None`` if they are too many to keep.

    They are computed class by class and for a number of images that fills vector registers, like
    those of a batch: so they are the same to the last bit.
    """
    if teacher_logits.ndim == 3:
        teacher_logits = teacher_logits.unsqueeze(1)
    (S, _, N, classes), C = teacher_logits.shape, temperature.shape[1]
    if S * C * N * classes > MOST_SOFT_LABELS:
        return None
    temperature = temperature.expand(S, -1, -1, -1)
    soft_labels = teacher_logits.new_empty(S, N, C, classes)
    padded = -(-N // ALIGNMENT) * ALIGNMENT
    seeds = max(1, 2**17 // (C * classes * padded))  # at once: what stays in the cache
    memory = teacher_logits.new_zeros(seeds, C, classes, padded)
    for first in range(0, S, seeds):
        some = slice(first, min(S, first + seeds))
        room = memory[: some.stop - some.start]
        torch.div(teacher_logits[some].mT, temperature[some], out=room[..., :N])
        torch.softmax(room, dim=-2, out=room)
        soft_labels[some] = room[..., :N].permute(0, 3, 1, 2)
    return soft_labels.transpose(1, 2)


class BatchTable:
    """What is known of each image of the training pool, to be looked up batch by batch.

    Parameters
    ----------
    values
        ``[N, classes]`` if all seeds share it, ``[S, N, classes]`` if all conditions of a seed
        do, else ``[S, C, N, classes]``.
    """

    def __init__(self, values: Tensor) -> None:
        while values.ndim < 4:
            values = values.unsqueeze(-3)
        S, C, N, self._classes = values.shape
        # All that is known of an image stands in one row: a batch is a copy of whole rows.
        self._table = values.transpose(1, 2).reshape(S * N, C * self._classes)
        self._first_rows = torch.arange(S)[:, None] * N

    def batch(self, rows: Tensor) -> Tensor:
        """Return what is known of the images in rows ``[S, B]``: ``[S, C or 1, classes, B]``."""
        S, B = rows.shape
        picked = self._table.index_select(0, (rows + self._first_rows).flatten())
        return picked.view(S, B, -1, self._classes).permute(0, 2, 3, 1).contiguous()


def train_and_test(
    dataset: Dataset,
    stack: MLPStack,
    rows: Tensor,
    objective: Objective,
    settings: TrainingSettings,
    monitor: Monitor = SILENT,
    stage: str = "training",
    curve_points: int = CURVE_POINTS,
    extra_parameters: Sequence[Tensor] = (),
    on_point: Callable[[MLPStack, Tensor], None] | None = None,
) -> Trained:
    """Train a stack on rows ``[S, n]`` of the training pool and measure it on the test set.

    Parameters
    ----------
    extra_parameters
        What :func:`~kdcore.training.train` is to train besides the stack.
    on_point
        Called at each point of the learning curve, with the stack as it is then and its test
        logits, to measure more than accuracy; the next point writes over these.
    """
    curve = LearningCurve()
    said: Tensor | None = None  # the newest test logits: each point of the curve writes over them

    def on_epoch(progress: Progress) -> None:
        nonlocal said
        if progress.fraction * curve_points >= len(curve.accuracy) + 1:
            curve.samples_seen.append(progress.samples_seen)
            said = stack.logits(dataset.test.inputs, said)
            curve.accuracy.append(accuracy(said, dataset.test.labels))
            if on_point is not None:
                on_point(stack, said)
        monitor.report(stage, progress.fraction, curve)

    inputs = dataset.training.inputs
    train(
        stack,
        inputs,
        rows,
        objective,
        settings,
        on_epoch,
        monitor.is_cancelled,
        extra_parameters,
    )
    test_logits = stack.logits(dataset.test.inputs, said)
    return Trained(stack, test_logits, accuracy(test_logits, dataset.test.labels), curve)


_teachers: BoundedStore[tuple[object, ...], Teachers] = BoundedStore(64, capacity_bytes=48 * 2**20)


def train_teachers(
    dataset: Dataset,
    hidden: tuple[int, ...],
    seeds: tuple[int, ...],
    samples_seen: int = TrainingSettings.samples_seen,
    monitor: Monitor = SILENT,
    labels: int | None = None,
) -> Teachers:
    """Return one teacher a seed, trained on the whole training pool with its hard labels.

    The last few are kept, so that the next run with the same teachers starts at once.

    Parameters
    ----------
    labels
        How many images of the pool each teacher sees, drawn per seed: few make a weak teacher.
        All of them unless given.
    """
    pool = dataset.training
    labels = len(pool) if labels is None else labels
    key = (dataset.name, hidden, seeds, samples_seen, labels)
    if (known := _teachers.get(key)) is not None:
        return known
    # Deep teachers want a smaller step than those with one hidden layer.
    learning_rate = 3e-3 if len(hidden) == 1 else 2e-3
    stack = MLPStack.initialise(layer_sizes(dataset, hidden), seeds)
    rows = [few_labels(pool.labels, labels, seed, "teacher's labels") for seed in seeds]
    trained = train_and_test(
        dataset,
        stack,
        torch.stack(rows),
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
    return (answers(logits) == labels).double().mean(-1)


def answers(logits: Tensor) -> Tensor:
    """Return the class that each network names for each example: ``[..., C]`` → ``[...]``."""
    # What argmax does, but five times faster for the logits of a stack, which lie class by class.
    return logits.max(-1).indices


def agreement(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Return the share of examples on which student and teacher answer alike: ``[...]``.

    Fidelity in the sense of Stanton et al. (2021): not whether the student is right, but whether
    it says what its teacher says.
    """
    return (answers(student_logits) == answers(teacher_logits)).double().mean(-1)


def ensemble(logits: Tensor) -> Tensor:
    """Return the mean probabilities of C networks, ``[S, C, N, classes]`` → ``[S, N, classes]``.

    What they say together; :func:`accuracy` takes it like logits.
    """
    return torch.softmax(logits, dim=-1).mean(dim=1)


def peer_agreement(answers: Tensor) -> Tensor:
    """Return how often two of P networks name the same class, ``[S, P, N]`` → ``[S]``.

    The mean over all pairs; 1 for a lone network.
    """
    alike = (answers.unsqueeze(1) == answers.unsqueeze(2)).double().mean(-1)  # [S, P, P]
    peers = answers.shape[1]
    return (alike.sum((1, 2)) - peers) / (peers * (peers - 1)) if peers > 1 else alike[:, 0, 0]


def kl_to_teacher(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Return KL(teacher ‖ student) at T = 1 in nats: the finer measure of fidelity."""
    return kl_divergence(teacher_logits, student_logits, temperature=1.0)
