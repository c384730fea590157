"""Today 2: without the data. What must a student see to learn what its teacher knows?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from kdcore.claims import Claim, ClaimVerdict, Judgement, from_verdict
from kdcore.data import CLASSES, LabelledImages, digits
from kdcore.distillation import HardLabels, answers, layer_sizes, train_and_test, train_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    difference,
)
from kdcore.memory import BYTES_A_NUMBER
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import (
    STUDENT_HIDDEN,
    STUDENT_SAMPLES,
    TEMPERATURE,
    Number,
    Settings,
    setting,
)
from kdcore.statistics import Interval, mean_interval, paired_difference, verdict
from kdcore.today.inputs import (
    SEEN_HALF,
    UNSEEN_HALF,
    Kind,
    blends,
    draw_inputs,
    few_images,
    images,
    normal_noise,
    one_pool,
    positive_noise,
    shuffled_pixels,
)
from kdcore.today.objectives import SideBySide, SoftLabels
from kdcore.training import TrainingSettings
from kdcore.unseen import recall

#: What the students see, in the order of the table; the first is the baseline.
INPUTS: Mapping[str, Kind] = {
    "digits": images,
    "noise": normal_noise,
    "uniform": positive_noise,
    "shuffled": shuffled_pixels,
    "half": images,
    "few": few_images,
    "blends": blends,
}
#: Those that show every digit: they leave no digit unseen.
SHOW_ALL = ("digits", "few", "blends")

#: The teacher stops early enough not to be certain of everything.
TEACHER_SAMPLES = 12_000
#: Two kinds of labels for what is seen: the teacher's soft ones, and the class it names.
KINDS_OF_LABELS = 2
#: A class counts as named if the teacher names it for at least this share of the inputs.
NAMED_SHARE = 0.01
#: A student that is at most this much worse has lost nothing that matters here.
NEGLIGIBLE = 0.02
#: For so many inputs of a seed its teacher speaks at once.
SAID_AT_ONCE = 2_000
#: Inputs of each kind that a page shows.
SHOWN_INPUTS = 6

INPUTS_SEEN = Number("inputs_seen", 20, 5_000, 2_000, (100, 500, 2_000, 5_000), whole=True)


@dataclass(frozen=True, kw_only=True)
class WithoutDataSettings(Settings):
    """What is compared: students that see digits, parts of digits, or noise."""

    teacher_hidden: ClassVar[tuple[int, ...]] = (128,)

    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    temperature: float = setting(TEMPERATURE)
    inputs_seen: int = setting(INPUTS_SEEN)
    student_samples: int = setting(STUDENT_SAMPLES, 16_000, offered=(4_000, 16_000, 48_000))

    def work(self) -> float:
        teacher = self.training_work(self.teacher_hidden, 1, TEACHER_SAMPLES)
        return teacher + self.student_work(self.student_hidden, len(INPUTS) * KINDS_OF_LABELS)

    @property
    def own_bytes(self) -> int:
        """Measured: inputs of every kind and what is said of them, and what is fixed."""
        inputs = len(INPUTS) * self.inputs_seen * self.inputs
        return 5 * 2**20 + BYTES_A_NUMBER * inputs * 4 // 3


@dataclass(frozen=True, eq=False, kw_only=True)
class WithoutDataMeasured(Measured):
    """The table, the students on hard labels beside it, and some of what they saw."""

    teacher_accuracy: Interval
    #: Test accuracy with the class that the teacher names as a hard label, ``[S, rows]``.
    hard_accuracy: Tensor
    #: Recall on what *half* does not show, with soft labels and with hard ones, ``[S, rows]``.
    recall: Tensor
    hard_recall: Tensor
    #: The first inputs of the first seed for each row, ``[rows, SHOWN_INPUTS, D]``.
    shown: Tensor
    #: For how many of the first seed's inputs the teacher names each class, ``[rows, classes]``.
    named: Tensor


def without_data(settings: WithoutDataSettings, monitor: Monitor = SILENT) -> WithoutDataMeasured:
    """Teach students on inputs that nobody has labelled, from digits to pure noise.

    Every student sees as many inputs and is told what its teacher says of them: soft labels at T
    alone (α = 0), or, for the columns *hard*, the one class that the teacher names. No student
    sees a label that a person gave.

    *Half* shows the digits 0 to 4 only; its recall on 5 to 9 is what it knows of digits that it
    never saw. *Few* is twenty images again and again, *blends* are mixtures of two of the twenty.
    ``classes_named`` says for how many classes a teacher finds at least one input in a hundred.

    Notes
    -----
    Nayak et al. (2019), *Zero-shot knowledge distillation in deep networks*, and what followed make
    such inputs with the teacher's help; here they are drawn blindly.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = train_teachers(dataset, settings.teacher_hidden, seeds, TEACHER_SAMPLES, monitor)
    # Written where they stay: drawn first and laid together then, they would be there twice.
    seen = torch.empty(len(INPUTS), len(seeds), settings.inputs_seen, settings.inputs)
    for own, (name, kind) in zip(seen, INPUTS.items(), strict=True):
        images = source(dataset.training, name)
        own.copy_(draw_inputs(kind, images, settings.inputs_seen, seeds, "inputs"))
    said = torch.stack([_said(teachers.trained.stack, own) for own in seen])  # [K, S, n, classes]
    # What is seen is shared by the conditions of a seed; here it is a condition itself. So each
    # seed stands once for every kind of input, with the same weights and batches.
    pool, rows = one_pool(seen.flatten(0, 1))
    teacher_logits = said.flatten(0, 2)
    # A pool whose labels are what the teachers name: nobody else has labelled it.
    named_by_teacher = LabelledImages(pool, answers(teacher_logits))
    students = train_and_test(
        replace(dataset, training=named_by_teacher),
        MLPStack.initialise(
            layer_sizes(dataset, settings.student_hidden), seeds * len(INPUTS), KINDS_OF_LABELS
        ),
        rows,
        SideBySide(
            [
                SoftLabels(teacher_logits, settings.temperature),
                HardLabels(named_by_teacher.labels, dataset.classes),
            ]
        ),
        TrainingSettings(settings.student_samples),
        monitor,
        "students",
    )
    soft, hard = _by_kind(students.accuracy, len(seeds))
    soft_recall, hard_recall = _by_kind(
        recall(students.test_logits, dataset.test.labels, UNSEEN_HALF), len(seeds)
    )
    votes = torch.stack([one_hot(answers(own), CLASSES).sum(1) for own in said])  # [K, S, classes]
    named = (votes >= NAMED_SHARE * settings.inputs_seen).sum(-1).double().T
    table: list[Row] = []
    for i, name in enumerate(INPUTS):
        unseen = None if name in SHOW_ALL else mean_interval(soft_recall[:, i])
        table.append(
            {
                "inputs": name,
                **accuracy_columns(soft[:, i], soft[:, 0] if i else None),
                "recall_unseen": None if unseen is None else unseen.mean,
                "recall_unseen_ci": None if unseen is None else unseen.half_width,
                "classes_named": named[:, i].mean().item(),
                "hard_accuracy": mean_interval(hard[:, i]).mean,
                "hard_accuracy_ci": mean_interval(hard[:, i]).half_width,
            }
        )
    return WithoutDataMeasured(
        table,
        soft,
        _curves(students.curve.samples_seen, students.curve.accuracy, len(seeds)),
        teacher_accuracy=mean_interval(teachers.accuracy),
        hard_accuracy=hard,
        recall=soft_recall,
        hard_recall=hard_recall,
        shown=seen[:, 0, :SHOWN_INPUTS].clone(),
        named=votes[:, 0],
    )


