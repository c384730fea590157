"""Is it the gap in confidence? A sure teacher's logits against the same logits on another scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kdcore.claims import Claim, Judgement, best_row, from_verdict
from kdcore.data import digits
from kdcore.distillation import (
    BatchTable,
    HardLabels,
    Teachers,
    Trained,
    beside,
    layer_sizes,
    plan_teachers,
    train_and_test,
)
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
    draw_labels,
    measured_curve,
    plan_students,
    soft_label_entropy,
    teacher_samples,
)
from kdcore.losses import soft_gradient
from kdcore.models import MLPStack
from kdcore.monitor import Monitor
from kdcore.plans import ByItself, Plan, parts, planned
from kdcore.settings import (
    ALPHA,
    LABELS,
    SEEDS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEMPERATURES,
    Settings,
    setting,
)
from kdcore.statistics import Interval, mean_interval, verdict
from kdcore.targets import spread, standardised
from kdcore.training import TrainingSettings

#: The paper's base temperature: standardised logits have a spread of 1, and 2 softens them.
STANDARDISED_TEMPERATURE = 2.0


@dataclass(frozen=True, kw_only=True)
class ConfidenceSettings(Settings):
    """What is compared: one teacher's logits as they are, at several T, and rescaled."""

    labels: int = setting(LABELS, 900)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN, (16,))
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN)
    alpha: float = setting(ALPHA, 0.1)
    temperatures: tuple[float, ...] = setting(TEMPERATURES, (1.0, 4.0, 8.0))
    # The teacher is large: with ten seeds a learner would wait for four seconds.
    seeds: int = setting(SEEDS, 7)

    def work(self) -> float:
        students = self.student_work(self.student_hidden, 3 + len(self.temperatures))
        return self.teacher_work(self.teacher_hidden) + students


@dataclass(frozen=True, eq=False, kw_only=True)
class ConfidenceMeasured(Measured):
    """The table, and how large the teachers' logits are."""

    teacher_accuracy: Interval
    #: The mean spread of a teacher's logits over the classes: what *one-scale* divides by.
    teacher_spread: Interval


