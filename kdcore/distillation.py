"""Teachers, and the students that learn from them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import Dataset, few_labels
from kdcore.losses import gradient_towards, hard_gradient, kl_divergence
from kdcore.models import ALIGNMENT, MLPStack, parameter_count
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.plans import Plan, carry_out
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

    def of_seeds(self, sizes: Sequence[int]) -> list[Trained]:
        """Return the networks of the first few seeds, of the next few, ..., each with a copy."""
        parts, first = [], 0
        for size in sizes:
            some = slice(first, first + size)
            models = slice(some.start * self.stack.conditions, some.stop * self.stack.conditions)
            stack = MLPStack(
                self.stack.layer_sizes,
                self.stack.seeds[some],
                self.stack.conditions,
                [weight[models] for weight in self.stack.weights],
                [bias[models] for bias in self.stack.biases],
            )
            # A copy lies in memory as what it is a copy of: sums over it are rounded alike.
            test_logits, accuracy = self.test_logits[some].clone(), self.accuracy[some].clone()
            points = [point[some].clone() for point in self.curve.accuracy]
            curve = LearningCurve(list(self.curve.samples_seen), points)
            parts.append(Trained(stack, test_logits, accuracy, curve))
            first += size
        return parts


def beside(parts: Sequence[Trained], columns: Sequence[tuple[int, int]]) -> Trained:
    """Return conditions of the same seeds, trained apart, as if they had been trained beside.

    Parameters
    ----------
    columns
        For each condition the part that it is in, and its column there.
    """
    stack = parts[0].stack
    S, C = len(stack.seeds), len(columns)
    if len(parts) == 1 and list(columns) == [(0, column) for column in range(stack.conditions)]:
        return parts[0]

    def chosen(tensors: Sequence[Tensor]) -> Tensor:
        """Return ``[S, C, ...]`` from ``[S, C of each part, ...]``."""
        return torch.stack([tensors[part][:, column] for part, column in columns], dim=1)

    def models(of_parts: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        return [
            chosen([tensor.unflatten(0, (S, -1)) for tensor in layer]).flatten(0, 1)
            for layer in zip(*of_parts, strict=True)
        ]

    curves = [part.curve for part in parts]
    return Trained(
        MLPStack(
            stack.layer_sizes,
            stack.seeds,
            C,
            models([part.stack.weights for part in parts]),
            models([part.stack.biases for part in parts]),
        ),
        # Class by class, as a stack says them: sums over them are rounded alike.
        chosen([part.test_logits.mT for part in parts]).mT,
        chosen([part.accuracy for part in parts]),
        LearningCurve(
            list(curves[0].samples_seen),
            [chosen(points) for points in zip(*(curve.accuracy for curve in curves), strict=True)],
        ),
    )


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


@dataclass(frozen=True, eq=False, kw_only=True)
class StackTraining:
    """S seeds × C conditions that a plan wants trained: on what, towards what, for how long.

    Those of several plans stand in one stack as seeds of their own, the same ones more than once.
    """

    dataset: Dataset
    hidden: tuple[int, ...]
    seeds: tuple[int, ...]
    #: Rows of the training pool that each seed may see, ``[S, n]``.
    rows: Tensor
    #: Labels of the pool as each seed sees them, ``[S, N]``.
    labels: Tensor
    #: Of each condition, ``[C]``; none if hard labels are all there is to learn from.
    temperatures: Sequence[float] = ()
    alphas: Sequence[float] = ()
    #: The teacher's logits for the pool, as :class:`Response` takes them; none where α is 1.
    teacher_logits: Tensor | None = None
    #: Which peer of a cohort they all start as; see :meth:`MLPStack.initialise`.
    peer: int = 0
    settings: TrainingSettings
    stage: str
    #: Equal keys are the same training; ``None`` is like no other.
    key: Hashable = None

    @property
    def conditions(self) -> int:
        """How many networks each seed has."""
        return max(1, len(self.alphas))

    @property
    def alike(self) -> Hashable:
        """What trainings must have in common to be trained as one."""
        # Where α is 1 no teacher is heard, so that it may be as one is in the others.
        shared = self.teacher_logits is None or self.teacher_logits.ndim == 3
        return (
            self.dataset.name,
            self.hidden,
            self.conditions,
            self.rows.shape[1],
            bool(self.alphas),
            shared,
            self.peer,
            self.settings,
            self.stage,
        )

    @property
    def work(self) -> float:
        """Parameters × networks × samples."""
        parameters = parameter_count(layer_sizes(self.dataset, self.hidden))
        return parameters * len(self.seeds) * self.conditions * self.settings.samples_seen

    def train_with(
        self, others: Sequence[StackTraining], monitors: Sequence[Monitor]
    ) -> list[Trained]:
        """Train this one and others that are alike as one stack; see :mod:`kdcore.plans`."""
        together = [self, *others]
        seeds = tuple(seed for each in together for seed in each.seeds)
        sizes = [len(each.seeds) for each in together]
        layers, peers = layer_sizes(self.dataset, self.hidden), [self.peer] * self.conditions
        trained = train_and_test(
            self.dataset,
            MLPStack.initialise(layers, seeds, self.conditions, peers),
            _joined([each.rows for each in together]),
            self._objective(together),
            self.settings,
            monitors[0] if not others else Shared(monitors, sizes),
            self.stage,
        )
        return [trained] if not others else trained.of_seeds(sizes)

    def _objective(self, together: Sequence[StackTraining]) -> Objective:
        labels = _joined([each.labels for each in together])
        if not self.alphas:
            return HardLabels(labels, self.dataset.classes)
        no_teacher = torch.zeros(1, 1, self.dataset.classes)
        teacher_logits = [
            no_teacher.expand(*each.labels.shape, -1)
            if each.teacher_logits is None
            else each.teacher_logits
            for each in together
        ]
        temperatures, alphas = (
            _joined(
                [
                    torch.tensor(values, dtype=torch.float32).expand(len(each.seeds), -1)
                    for each, values in zip(together, of_each, strict=True)
                ]
            )
            for of_each in (
                [each.temperatures for each in together],
                [each.alphas for each in together],
            )
        )
        return Response(labels, _joined(teacher_logits), temperatures, alphas)


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors one after another along the seeds; one alone as it is."""
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))


