"""Does a student recognise a digit that it has never seen?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from kdcore.claims import Claim, ClaimVerdict, Judgement
from kdcore.data import Dataset, digits
from kdcore.distillation import Trained, plan_conditions, plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    measured_curve,
    teacher_samples,
)
from kdcore.plans import Plan, planned
from kdcore.settings import (
    OMIT,
    STUDENT_HIDDEN,
    STUDENT_SAMPLES,
    TEMPERATURES,
    Settings,
    setting,
)
from kdcore.statistics import mean_interval, paired_difference, verdict, verdicts
from kdcore.unseen import balancing_shift, confusion, recall, shifted

#: Samples that each student sees here, three times as many as in the other experiments. To get the
#: digit it never saw from small probabilities alone takes time: after 12,000 samples at T = 8 about
#: three in ten are recognised, after 36,000 more than nine.
UNSEEN_SAMPLES = 36_000


@dataclass(frozen=True, kw_only=True)
class UnseenClassSettings(Settings):
    """What is compared: students without some digits, on hard labels and at temperatures."""

    #: The teacher has seen every digit.
    teacher_hidden: ClassVar[tuple[int, ...]] = (256, 128)

    omit: tuple[int, ...] = setting(OMIT)
    temperatures: tuple[float, ...] = setting(TEMPERATURES, (1.0, 2.0, 4.0, 8.0, 16.0))
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    student_samples: int = setting(STUDENT_SAMPLES, UNSEEN_SAMPLES)

    def work(self) -> float:
        students = self.student_work(self.student_hidden, 1 + len(self.temperatures))
        return self.teacher_work(self.teacher_hidden) + students


@dataclass(frozen=True, eq=False)
class OneStudent:
    """What the first seed's student of one row says, and the rule's shift for it."""

    #: ``[N_test, classes]``
    test_logits: Tensor
    #: What the rule of the bias correction adds to the logit of each omitted digit, ``[K]``.
    shifts: Tensor

    @property
    def mean_shift(self) -> float:
        """The rule's shift, the mean over the omitted digits if there are several."""
        return self.shifts.mean().item()


@dataclass(frozen=True, eq=False)
class MeasuredUnseen(Measured):
    """The table, the recall of each seed, and one student of each row to look into."""

    #: Recall on the omitted digits of each seed in the condition of each row, ``[S, rows]``.
    recall: Tensor | None = None
    students: tuple[OneStudent, ...] = ()


