"""Spot the broken experiment: a student trained with one real bug, beside its healthy twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kdcore.broken.recipes import BUGS, HEALTHY, Recipe
from kdcore.data import Dataset, digits
from kdcore.distillation import (
    BatchTable,
    Response,
    Trained,
    agreement,
    kl_to_teacher,
    layer_sizes,
    train_and_test,
    train_teachers,
)
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
    draw_labels,
    fidelity_columns,
    measured_curve,
    soft_label_entropy,
    teacher_samples,
)
from kdcore.losses import DistillationLoss, alpha_without_factor
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.randomness import generator
from kdcore.settings import (
    ALPHA,
    LABELS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEMPERATURE,
    Name,
    Settings,
    setting,
)
from kdcore.statistics import Interval, Verdict, mean_interval, paired_difference, verdicts
from kdcore.today.objectives import SideBySide
from kdcore.training import TrainingSettings

#: The teacher of this experiment.
BROKEN_TEACHER_HIDDEN: tuple[int, ...] = TEACHER_HIDDEN.default

#: What is compared, in the order of the table; the first is the baseline.
NETWORKS = ("healthy", "broken", "hard")

#: The bugs that the exam's cases have, in their order.
CASES = (
    "shuffled-teacher",
    "one-sided-temperature",
    "class-mean",
    "probabilities",
    "reverse-kl",
    "no-t-squared",
)

#: What a learner may suspect: every bug that can be injected here, and one that cannot, since these
#: networks have neither dropout nor batch normalisation. The order is part of what is kept of
#: answers; new ones go to the end.
SUSPECTS = (*BUGS, "teacher-training")

#: What a bug may show in, besides the accuracy.
FIGURES = ("agreement", "kl_to_teacher", "output_entropy")


@dataclass(frozen=True, kw_only=True)
class BrokenSettings(Settings):
    """What is compared: students with one bug, the same without it, the same on hard labels."""

    bug: str = setting(Name("bug", tuple(BUGS), "no-t-squared"))
    labels: int = setting(LABELS)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)

    def work(self) -> float:
        students = self.student_work(self.student_hidden, len(NETWORKS))
        return self.teacher_work(BROKEN_TEACHER_HIDDEN) + students

    @property
    def own_bytes(self) -> int:
        """Measured: what autograd keeps of a loss as its code computes it."""
        return 2**20


@dataclass(frozen=True, eq=False)
class MeasuredBroken(Measured):
    """The table, and each figure of the broken run against its healthy twin."""

    #: Test accuracy of the teachers, and the entropy of their outputs at T = 1.
    teacher_accuracy: Interval = field(default_factory=lambda: Interval(0, 0, 1))
    teacher_entropy: float = 0.0
    #: Broken − healthy, paired over the seeds, for each of :data:`FIGURES`.
    differences: dict[str, Interval] = field(default_factory=dict)
    #: The α of a healthy run that trains as the bug does, if there is one.
    alpha_in_effect: float | None = None

    def told(self, figure: str) -> Verdict:
        """Say whether a figure is told apart from the healthy twin's, all of them together."""
        return dict(zip(FIGURES, verdicts(list(self.differences.values())), strict=True))[figure]


class AsItsCodeSays:
    """Learn by a loss as its code computes it, differentiated by autograd.

    Parameters
    ----------
    loss
        Gives the loss of each seed's student ``[S]`` for logits ``[S, B, classes]``.
    labels
        Labels of the training pool as each seed sees them, ``[S, N]``.
    teacher_logits
        What each seed's student looks up, ``[S, N, classes]``.
    """

    def __init__(
        self,
        loss: Callable[[Tensor, Tensor, Tensor], DistillationLoss],
        labels: Tensor,
        teacher_logits: Tensor,
    ) -> None:
        self._loss = loss
        self._labels = labels
        self._teacher = BatchTable(teacher_logits)

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1].view(len(rows), *activations[-1].shape[-2:])
        student = logits.mT.detach().requires_grad_()
        teacher = self._teacher.batch(rows)[:, 0].mT
        with torch.enable_grad():
            total = self._loss(student, teacher, self._labels.gather(1, rows)).total.sum()
            (gradient,) = torch.autograd.grad(total, student)
        return [(activations[-1], gradient.mT.view_as(activations[-1]))]


