"""The methods of distillation, one short function each, and the table of all of them.

A method gets a :class:`Task` and returns the students that it trained. To add one, write its
loss in :mod:`~kdcore.losses`, a function here with its paper in the docstring, and an entry in
:data:`METHODS`; the comparison of all methods then trains it, too. What a learner calls it stands
in ``assets/lessons/en/four_ways.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import Dataset
from kdcore.distillation import (
    BatchTable,
    HardLabels,
    Response,
    Teachers,
    Trained,
    layer_sizes,
    plan_conditions,
    train_and_test,
)
from kdcore.losses import (
    cross_entropy,
    decoupled_loss,
    hint_gradient,
    mutual_gradient,
    relational_angle_loss,
    relational_loss,
)
from kdcore.models import MLPStack, initial_layers
from kdcore.monitor import SILENT, Monitor
from kdcore.plans import Plan, parts, planned
from kdcore.randomness import generator
from kdcore.training import Objective, TrainingSettings

#: What an objective returns: tensors that the loss touches, each with the loss's gradient by it.
Pulls = list[tuple[Tensor, Tensor]]

LAST_HIDDEN = -2

#: Networks of a cohort, where nothing else is said.
PEERS = 4


@dataclass(frozen=True, eq=False)
class Task:
    """What a method has to work with: the images, their labels, a teacher, and the settings."""

    dataset: Dataset
    seeds: tuple[int, ...]
    #: Hidden layers of the students.
    hidden: tuple[int, ...]
    #: Rows of the training pool that each seed's students see, ``[S, n]``.
    rows: Tensor
    #: Labels of the pool as the students see them, ``[S, N]``; some may be wrong.
    labels: Tensor
    #: The teachers, one a seed; not every method needs them.
    taught_by: Teachers | None = None
    temperature: float = 4.0
    alpha: float = 0.3
    #: β, the weight of the hint beside the hard labels.
    hint_weight: float = 10.0
    #: Generations that self-distillation adds to the first.
    generations: int = 1
    #: Networks of a cohort.
    peers: int = PEERS
    #: Samples that each student sees.
    samples: int = TrainingSettings.samples_seen
    #: What rows and labels depend on besides dataset and seeds; if it is said, students that learn
    #: from nothing else are kept.
    drawn: Hashable = None

    @property
    def teachers(self) -> Teachers:
        """The teachers, for a method that cannot do without."""
        if self.taught_by is None:
            raise ValueError("this method needs a teacher")
        return self.taught_by

    def train(
        self,
        objective: Objective,
        monitor: Monitor = SILENT,
        stage: str = "students",
        peers: Sequence[int] = (0,),
        extra_parameters: Sequence[Tensor] = (),
        on_point: Callable[[MLPStack, Tensor], None] | None = None,
    ) -> Trained:
        """Train one network a seed and peer towards an objective, and test it."""
        sizes = layer_sizes(self.dataset, self.hidden)
        return train_and_test(
            self.dataset,
            MLPStack.initialise(sizes, self.seeds, len(peers), peers),
            self.rows,
            objective,
            TrainingSettings(self.samples),
            monitor,
            stage,
            extra_parameters=extra_parameters,
            on_point=on_point,
        )


# ------------------------------------------------------------------------------------- the methods


def hard(task: Task, monitor: Monitor = SILENT) -> Trained:
    """Learn from the hard labels alone: what every method is compared with."""
    return task.train(HardLabels(task.labels, task.dataset.classes), monitor, "hard")


def response(task: Task, monitor: Monitor = SILENT) -> Trained:
    """Match the teacher's output distribution.

    Hinton, Vinyals, Dean (2015), *Distilling the knowledge in a neural network*.
    """
    objective = Response(
        task.labels, task.teachers.training_logits, (task.temperature,), (task.alpha,)
    )
    return task.train(objective, monitor, "response")


def feature(task: Task, monitor: Monitor = SILENT) -> Trained:
    """Match the teacher's last hidden layer through a regressor, beside the hard labels.

    Romero et al. (2015), *FitNets: hints for thin deep nets*. There the hint comes first and the
    labels later; here both are learned together, which needs no second training.
    """
    objective = Hints(task, (task.hint_weight,))
    return task.train(
        objective, monitor, "feature", extra_parameters=objective.regressor_parameters
    )


def self_distillation(task: Task, monitor: Monitor = SILENT) -> Trained:
    """Learn from an earlier network of the same shape, and that from an earlier one.

    Furlanello et al. (2018), *Born-again neural networks*.
    """
    return born_again(task, monitor)[-1]


def online(task: Task, monitor: Monitor = SILENT) -> Trained:
    """Learn together with peers, each taught by what the others say at this moment.

    Zhang et al. (2018), *Deep mutual learning*.
    """
    objective = MutualLearning(task, (task.peers,))
    return task.train(objective, monitor, "online", range(task.peers))


def decoupled(task: Task, monitor: Monitor = SILENT) -> Trained:
    """Match the teacher on the target class and among the other classes, with a weight for each.

    Zhao et al. (2022), *Decoupled knowledge distillation*.
    """
    return task.train(Decoupled(task), monitor, "dkd")


def relational(task: Task, monitor: Monitor = SILENT) -> Trained:
    """Space the examples of a batch out as the teacher does, beside the hard labels.

    Park et al. (2019), *Relational knowledge distillation*, the distance-wise and the angle-wise
    loss together (RKD-DA), between the last hidden layers.
    """
    return task.train(Relational(task), monitor, "rkd")


#: Settings of a comparison that a method may hear; one that does not say which hears them all.
HEARD = ("teacher_hidden", "temperature", "alpha", "hint_weight")


@dataclass(frozen=True)
class Method:
    """One way to teach."""

    name: str
    paper: str
    train: Callable[[Task, Monitor], Trained]
    #: What it costs besides the student's own training; empty if nothing.
    extra_work: str = ""
    #: The settings that it hears besides the students' own: no other changes what it trains.
    hears: tuple[str, ...] = HEARD


#: Every method, by name; the baseline first.
METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("hard", "", hard, hears=()),
        Method(
            "response",
            "Hinton et al. 2015",
            response,
            "a teacher",
            hears=("teacher_hidden", "temperature", "alpha"),
        ),
        Method(
            "feature",
            "Romero et al. 2015",
            feature,
            "a teacher and a regressor",
            hears=("teacher_hidden", "hint_weight"),
        ),
        Method(
            "self",
            "Furlanello et al. 2018",
            self_distillation,
            "an earlier generation",
            hears=("temperature", "alpha"),
        ),
        Method("online", "Zhang et al. 2018", online, f"{PEERS - 1} more peers", hears=()),
        Method(
            "dkd",
            "Zhao et al. 2022",
            decoupled,
            "a teacher",
            hears=("teacher_hidden", "temperature"),
        ),
        Method("rkd", "Park et al. 2019", relational, "a teacher", hears=("teacher_hidden",)),
    )
}


# ------------------------------------------------------------------------------- their objectives


class Hints:
    """Cross-entropy + β · :func:`~kdcore.losses.hint_loss`, one condition for each β.

    The regressor is one linear layer from the student's layer to the width of the teacher's. It
    is trained with the student and thrown away afterwards. Its own loss is the hint's whatever β
    is: Adam's steps do not depend on the size of a loss, and at β = 0 the regressor measures what
    a student that never heard of the hint knows of its teacher's layer, and leaves it alone.

    Parameters
    ----------
    weights
        β of each condition; 0 leaves the hard labels alone.
    hint_layer, guided_layer
        Hidden layers of teacher and student: 0 is the first, −2 the last.
    """

    def __init__(
        self,
        task: Task,
        weights: Sequence[float],
        hint_layer: int = LAST_HIDDEN,
        guided_layer: int = LAST_HIDDEN,
    ) -> None:
        self._hard = HardLabels(task.labels, task.dataset.classes)
        self._teacher = task.teachers.trained.stack
        self._hint_layer, self._guided_layer = hint_layer, guided_layer
        pool = self._teacher.features(task.dataset.training.inputs, hint_layer)
        # Unit variance, so that a weight means the same for every teacher and layer.
        self._scale = pool.std(dim=(-2, -1), keepdim=True).clamp_min(1e-12)
        self._hint = BatchTable(pool / self._scale)
        self._weight = torch.tensor(weights).view(-1, 1, 1).repeat(len(task.seeds), 1, 1)
        inputs = layer_sizes(task.dataset, task.hidden)[1:][guided_layer]
        draws = [generator(seed, "regressor") for seed in task.seeds]
        #: Weights ``[R, d, h]`` and biases ``[R, d, 1]``; the same start in every condition.
        self.regressor_parameters = [
            parameter.repeat_interleave(len(weights), dim=0)
            for parameter in initial_layers(inputs, pool.shape[-1], draws)
        ]

    def __call__(self, activations: list[Tensor], rows: Tensor) -> Pulls:
        hidden = activations[self._guided_layer]
        weight, bias = self.regressor_parameters
        with torch.enable_grad():
            regressed = torch.baddbmm(bias, weight, hidden.detach())
        per_seed = regressed.view(len(rows), -1, *regressed.shape[1:])  # [S, C, d, B]
        gradient = hint_gradient(per_seed, self._hint.batch(rows), feature_axis=-2)
        gradient = gradient.view_as(regressed).div_(rows.shape[1])
        pull = torch.bmm(weight.mT, gradient).mul_(self._weight)
        return [*self._hard(activations, rows), (regressed, gradient), (hidden, pull)]

    @torch.no_grad()
    def match(self, stack: MLPStack, inputs: Tensor) -> Tensor:
        """Return how well the regressors read the teacher's layer off the students', ``[S, C]``.

            R² = 1 − Σ ‖t − r(h)‖² / Σ ‖t − mean t‖²

        1 is the teacher's layer itself, 0 is no better than its mean; ``inputs [N, D]``.
        """
        weight, bias = (p.unflatten(0, (len(stack.seeds), -1)) for p in self.regressor_parameters)
        missed = torch.zeros(len(stack.seeds), stack.conditions)
        hint = self._teacher.features(inputs, self._hint_layer) / self._scale
        # A few images at a time: regressed features are the largest thing there is.
        few = max(1, 2**20 // (len(stack) * hint.shape[-1]))
        for images, expected in zip(inputs.split(few), hint.split(few, dim=-2), strict=True):
            hidden = stack.features(images, self._guided_layer)
            regressed = hidden @ weight.mT + bias.mT
            missed += (regressed - expected).square().sum((-2, -1))
        spread = (hint - hint.mean(dim=-2, keepdim=True)).square().sum((-2, -1))
        return (1 - missed / spread).double()


class MutualLearning:
    """:func:`~kdcore.losses.mutual_loss`; the conditions are cohorts, one beside the other.

    Parameters
    ----------
    cohorts
        Size of each cohort; 1 is a network that learns alone.
    """

    def __init__(self, task: Task, cohorts: Sequence[int]) -> None:
        one_hot = torch.nn.functional.one_hot(task.labels, task.dataset.classes).float()
        self._one_hot = BatchTable(one_hot)
        # Who teaches whom: all others of the own cohort, each with the same weight.
        self._teaching = torch.block_diag(
            *((torch.ones(size, size) - torch.eye(size)) / max(1, size - 1) for size in cohorts)
        )

    def __call__(self, activations: list[Tensor], rows: Tensor) -> Pulls:
        logits = activations[-1]
        per_seed = logits.view(len(rows), -1, *logits.shape[1:])  # [S, C, classes, B]
        gradient = mutual_gradient(
            per_seed, self._one_hot.batch(rows), self._teaching, class_axis=-2
        ).div_(rows.shape[1])
        return [(logits, gradient.view_as(logits))]


class Decoupled:
    """Cross-entropy + w · :func:`~kdcore.losses.decoupled_loss`, where w grows from 0 to 1.

    As Zhao et al. (2022) train on CIFAR-100: the cross-entropy has the weight 1, no balance α is
    struck, and the teacher is faded in over the first 20 of 240 epochs. One objective is for one
    training: it counts its steps.
    """

    #: The paper's weights for CIFAR-100.
    TARGET_WEIGHT = 1.0
    NON_TARGET_WEIGHT = 8.0
    #: Share of the training over which the teacher is faded in.
    WARM_UP = 20 / 240

    def __init__(self, task: Task) -> None:
        self._labels = task.labels
        self._teacher_logits = BatchTable(task.teachers.training_logits)
        self._temperature = task.temperature
        self._warm_up_steps = self.WARM_UP * TrainingSettings(task.samples).steps
        self._step = 0

    def __call__(self, activations: list[Tensor], rows: Tensor) -> Pulls:
        logits = activations[-1].detach().requires_grad_()
        teacher_logits = self._teacher_logits.batch(rows)[:, 0].mT
        targets = self._labels.gather(1, rows)
        self._step += 1
        weight = min(1.0, self._step / self._warm_up_steps)
        with torch.enable_grad():
            matched = decoupled_loss(
                logits.mT,
                teacher_logits,
                targets,
                self._temperature,
                self.TARGET_WEIGHT,
                self.NON_TARGET_WEIGHT,
            ).total
            loss = cross_entropy(logits.mT, targets) + weight * matched
            (gradient,) = torch.autograd.grad(loss.sum(), logits)
        return [(activations[-1], gradient)]


class Relational:
    """Cross-entropy + λ_d · distance-wise + λ_a · angle-wise loss between last hidden layers.

    The losses are :func:`~kdcore.losses.relational_loss` and
    :func:`~kdcore.losses.relational_angle_loss`.
    """

    #: The paper's weights beside the cross-entropy.
    DISTANCE_WEIGHT = 25.0
    ANGLE_WEIGHT = 50.0

    def __init__(self, task: Task) -> None:
        self._hard = HardLabels(task.labels, task.dataset.classes)
        pool = task.dataset.training.inputs
        self._teacher_features = BatchTable(task.teachers.trained.stack.features(pool, LAST_HIDDEN))

    def __call__(self, activations: list[Tensor], rows: Tensor) -> Pulls:
        hidden = activations[LAST_HIDDEN].detach().requires_grad_()
        teacher = self._teacher_features.batch(rows)[:, 0].mT
        with torch.enable_grad():
            distances = self.DISTANCE_WEIGHT * relational_loss(hidden.mT, teacher)
            angles = self.ANGLE_WEIGHT * relational_angle_loss(hidden.mT, teacher)
            (gradient,) = torch.autograd.grad((distances + angles).sum(), hidden)
        return [*self._hard(activations, rows), (activations[LAST_HIDDEN], gradient)]


@planned
def born_again(task: Task) -> Plan[list[Trained]]:
    """Return all generations: the first learns from hard labels, each other from the one before.

    Each starts from weights of its own and sees the same batches.

    Notes
    -----
    Furlanello et al. (2018), *Born-again neural networks*: each generation is initialised with
    another random seed.
    """
    generations: list[Trained] = []

    def generation(number: int) -> Plan[None]:
        alpha, teacher_logits = 1.0, torch.empty(0)  # where α is 1 nobody is heard
        if number:
            alpha = task.alpha
            teacher_logits = generations[-1].stack.logits(task.dataset.training.inputs)[:, 0]
        trained = yield from plan_conditions(
            task.dataset,
            teacher_logits,
            task.seeds,
            task.rows,
            task.labels,
            task.hidden,
            (task.temperature,),
            (alpha,),
            task.samples,
            task.drawn,
            peer=number,
        )
        generations.append(trained)

    count = 1 + task.generations
    yield from parts(map(generation, range(count)), [1.0] * count)
    return generations


def hard_label_peers(
    task: Task,
    monitor: Monitor = SILENT,
    on_point: Callable[[MLPStack, Tensor], None] | None = None,
) -> Trained:
    """Train the networks of a cohort, each alone: what an ensemble costs and gives without more."""
    objective = HardLabels(task.labels, task.dataset.classes)
    return task.train(objective, monitor, "ensemble", range(task.peers), on_point=on_point)


def regressor_parameters(student_width: int, teacher_width: int) -> int:
    """Return the number of weights and biases of a regressor between layers of these widths."""
    return (student_width + 1) * teacher_width
