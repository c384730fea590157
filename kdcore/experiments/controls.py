"""Is it really dark knowledge? Soft labels against targets that are only as soft."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import Dataset, digits
from kdcore.distillation import Response, layer_sizes, train_and_test, train_teachers
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    TEACHER_EPOCHS,
    Measured,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
    teacher_samples,
    training_work,
)
from kdcore.losses import entropy, soft_labels
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.randomness import generator
from kdcore.settings import CheckedSettings
from kdcore.targets import logits_of, shuffled, smoothed
from kdcore.training import TrainingSettings

#: The teacher of this experiment.
CONTROLS_TEACHER_HIDDEN = (256, 128)

#: What is compared, in the order of the table; the first is the baseline.
TARGETS = ("hard", "soft", "smoothed", "shuffled")


@dataclass(frozen=True)
class ControlsSettings(CheckedSettings):
    """What is compared: soft labels and two targets of the same confidence."""

    labels: int = 50
    temperature: float = 8.0
    alpha: float = 0.3
    student_hidden: tuple[int, ...] = (64,)
    seeds: int = 10

    def work(self) -> float:
        return training_work(
            CONTROLS_TEACHER_HIDDEN, self.seeds, TEACHER_EPOCHS * 900
        ) + training_work(self.student_hidden, self.seeds * len(TARGETS), STUDENT_SAMPLES)


@dataclass(frozen=True, eq=False)
class Example:
    """One training image and what each kind of target says of it."""

    #: Row in the training pool.
    index: int
    label: int
    #: Probabilities of the classes, ``[classes]`` for each of :data:`TARGETS`.
    targets: dict[str, Tensor]

    def likeliest_wrong_answer(self, name: str) -> int:
        """Return the class that one of the targets finds likeliest after the label."""
        wrong = self.targets[name].clone()
        wrong[self.label] = -1
        return int(wrong.argmax())


@dataclass(frozen=True, eq=False)
class ControlsMeasured(Measured):
    """The table, and an example of each digit."""

    examples: tuple[Example, ...] = ()


def controls(settings: ControlsSettings, monitor: Monitor = SILENT) -> ControlsMeasured:
    """Compare students on the teacher's soft labels with students on targets that look like them.

    All but the hard labels keep the probability that the teacher gives to the label, image by
    image. *Smoothed* spreads the rest evenly; *shuffled* deals the teacher's own probabilities out
    to the wrong classes at random, once for each image. If softness alone made the gain, they
    would gain as much.
    """
    dataset, seeds = digits(), tuple(range(settings.seeds))
    pool = dataset.training
    teachers = train_teachers(
        dataset, CONTROLS_TEACHER_HIDDEN, seeds, teacher_samples(dataset), monitor
    )
    targets = soft_targets(teachers.training_logits, pool.labels, settings.temperature, seeds)
    rows, seen = draw_labels(dataset, seeds, settings.labels)
    # The hard-label student never looks at its teacher's side of the loss: its α is 1.
    stand_ins = [logits_of(targets[name], settings.temperature) for name in ("soft", *TARGETS[1:])]
    students = train_and_test(
        dataset,
        MLPStack.initialise(layer_sizes(dataset, settings.student_hidden), seeds, len(TARGETS)),
        rows,
        Response(
            seen,
            torch.stack(stand_ins, dim=1),
            [settings.temperature] * len(TARGETS),
            (1.0, *[settings.alpha] * (len(TARGETS) - 1)),
        ),
        TrainingSettings(STUDENT_SAMPLES),
        monitor,
        "students",
    )
    hard = torch.nn.functional.one_hot(pool.labels, dataset.classes).float()
    all_targets = {"hard": hard.expand_as(targets["soft"]), **targets}
    table: list[Row] = [
        {
            "targets": name,
            **accuracy_columns(accuracy, students.accuracy[:, 0] if i else None),
            **_target_columns(all_targets[name], pool.labels),
        }
        for i, (name, accuracy) in enumerate(zip(TARGETS, students.accuracy.unbind(1), strict=True))
    ]
    curves = [measured_curve(students.curve, condition) for condition in range(len(table))]
    return ControlsMeasured(table, students.accuracy, curves, _examples(dataset, all_targets))


def soft_targets(
    teacher_logits: Tensor, labels: Tensor, temperature: float, seeds: tuple[int, ...]
) -> dict[str, Tensor]:
    """Return the targets made of a teacher's soft labels, ``[S, N, classes]`` each, by name.

    Everything is defined on the softened distribution: at the temperature of the run, all three
    give the label the same probability.

    Parameters
    ----------
    teacher_logits
        ``[S, N, classes]``, one teacher a seed.
    labels
        ``[N]``.
    """
    soft = soft_labels(teacher_logits, temperature)
    return {
        "soft": soft,
        "smoothed": smoothed(soft, labels),
        "shuffled": torch.stack(
            [
                shuffled(own, labels, generator(seed, "shuffled targets"))
                for own, seed in zip(soft, seeds, strict=True)
            ]
        ),
    }


def _target_columns(targets: Tensor, labels: Tensor) -> Row:
    """Return how sure a kind of target is of the label, and its entropy: means over the pool."""
    index = labels.expand(targets.shape[:-1]).unsqueeze(-1)
    return {
        "label_probability": targets.gather(-1, index).double().mean().item(),
        "target_entropy": entropy(targets).double().mean().item(),
    }


def _examples(dataset: Dataset, targets: dict[str, Tensor]) -> tuple[Example, ...]:
    """Pick an image of each class: half of its class are more ambiguous to the first teacher."""
    softness = entropy(targets["soft"][0])
    examples = []
    for label in range(dataset.classes):
        own = torch.nonzero(dataset.training.labels == label).flatten()
        index = int(own[softness[own].argsort()[len(own) // 2]])
        shown = {name: values[0, index].clone() for name, values in targets.items()}
        examples.append(Example(index, label, shown))
    return tuple(examples)