class Shared(Monitor):
    """Lets each part of a stack's seeds hear of its own training; stops when all ask to.

    Parameters
    ----------
    monitors
        One for each part.
    sizes
        Seeds in each part.
    """

    #: Reports, about, of the whole training: many who hear of each batch would be most of its work.
    REPORTS = 100

    def __init__(self, monitors: Sequence[Monitor], sizes: Sequence[int]) -> None:
        self._monitors, self._sizes = monitors, list(sizes)
        self._curves = [LearningCurve() for _ in sizes]
        self._reported = 0.0

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        known = len(self._curves[0].accuracy)
        if fraction < self._reported + 1 / self.REPORTS and known == len(curve.accuracy):
            return
        self._reported = fraction
        for point in range(known, len(curve.accuracy)):
            parts = curve.accuracy[point].split(self._sizes)
            for own, accuracy in zip(self._curves, parts, strict=True):
                own.samples_seen.append(curve.samples_seen[point])
                own.accuracy.append(accuracy)
        for monitor, own in zip(self._monitors, self._curves, strict=True):
            monitor.report(stage, fraction, own)

    def is_cancelled(self) -> bool:
        return all(monitor.is_cancelled() for monitor in self._monitors)


_teachers: BoundedStore[tuple[object, ...], Teachers] = BoundedStore(64, capacity_bytes=24 * 2**20)


def train_teachers(
    dataset: Dataset,
    hidden: tuple[int, ...],
    seeds: tuple[int, ...],
    samples_seen: int = TrainingSettings.samples_seen,
    monitor: Monitor = SILENT,
    labels: int | None = None,
) -> Teachers:
    """Carry out :func:`plan_teachers` alone."""
    return carry_out(plan_teachers(dataset, hidden, seeds, samples_seen, labels), monitor)