def source(training: LabelledImages, name: str) -> Tensor:
    """Return the training images that a kind of input is made of: half of the digits, or all."""
    if name != "half":
        return training.inputs
    return training.inputs[torch.isin(training.labels, torch.tensor(SEEN_HALF))]


def _said(teachers: MLPStack, inputs: Tensor) -> Tensor:
    """Return the logits of each seed's teacher for its own inputs ``[S, n, D]``."""
    # Some at a time: what the hidden layers say of all of them would be twice the inputs.
    parts = inputs.split(SAID_AT_ONCE, dim=1)
    return torch.cat([teachers.forward(part)[-1].mT for part in parts], dim=1)


def _by_kind(values: Tensor, seeds: int) -> tuple[Tensor, Tensor]:
    """Return values ``[K·S, 2]`` as those with soft and those with hard labels, ``[S, K]`` each."""
    soft, hard = values.view(-1, seeds, KINDS_OF_LABELS).permute(2, 1, 0)
    return soft, hard


def _curves(samples: list[int], accuracy: list[Tensor], seeds: int) -> list[MeasuredCurve]:
    """Return the learning curve of each kind of input with soft labels."""
    points = [_by_kind(values, seeds)[0] for values in accuracy]
    return [
        MeasuredCurve([float(x) for x in samples], [mean_interval(point[:, i]) for point in points])
        for i in range(len(INPUTS))
    ]