@planned
def confidence(settings: ConfidenceSettings) -> Plan[ConfidenceMeasured]:
    """Rescale a sure teacher's logits in three ways, and see what its student gains.

    A temperature divides the logits on both sides: the student must still match the size of the
    teacher's. *Standardised* gives every example's logits mean 0 and spread 1, on both sides.
    *One-scale* divides all of the teacher's logits by one number, their mean spread, and leaves
    the student's alone.

    Notes
    -----
    Sun et al. (2024), *Logit standardization in knowledge distillation*: each example's logits are
    standardised, on both sides, at a base temperature.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    logits = teachers.training_logits
    scale = spread(logits).mean(dim=(1, 2))  # [S]
    rescaled = logits / scale.view(-1, 1, 1)
    tried = len(settings.temperatures)
    scaled = plan_students(
        dataset,
        [teachers] * (1 + tried) + [replace(teachers, training_logits=rescaled)],
        seeds,
        settings.labels,
        settings.student_hidden,
        (1.0, *settings.temperatures, 1.0),
        (1.0, *[settings.alpha] * (tried + 1)),
        samples=settings.student_samples,
    )
    found = yield from parts([scaled, _plan_standardised(settings, teachers)], [2.0 + tried, 1.0])
    students = beside(found, [*((0, i) for i in range(1 + tried)), (1, 0), (0, 1 + tried)])
    labels = [
        ("hard", None, None),
        *(("temperature", T, soft_label_entropy(logits, T)) for T in settings.temperatures),
        (
            "standardised",
            STANDARDISED_TEMPERATURE,
            soft_label_entropy(standardised(logits), STANDARDISED_TEMPERATURE),
        ),
        ("one-scale", 1.0, soft_label_entropy(rescaled, 1.0)),
    ]
    table: list[Row] = [
        {
            "treatment": treatment,
            "temperature": temperature,
            "soft_label_entropy": None if softness is None else softness.mean().item(),
            **accuracy_columns(students.accuracy[:, i], students.accuracy[:, 0] if i else None),
        }
        for i, (treatment, temperature, softness) in enumerate(labels)
    ]
    return ConfidenceMeasured(
        table,
        students.accuracy,
        [measured_curve(students.curve, condition) for condition in range(len(table))],
        teacher_accuracy=mean_interval(teachers.accuracy),
        teacher_spread=mean_interval(scale.double()),
    )


def _plan_standardised(settings: ConfidenceSettings, teachers: Teachers) -> Plan[Trained]:
    """Train the students that match standardised logits: a formula that no others learn by."""
    dataset, seeds = digits(settings.split), settings.seed_numbers

    def train(monitor: Monitor) -> Trained:
        rows, seen = draw_labels(dataset, seeds, settings.labels)
        return train_and_test(
            dataset,
            MLPStack.initialise(layer_sizes(dataset, settings.student_hidden), seeds),
            rows,
            StandardisedResponse(
                seen, teachers.training_logits, STANDARDISED_TEMPERATURE, settings.alpha
            ),
            TrainingSettings(settings.student_samples),
            monitor,
        )

    # Other temperatures are nothing to it.
    (students,) = yield [ByItself(train, "students", replace(settings, temperatures=(1.0,)))]
    return students


class StandardisedResponse:
    """α · CE + (1 − α) · T² · KL between standardised logits, on both sides.

    The hard labels pull on the logits as they are, as in the paper.
    """

    def __init__(
        self, labels: Tensor, teacher_logits: Tensor, temperature: float, alpha: float
    ) -> None:
        self._hard = HardLabels(labels, teacher_logits.shape[-1])
        self._teacher_logits = BatchTable(standardised(teacher_logits))
        self._temperature = torch.tensor(temperature)
        self._alpha = alpha

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = activations[-1].detach().requires_grad_()
        ((_, hard),) = self._hard(activations, rows)
        with torch.enable_grad():
            own = standardised(logits, class_axis=-2)
        per_seed = own.detach().view(len(rows), -1, *own.shape[1:])
        pull = soft_gradient(
            per_seed, self._teacher_logits.batch(rows), self._temperature, class_axis=-2
        ).div_(rows.shape[1])
        with torch.enable_grad():
            # The pull goes in as a factor: handed over as a gradient, it would make torch import
            # a whole algebra system, half a second of a first run.
            pulled = (own * pull.view_as(own)).sum()
        (soft,) = torch.autograd.grad(pulled, logits)
        return [(activations[-1], self._alpha * hard + (1 - self._alpha) * soft)]


# --------------------------------------------------------------------------- what a run says


def _row(result: AnyResult, treatment: str) -> int:
    return [row["treatment"] for row in result.rows].index(treatment)


def scale_beats_temperature(result: AnyResult) -> Judgement:
    """One number that shrinks the teacher's logits alone teaches more than any temperature.

    The figure is how much better than the best temperature that was tried.
    """
    tried = [i for i, row in enumerate(result.rows) if row["treatment"] == "temperature"]
    best = best_row(result.accuracy, tried)
    gain = difference(result, _row(result, "one-scale"), best)
    return Judgement(
        from_verdict(verdict(gain)), gain, {"best": f"{result.rows[best]['temperature']:g}"}
    )


def standardising_adds(result: AnyResult) -> Judgement:
    """Standardising each example's logits teaches more than one scale for all of them.

    The figure is the difference in accuracy, paired over seeds.
    """
    gain = difference(result, _row(result, "standardised"), _row(result, "one-scale"))
    return Judgement(from_verdict(verdict(gain)), gain, {})


EXPERIMENT = Experiment(
    "confidence",
    ConfidenceSettings,
    confidence,
    page="teacher_size",
    named_by=("treatment", "temperature"),
    claims=(
        Claim("one_scale", scale_beats_temperature),
        Claim("standardising", standardising_adds),
    ),
    merges_over=("temperatures", "alpha", "teacher_hidden", "seeds", "first_seed"),
)