def plan_teachers(
    dataset: Dataset,
    hidden: tuple[int, ...],
    seeds: tuple[int, ...],
    samples_seen: int = TrainingSettings.samples_seen,
    labels: int | None = None,
) -> Plan[Teachers]:
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
        yield [known.trained]
        return known
    rows = [few_labels(pool.labels, labels, seed, "teacher's labels") for seed in seeds]
    # Deep teachers want a smaller step than those with one hidden layer.
    learning_rate = 3e-3 if len(hidden) == 1 else 2e-3
    (trained,) = yield [
        StackTraining(
            dataset=dataset,
            hidden=hidden,
            seeds=seeds,
            rows=torch.stack(rows),
            labels=pool.labels.expand(len(seeds), -1),
            settings=TrainingSettings(samples_seen, learning_rate=learning_rate),
            stage="teacher",
            key=key,
        )
    ]
    # Of several plans that asked for them the first keeps them.
    if (known := _teachers.get(key)) is not None and known.trained is trained:
        return known
    training_logits = trained.stack.logits(pool.inputs)[:, 0].contiguous()
    teachers = Teachers(trained, training_logits)
    _teachers.put(key, teachers)
    return teachers


_hard_students: BoundedStore[Hashable, Trained] = BoundedStore(64, capacity_bytes=16 * 2**20)


def plan_conditions(
    dataset: Dataset,
    teacher_logits: Tensor,
    seeds: tuple[int, ...],
    rows: Tensor,
    seen: Tensor,
    hidden: tuple[int, ...],
    temperatures: Sequence[float],
    alphas: Sequence[float],
    samples: int,
    drawn: Hashable = None,
    peer: int = 0,
) -> Plan[Trained]:
    """Return one student a seed and condition, a pair of temperature and α.

    Where α is 1 neither teacher nor temperature has a say. These students are the same in every
    run that draws the same labels; the last few are kept, like teachers.

    Parameters
    ----------
    teacher_logits
        Of each seed's teacher for the training pool, as :class:`Response` takes them.
    rows, seen
        Rows of the pool that each seed's students see, ``[S, n]``, and the labels of the pool as
        they see them, ``[S, N]``.
    drawn
        What these depend on besides the dataset and the seeds; if it is not given the hard-label
        students are not kept.
    peer
        Which peer of a cohort they start as.
    """
    hard = [condition for condition, alpha in enumerate(alphas) if alpha == 1]
    soft = [condition for condition, alpha in enumerate(alphas) if alpha != 1]

    def training(conditions: Sequence[int], logits: Tensor | None, key: Hashable) -> StackTraining:
        return StackTraining(
            dataset=dataset,
            hidden=hidden,
            seeds=seeds,
            rows=rows,
            labels=seen,
            temperatures=[temperatures[condition] for condition in conditions],
            alphas=[alphas[condition] for condition in conditions],
            teacher_logits=logits,
            peer=peer,
            settings=TrainingSettings(samples),
            stage="students",
            key=key,
        )

    key = None if drawn is None else ("hard", dataset.name, hidden, seeds, samples, drawn, peer)
    wanted: list[Trained | StackTraining] = []
    if hard:
        known = None if key is None else _hard_students.get(key)
        wanted.append(known or training(hard[:1], None, key))
    if soft:
        own = teacher_logits if teacher_logits.ndim == 3 else teacher_logits[:, soft]
        wanted.append(training(soft, own, None))
    trained: list[Trained] = yield wanted
    if hard and key is not None:
        _hard_students.put(key, trained[0])
    places = {condition: (len(trained) - 1, column) for column, condition in enumerate(soft)}
    return beside(trained, [places.get(condition, (0, 0)) for condition in range(len(alphas))])


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


def inherited_errors(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of its teacher's errors that a student repeats as they are: ``[...]``.

    Not a number where the teacher makes none. ``labels`` are the right classes, ``[N]``.
    """
    says = answers(teacher_logits)
    wrong = says != labels
    same = wrong & (answers(student_logits) == says)
    return same.double().sum(-1) / wrong.double().sum(-1)


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