# --------------------------------------------------------------------------- what a run says


def inputs_pattern(result: AnyResult) -> Literal["digits", "noise", "alike", "nothing"]:
    """Say how a student of N(0, 1) noise fares beside one of digits.

    ``"noise"`` and ``"digits"``: that one reads better; ``"alike"``: they cannot be told apart;
    ``"nothing"``: the student of noise reads less than one digit in five, by its whole interval.
    """
    names = [row["inputs"] for row in result.rows]
    noise = names.index("noise")
    if result.interval(result.rows[noise]).high < 0.2:
        return "nothing"
    outcome = verdict(difference(result, noise, names.index("digits")))
    if outcome == "no clear difference":
        return "alike"
    return "noise" if outcome == "helps" else "digits"


def needs_the_data(result: AnyResult) -> Judgement:
    """To distil a teacher one needs the data: by pure noise against digits.

    Contradicted if the student that saw N(0, 1) noise is at most :data:`NEGLIGIBLE` worse than the
    one that saw digits, by its whole interval; supported if it is worse than that by its whole
    interval. The figure is how much better it is.
    """
    names = [row["inputs"] for row in result.rows]
    over_digits = difference(result, names.index("noise"), names.index("digits"))
    outcome: ClaimVerdict = "undecided"
    if over_digits.low > -NEGLIGIBLE:
        outcome = "contradicted"
    elif over_digits.high < -NEGLIGIBLE:
        outcome = "supported"
    return Judgement(
        outcome,
        over_digits,
        {row["inputs"]: f"{100 * row['student_accuracy']:.1f}" for row in result.rows}
        | {f"{row['inputs']}_named": f"{row['classes_named']:.1f}" for row in result.rows},
    )


def soft_labels_reach_further(result: AnyResult) -> Judgement:
    """On half of the classes, soft labels teach more than the classes that a teacher names.

    The figure is the difference in accuracy, paired over seeds.
    """
    measured: WithoutDataMeasured = result.measured
    half = list(INPUTS).index("half")
    gain = paired_difference(result.accuracy[:, half], measured.hard_accuracy[:, half])
    return Judgement(
        from_verdict(verdict(gain)),
        gain,
        {
            "soft": f"{100 * measured.recall[:, half].mean():.0f}",
            "hard": f"{100 * measured.hard_recall[:, half].mean():.0f}",
        },
    )


EXPERIMENT = Experiment(
    "without-data",
    WithoutDataSettings,
    without_data,
    page="without_data",
    over_hard_labels=False,
    named_by=("inputs",),
    claims=(
        Claim("needs_data", needs_the_data),
        Claim("soft_reaches_further", soft_labels_reach_further),
    ),
)
