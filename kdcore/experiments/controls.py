"""Is it really dark knowledge? Soft labels against targets that are only as soft."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from kdcore.claims import Claim, ClaimVerdict, Judgement
from kdcore.data import Dataset, digits
from kdcore.distillation import plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    measured_curve,
    plan_students,
    teacher_samples,
)
from kdcore.losses import entropy, soft_labels
from kdcore.plans import Plan, planned
from kdcore.randomness import generator
from kdcore.settings import ALPHA, LABELS, STUDENT_HIDDEN, TEMPERATURE, Settings, setting
from kdcore.statistics import Interval, Verdict, paired_difference, verdicts
from kdcore.targets import logits_of, shuffled, smoothed

#: What is compared, in the order of the table; the first is the baseline.
TARGETS = ("hard", "soft", "smoothed", "shuffled")


@dataclass(frozen=True, kw_only=True)
class ControlsSettings(Settings):
    """What is compared: soft labels and two targets of the same confidence."""

    teacher_hidden: ClassVar[tuple[int, ...]] = (256, 128)

    labels: int = setting(LABELS)
    temperature: float = setting(TEMPERATURE, 8.0)
    alpha: float = setting(ALPHA)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (64,))

    def work(self) -> float:
        students = self.student_work(self.student_hidden, len(TARGETS))
        return self.teacher_work(self.teacher_hidden) + students


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
class MeasuredControls(Measured):
    """The table, and an example of each digit."""

    examples: tuple[Example, ...] = ()


@planned
def controls(settings: ControlsSettings) -> Plan[MeasuredControls]:
    """Compare students on the teacher's soft labels with students on targets that look like them.

    All but the hard labels keep the probability that the teacher gives to the label, image by
    image. *Smoothed* spreads the rest evenly; *shuffled* deals the teacher's own probabilities out
    to the wrong classes at random, once for each image. If softness alone made the gain, they
    would gain as much.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    pool = dataset.training
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    targets = soft_targets(teachers.training_logits, pool.labels, settings.temperature, seeds)
    # The hard-label student never looks at its teacher's side of the loss: its α is 1.
    stand_ins = [
        replace(teachers, training_logits=logits_of(targets[name], settings.temperature))
        for name in ("soft", *TARGETS[1:])
    ]
    students = yield from plan_students(
        dataset,
        stand_ins,
        seeds,
        settings.labels,
        settings.student_hidden,
        [settings.temperature] * len(TARGETS),
        (1.0, *[settings.alpha] * (len(TARGETS) - 1)),
        samples=settings.student_samples,
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
    return MeasuredControls(table, students.accuracy, curves, _examples(dataset, all_targets))


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


# --------------------------------------------------------------------------- what a run says

#: Targets of the same confidence, which know nothing of class similarity.
IMPOSTORS = ("smoothed", "shuffled")
ControlsPattern = Literal[
    "order", "softness", "any", "nothing", "hard-wins", "smoothed-wins", "shuffled-wins"
]


def soft_over(result: AnyResult, other: str) -> Interval:
    """Return how much better soft labels teach than another of the targets, paired."""
    names = [row["targets"] for row in result.rows]
    accuracy = result.accuracy
    return paired_difference(
        accuracy[:, names.index("soft")].numpy(), accuracy[:, names.index(other)].numpy()
    )


def soft_against(result: AnyResult) -> dict[str, Verdict]:
    """Return the verdict on soft labels against each of :data:`IMPOSTORS`, looked at together."""
    together = verdicts([soft_over(result, other) for other in IMPOSTORS])
    return dict(zip(IMPOSTORS, together, strict=True))


def controls_pattern(result: AnyResult) -> ControlsPattern:
    """Say what of the soft labels carries their gain, or what beats them.

    ``"shuffled-wins"``, ``"smoothed-wins"``, ``"hard-wins"``: that target beats them, looked at in
    this order. Else ``"nothing"``: no clear gain over hard labels; ``"any"``: even shuffled ones
    may do as well; ``"softness"``: evenly smoothed ones may; ``"order"``: they beat both controls,
    so which wrong answers are likely carries it.
    """
    against = soft_against(result)
    over_hard = next(row["verdict"] for row in result.rows if row["targets"] == "soft")
    if against["shuffled"] == "hurts":
        return "shuffled-wins"
    if against["smoothed"] == "hurts":
        return "smoothed-wins"
    if over_hard == "hurts":
        return "hard-wins"
    if over_hard != "helps":
        return "nothing"
    if against["shuffled"] != "helps":
        return "any"
    return "order" if against["smoothed"] == "helps" else "softness"


def soft_labels_carry_similarity(result: AnyResult) -> ClaimVerdict:
    """Judge the claim that soft labels carry class similarity which hard labels discard.

    Supported if the soft labels beat both targets that are only as soft; contradicted if one of
    these beats them, both looked at together. Whether they beat the hard labels is another
    question: with many labels they may carry similarity that is not needed any more.
    """
    against = set(soft_against(result).values())
    if "hurts" in against:
        return "contradicted"
    return "supported" if against == {"helps"} else "undecided"


def similarity(result: AnyResult) -> Judgement:
    """Soft labels carry class similarity that hard labels discard: by the controls.

    The figure is the gain of soft labels over the impostor that comes nearest to them; beside it
    stands their gain over hard labels.
    """
    gains = {name: soft_over(result, name) for name in IMPOSTORS}
    nearest = min(gains, key=lambda name: gains[name].low)
    return Judgement(
        soft_labels_carry_similarity(result),
        gains[nearest],
        {"other": nearest},
        soft_over(result, "hard"),
    )


EXPERIMENT = Experiment(
    "controls",
    ControlsSettings,
    controls,
    page="dark_knowledge",
    named_by=("targets",),
    claims=(Claim("similarity", similarity, takeaway=1),),
    merges_over=("temperature", "alpha", "seeds", "first_seed"),
)