@planned
def unseen_class(settings: UnseenClassSettings) -> Plan[MeasuredUnseen]:
    """Take digits out of the students' training set and ask them for these digits in the test.

    The teacher has seen all ten digits. Its students learn from *all* images of the training pool
    but those of the omitted digits: one from the hard labels alone (α = 1), the others from the
    teacher's soft labels alone (α = 0). Not one of their images is of an omitted digit.

    Recall is counted on the omitted digits' test images, before and after the bias correction of
    :func:`~kdcore.unseen.balancing_shift`. For that the rule sees the images of the training pool
    (none of their labels) and how frequent the omitted digits are among them.

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 3: MNIST without the digit 3.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    students = yield from _plan_students(dataset, teachers.training_logits, settings, seeds)
    pool_logits = students.stack.logits(dataset.training.inputs)
    shifts = balancing_shift(
        pool_logits, settings.omit, class_frequencies(dataset.training.labels, settings.omit)
    )
    return _measure(dataset, students, shifts, settings)


def seen_rows(labels: Tensor, omit: Sequence[int]) -> Tensor:
    """Return the rows of all images whose digit is not omitted."""
    return torch.nonzero(~torch.isin(labels, torch.tensor(list(omit)))).flatten()


def class_frequencies(labels: Tensor, classes: Sequence[int]) -> list[float]:
    """Return how often each of some classes occurs, as a share of all labels."""
    return [(labels == each).double().mean().item() for each in classes]


def _plan_students(
    dataset: Dataset,
    teacher_logits: Tensor,
    settings: UnseenClassSettings,
    seeds: tuple[int, ...],
) -> Plan[Trained]:
    """Train one student a seed on hard labels and one at each temperature."""
    labels = dataset.training.labels
    return (
        yield from plan_conditions(
            dataset,
            teacher_logits,
            seeds,
            seen_rows(labels, settings.omit).expand(len(seeds), -1),
            labels.expand(len(seeds), -1),
            settings.student_hidden,
            # Condition 0 learns from hard labels alone, where the temperature has no say.
            (1.0, *settings.temperatures),
            (1.0, *[0.0] * len(settings.temperatures)),
            settings.student_samples,
            drawn=("all but", settings.omit),
        )
    )


def _measure(
    dataset: Dataset, students: Trained, shifts: Tensor, settings: UnseenClassSettings
) -> MeasuredUnseen:
    """Measure all students on the test set; ``shifts`` are ``[S, C, K]``."""
    labels, logits = dataset.test.labels, students.test_logits
    corrected = shifted(logits, settings.omit, shifts)
    seen = [digit for digit in range(dataset.classes) if digit not in settings.omit]
    unseen_recall = recall(logits, labels, settings.omit)
    corrected_recall = recall(corrected, labels, settings.omit)
    corrected_accuracy = recall(corrected, labels, range(dataset.classes))
    rows: list[Row] = []
    for condition, temperature in enumerate((None, *settings.temperatures)):
        before = mean_interval(unseen_recall[:, condition])
        after = mean_interval(corrected_recall[:, condition])
        overall = accuracy_columns(students.accuracy[:, condition], None)
        rows.append(
            {
                "temperature": temperature,
                "unseen_recall": before.mean,
                "unseen_recall_ci": before.half_width,
                "unseen_recall_corrected": after.mean,
                "seen_accuracy": recall(logits[:, condition], labels, seen).mean().item(),
                "student_accuracy": overall["student_accuracy"],
                "student_accuracy_ci": overall["student_accuracy_ci"],
                "unseen_recall_corrected_ci": after.half_width,
                "student_accuracy_corrected": corrected_accuracy[:, condition].mean().item(),
                "bias_shift": shifts[:, condition].double().mean().item(),
            }
        )
    return MeasuredUnseen(
        rows,
        students.accuracy,
        [measured_curve(students.curve, condition) for condition in range(len(rows))],
        unseen_recall,
        tuple(
            OneStudent(own.clone(), own_shifts.clone())
            for own, own_shifts in zip(logits[0], shifts[0], strict=True)
        ),
    )


# ------------------------------------------------------------------ one student, to play with


@dataclass(frozen=True, eq=False)
class Look:
    """What one student answers to the test images with some shift on the omitted digits."""

    shift: float
    unseen_recall: float
    seen_accuracy: float
    accuracy: float
    #: Test images by true digit and answer, ``[classes, classes]``.
    confusion: Tensor
    #: Rows in the test set of the omitted digits' images that it gets right.
    right: list[int]
    #: Those that it gets wrong, with its answer.
    wrong: list[tuple[int, int]]


def look_into(student: OneStudent, omit: Sequence[int], shift: float, split: int = 0) -> Look:
    """Ask one student for all test images, with the same shift on each omitted digit's logit."""
    labels = digits(split).test.labels
    logits = shifted(student.test_logits, omit, shift)
    answers = logits.argmax(-1)
    seen = [digit for digit in range(digits().classes) if digit not in omit]
    unseen = torch.nonzero(torch.isin(labels, torch.tensor(list(omit)))).flatten().tolist()
    return Look(
        shift,
        recall(logits, labels, omit).item(),
        recall(logits, labels, seen).item(),
        recall(logits, labels, range(digits().classes)).item(),
        confusion(logits, labels),
        [index for index in unseen if answers[index] == labels[index]],
        [(index, int(answers[index])) for index in unseen if answers[index] != labels[index]],
    )


# --------------------------------------------------------------------------- what a run says

#: Recall of a class that a student knows nothing of and guesses like the other nine.
CHANCE_RECALL = 0.1


def unseen_pattern(result: AnyResult) -> Literal["none", "few", "most", "nearly-all"]:
    """Put into words how many never-seen images the student recognises at its best temperature.

    Up to 2 %, under a half, under nine in ten, or more.
    """
    best = max(row["unseen_recall"] for row in result.rows[1:])
    if best <= 0.02:
        return "none"
    if best < 0.5:
        return "few"
    return "most" if best < 0.9 else "nearly-all"


def unseen(result: AnyResult) -> Judgement:
    """Judge the claim that a student recognises classes which only its teacher has seen.

    Before any bias correction. Supported if at some temperature the recall is above chance and
    above that on hard labels, paired, all temperatures looked at together; contradicted if at every
    temperature it lies below chance with its whole interval. The figure is the largest gain in
    recall.
    """
    hard, *soft = result.measured.recall.unbind(1)
    beyond_chance = [mean_interval(recall - CHANCE_RECALL) for recall in soft]
    gains = [paired_difference(recall, hard) for recall in soft]
    above = ("helps", "helps") in zip(verdicts(beyond_chance), verdicts(gains), strict=True)
    below = all(verdict(each) == "hurts" for each in beyond_chance)
    said: ClaimVerdict = "supported" if above else "contradicted" if below else "undecided"
    return Judgement(said, max(gains, key=lambda gain: gain.mean), {})


EXPERIMENT = Experiment(
    "unseen-class",
    UnseenClassSettings,
    unseen_class,
    page="unseen_digit",
    named_by=("temperature",),
    claims=(Claim("unseen", unseen),),
    merges_over=("omit", "temperatures", "seeds", "first_seed"),
)
