"""Does a small student need a lower temperature, or only more patience?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kdcore.claims import MARGIN, Claim, ClaimVerdict, Judgement
from kdcore.data import digits
from kdcore.distillation import Trained, plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    measured_curve,
    plan_students,
    teacher_samples,
)
from kdcore.plans import Plan, parts, planned
from kdcore.settings import (
    ALPHA,
    LABELS,
    LOW_TEMPERATURE,
    STUDENT_HIDDEN,
    STUDENT_SAMPLES,
    TEACHER_HIDDEN,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.statistics import Interval, as_good, paired_difference, verdict

#: How long students train, as shares of the longest training.
SHARES = (0.1, 0.4, 1.0)


@dataclass(frozen=True, kw_only=True)
class PatienceSettings(Settings):
    """What is compared: hard labels and a temperature, after trainings of growing length."""

    labels: int = setting(LABELS)
    # Small enough to be called too small for its teacher.
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (8,))
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN)
    temperature: float = setting(TEMPERATURE, 10.0)
    low_temperature: float = setting(LOW_TEMPERATURE)
    alpha: float = setting(ALPHA)
    #: Samples that a student sees in the longest training: ten times what it sees elsewhere.
    student_samples: int = setting(
        STUDENT_SAMPLES, 120_000, offered=(12_000, 48_000, 120_000, 240_000)
    )

    @property
    def lengths(self) -> tuple[int, ...]:
        """Samples that a student sees, from the shortest training to the longest."""
        return tuple(round(share * self.student_samples) for share in SHARES)

    def work(self) -> float:
        students = self.student_work(self.student_hidden, 3) * sum(SHARES)
        return self.teacher_work(self.teacher_hidden) + students


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredPatience(Measured):
    """The table, and the students at the lower temperature."""

    #: Test accuracy at the lower temperature, ``[S, lengths]``.
    low_accuracy: Tensor


@planned
def patience(settings: PatienceSettings) -> Plan[MeasuredPatience]:
    """Train students on hard labels and at a temperature for longer and longer.

    Two rows a length. The gain is that of soft labels over hard ones after a training of the same
    length; ``gain_over_low`` is that over soft labels of the lower temperature. The lengths are
    :data:`SHARES` of ``student_samples``, each a training of its own from the same start.

    Notes
    -----
    Beyer et al. (2022), *Knowledge distillation: a good teacher is patient and consistent*: what
    looks like a student too small for its teacher may be one that has not trained for long enough.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    students_of_each_length = yield from parts(
        (
            plan_students(
                dataset,
                teachers,
                seeds,
                settings.labels,
                settings.student_hidden,
                (1.0, settings.temperature, settings.low_temperature),
                (1.0, settings.alpha, settings.alpha),
                samples=samples,
            )
            for samples in settings.lengths
        ),
        SHARES,
    )
    rows: list[Row] = []
    accuracies: list[Tensor] = []
    curves: list[MeasuredCurve] = []
    low_accuracies: list[Tensor] = []
    for samples, students in zip(settings.lengths, students_of_each_length, strict=True):
        rows += _rows(samples, students)
        hard, soft, low = students.accuracy.unbind(1)
        accuracies += [hard, soft]
        low_accuracies.append(low)
        curves += [measured_curve(students.curve, condition) for condition in (0, 1)]
    return MeasuredPatience(
        rows,
        torch.stack(accuracies, dim=1),
        curves,
        low_accuracy=torch.stack(low_accuracies, dim=1),
    )


def _rows(samples: int, students: Trained) -> list[Row]:
    """Return the two rows of one length."""
    hard, soft, low = students.accuracy.unbind(1)
    over_low = paired_difference(soft, low)
    return [
        {
            "student_samples": samples,
            "label_type": "hard",
            **accuracy_columns(hard, None),
            "gain_over_low": None,
            "gain_over_low_ci": None,
        },
        {
            "student_samples": samples,
            "label_type": "soft",
            **accuracy_columns(soft, hard),
            "gain_over_low": over_low.mean,
            "gain_over_low_ci": over_low.half_width,
        },
    ]


# --------------------------------------------------------------------------- what a run says


def patience_pattern(result: AnyResult) -> Literal["turns", "always", "never", "fades"]:
    """Say what longer training makes of the gain over hard labels.

    ``"turns"``: no clear gain after the shortest training, one after the longest; ``"always"``: a
    gain after both; ``"fades"``: after the shortest only; ``"never"``: after neither.
    """
    first, *_, last = (row["verdict"] for row in result.rows if row["label_type"] == "soft")
    if last == "helps":
        return "always" if first == "helps" else "turns"
    return "fades" if first == "helps" else "never"


def over_low(result: AnyResult, length: int) -> Interval:
    """Return how much better the temperature teaches than the lower one, after a length; paired."""
    return paired_difference(
        result.accuracy[:, 2 * length + 1], result.measured.low_accuracy[:, length]
    )


def patient_student(result: AnyResult) -> Judgement:
    """A patient student needs no lower temperature: by the longest training.

    Supported if after it the temperature teaches at least as well as the lower one: worse by less
    than :data:`~kdcore.claims.MARGIN`, with the whole interval. Contradicted if it teaches worse
    with its whole interval, by more than that. Undecided if it is not above the lower one: nothing
    is as good as itself. The figure is the difference after the longest training; beside it stands
    the gain over hard labels then.
    """
    settings = result.settings
    last = len(settings.lengths) - 1
    figure = over_low(result, last)
    said: ClaimVerdict = "undecided"
    if settings.temperature <= settings.low_temperature:
        pass
    elif as_good(figure, MARGIN):
        said = "supported"
    elif verdict(figure) == "hurts":
        said = "contradicted"
    soft = result.rows[-1]
    shortest = over_low(result, 0)
    return Judgement(
        said,
        figure,
        {
            "temperature": f"{result.settings.temperature:g}",
            "low_temperature": f"{result.settings.low_temperature:g}",
            "longest": f"{result.settings.lengths[-1]:,}",
            "shortest": f"{result.settings.lengths[0]:,}",
            "impatient": shortest.times(100).signed(1),
        },
        result.interval(soft, "gain"),
    )


EXPERIMENT = Experiment(
    "patience",
    PatienceSettings,
    patience,
    page="patience",
    named_by=("student_samples", "label_type"),
    claims=(Claim("patience", patient_student),),
    merges_over=(
        *("temperature", "low_temperature", "alpha", "teacher_hidden", "seeds", "first_seed"),
    ),
)