def broken(settings: BrokenSettings, monitor: Monitor = SILENT) -> MeasuredBroken:
    """Train students with a bug beside the same students without it: same weights, same batches.

    The healthy twin is an ordinary run of this lab, to the last bit. Where the bug is not in the
    loss, the broken student learns by the same written-out gradient, so that nothing but the bug
    tells the two apart.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    recipe, T, alpha = BUGS[settings.bug], settings.temperature, settings.alpha
    teachers = train_teachers(
        dataset, BROKEN_TEACHER_HIDDEN, seeds, teacher_samples(dataset), monitor
    )
    rows, seen = draw_labels(dataset, seeds, settings.labels)
    logits = teachers.training_logits
    kept = cached(recipe, logits, rows, seeds)

    def loss(student: Tensor, teacher: Tensor, labels: Tensor) -> DistillationLoss:
        return recipe.loss(student, teacher, labels, T, alpha)

    objectives = [
        Response(seen, logits, (T,), (alpha,)),
        Response(seen, kept, (T,), (alpha,))
        if recipe.loss is HEALTHY.loss
        else AsItsCodeSays(loss, seen, kept),
        Response(seen, logits, (1.0,), (1.0,)),
    ]
    stack = MLPStack.initialise(
        layer_sizes(dataset, settings.student_hidden), seeds, len(objectives)
    )
    at_start = soft_terms(stack, dataset, rows, recipe, (logits, kept), settings)
    students = train_and_test(
        dataset,
        stack,
        rows,
        SideBySide(objectives),
        TrainingSettings(settings.student_samples),
        monitor,
        "students",
    )
    at_end = soft_terms(stack, dataset, rows, recipe, (logits, kept), settings)
    accuracy = students.accuracy.clone()
    accuracy[:, 1] = reported(recipe, students)
    figures = {
        "agreement": agreement(students.test_logits, teachers.test_logits.unsqueeze(1)),
        "kl_to_teacher": torch.stack(
            [kl_to_teacher(own, teachers.test_logits) for own in students.test_logits.unbind(1)], 1
        ),
        "output_entropy": torch.stack(
            [soft_label_entropy(own, 1.0) for own in students.test_logits.unbind(1)], 1
        ),
    }
    table: list[Row] = [
        {
            "network": name,
            **accuracy_columns(accuracy[:, i], accuracy[:, 0] if name == "broken" else None),
            **fidelity_columns(students.test_logits[:, i], teachers.test_logits),
            "output_entropy": figures["output_entropy"][:, i].mean().item(),
            "soft_term_at_start": at_start[i],
            "soft_term_at_end": at_end[i],
        }
        for i, name in enumerate(NETWORKS)
    ]
    return MeasuredBroken(
        table,
        accuracy,
        [measured_curve(students.curve, i) for i in range(len(NETWORKS))],
        mean_interval(teachers.accuracy),
        soft_label_entropy(teachers.test_logits, 1.0).mean().item(),
        {name: paired_difference(own[:, 1], own[:, 0]) for name, own in figures.items()},
        alpha_in_effect(settings, dataset.classes),
    )


def code_of(bug: str) -> tuple[Callable[..., object], ...]:
    """Return the pieces of code that a run with a bug consists of, in the order of their use."""
    return BUGS[bug].code


def cached(recipe: Recipe, teacher_logits: Tensor, rows: Tensor, seeds: tuple[int, ...]) -> Tensor:
    """Return what the students of a recipe look up of their teachers, ``[S, N, classes]``."""
    return torch.stack(
        [
            recipe.cache(own, own_rows, generator(seed, "cached logits"))
            for own, own_rows, seed in zip(teacher_logits, rows, seeds, strict=True)
        ]
    )


def reported(recipe: Recipe, students: Trained) -> Tensor:
    """Return the accuracy of the broken students as their recipe reports it, ``[S]``."""
    while_learning = [accuracy[:, 1] for accuracy in students.curve.accuracy]
    # The curve's last point is the end of training, but for runs too short to have one.
    return recipe.report(torch.stack([*while_learning, students.accuracy[:, 1]]))


def soft_terms(
    stack: MLPStack,
    dataset: Dataset,
    rows: Tensor,
    recipe: Recipe,
    teacher_logits: tuple[Tensor, Tensor],
    settings: BrokenSettings,
) -> list[float | None]:
    """Return the soft part of the loss as its code computes it, for each of :data:`NETWORKS`.

    The mean over seeds, on the images that the students learn from; none for hard labels.
    """
    said = stack.logits(dataset.training.inputs)
    labels = dataset.training.labels[rows]
    of_rows = rows.unsqueeze(-1).expand(-1, -1, dataset.classes)
    terms: list[float | None] = []
    for i, (own, logits) in enumerate(zip((HEALTHY, recipe), teacher_logits, strict=True)):
        student, teacher = said[:, i].gather(1, of_rows), logits.gather(1, of_rows)
        parts = own.loss(student, teacher, labels, settings.temperature, settings.alpha)
        terms.append(parts.soft.mean().item())
    return [*terms, None]


def alpha_in_effect(settings: BrokenSettings, classes: int) -> float | None:
    """Return the α of a healthy run that trains as the bug does, where the bug is but a weight.

    A soft term that is k times too small comes to another balance, as one without T² does.
    """
    alpha, T = settings.alpha, settings.temperature
    known = {
        "alpha-swapped": 1 - alpha,
        "class-mean": alpha_without_factor(alpha, classes**0.5),
        "no-t-squared": alpha_without_factor(alpha, T),
    }
    return known.get(settings.bug)


# --------------------------------------------------------------------------- what a run says


def row_of(result: AnyResult, network: str) -> Row:
    """Return the row of one of :data:`NETWORKS`."""
    return result.rows[NETWORKS.index(network)]


def against(result: AnyResult, network: str) -> Interval:
    """Return how much more accurate the broken run is than another, paired over its seeds."""
    return difference(result, NETWORKS.index("broken"), NETWORKS.index(network))


EXPERIMENT = Experiment(
    "broken",
    BrokenSettings,
    broken,
    page="broken",
    named_by=("network",),
    listed=False,
)
