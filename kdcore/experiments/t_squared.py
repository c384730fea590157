"""What is the factor T² for? Soft gradients and students with it and without it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.claims import Claim, ClaimVerdict, Judgement, from_verdict
from kdcore.data import digits
from kdcore.distillation import plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
    plan_students,
    teacher_samples,
)
from kdcore.losses import alpha_without_factor, soft_gradient
from kdcore.plans import Plan, planned
from kdcore.settings import (
    ALPHA,
    LABELS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEMPERATURES,
    Settings,
    setting,
)
from kdcore.statistics import Interval, mean_interval, paired_difference, verdict


@dataclass(frozen=True, kw_only=True)
class TSquaredSettings(Settings):
    """What is compared: students at several temperatures, with the factor T² and without it."""

    labels: int = setting(LABELS)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN, (256,))
    alpha: float = setting(ALPHA)
    temperatures: tuple[float, ...] = setting(TEMPERATURES, (1.0, 2.0, 4.0, 8.0, 20.0))

    def work(self) -> float:
        students = self.student_work(self.student_hidden, 1 + 2 * len(self.temperatures))
        return self.teacher_work(self.teacher_hidden) + students


@dataclass(frozen=True, eq=False)
class TSquaredMeasured(Measured):
    """The table, and the size of the soft gradient of each seed."""

    #: Mean norm of the soft gradient over the test images, ``[S, rows]``; NaN for hard labels.
    gradients: Tensor | None = None


@planned
def t_squared(settings: TSquaredSettings) -> Plan[TSquaredMeasured]:
    """Compare soft gradients, and the students they teach, with the factor T² and without it.

    Gradients are those of the trained hard-label student's logits towards its teacher, over the
    test images. Students without the factor are trained with the α that its absence amounts to,
    see :func:`~kdcore.losses.alpha_without_factor`.

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 2: the soft gradients scale as 1/T², so the soft term is
    to be multiplied by T² when both kinds of labels are used.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    conditions = [
        (T, squared, settings.alpha if squared else alpha_without_factor(settings.alpha, T))
        for T in settings.temperatures
        for squared in (True, False)
    ]
    students = yield from plan_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        (1.0, *(T for T, _, _ in conditions)),
        (1.0, *(alpha for _, _, alpha in conditions)),
        samples=settings.student_samples,
    )
    hard_logits, baseline = students.test_logits[:, 0], students.accuracy[:, 0]
    gradients = [torch.full((len(seeds),), torch.nan)]
    rows: list[Row] = [
        {
            "temperature": None,
            "factor": None,
            "alpha_in_effect": 1.0,
            "soft_gradient": None,
            "soft_gradient_ci": None,
            **accuracy_columns(baseline, None),
        }
    ]
    for condition, (T, squared, alpha) in enumerate(conditions, start=1):
        pull = soft_gradient(hard_logits, teachers.test_logits, torch.tensor(T), squared=squared)
        gradients.append(pull.double().norm(dim=-1).mean(-1))
        size = mean_interval(gradients[-1])
        rows.append(
            {
                "temperature": T,
                "factor": "T²" if squared else "none",
                "alpha_in_effect": alpha,
                "soft_gradient": size.mean,
                "soft_gradient_ci": size.half_width,
                **accuracy_columns(students.accuracy[:, condition], baseline),
            }
        )
    return TSquaredMeasured(rows, students.accuracy, gradients=torch.stack(gradients, dim=1))


# --------------------------------------------------------------------------- what a run says


def gained_by_factor(result: AnyResult) -> dict[float, Interval]:
    """Return how much more a student reads with the factor than without it, paired, for each T."""
    place = {(row["temperature"], row["factor"]): i for i, row in enumerate(result.rows)}
    return {
        T: difference(result, i, place[T, "none"]) for (T, kind), i in place.items() if kind == "T²"
    }


def gradient_changes(result: AnyResult) -> tuple[Tensor, Tensor]:
    """Return how much the soft gradient changes over the temperatures of a run.

        log₁₀(largest size / smallest size)

    of each seed, with the factor T² and without it, ``[S]`` each.

    Raises
    ------
    ValueError
        If the result is not one of the experiment ``t-squared``.
    """
    gradients = getattr(result.measured, "gradients", None)
    if gradients is None:
        raise ValueError(f"{result.name} has no soft gradients")

    def change(kind: str) -> Tensor:
        rows = [i for i, row in enumerate(result.rows) if row["factor"] == kind]
        sizes: Tensor = gradients[:, rows].log10()
        return sizes.amax(dim=1) - sizes.amin(dim=1)

    return change("T²"), change("none")


def factor_compensates(result: AnyResult) -> ClaimVerdict:
    """Judge the claim that the factor T² makes up for the smaller gradients at high T.

    Supported if over the temperatures chosen the size of the soft gradient changes less with the
    factor than without it, paired over seeds; contradicted if it changes more. It does where they
    are low: up to T = 4 or so the size falls more slowly than 1/T², so the factor overdoes it.
    """
    with_factor, without = gradient_changes(result)
    return from_verdict(verdict(paired_difference(without, with_factor)))


def factor(result: AnyResult) -> Judgement:
    """The factor T² makes up for the smaller gradients at high T: by their sizes.

    The figure is how much less the size of the soft gradient changes with the factor than without
    it, in powers of ten over the temperatures of the run (:func:`gradient_changes`).
    """
    with_factor, without = gradient_changes(result)
    gained = gained_by_factor(result)
    return Judgement(
        factor_compensates(result),
        paired_difference(without, with_factor),
        {
            "low": f"{min(gained):g}",
            "high": f"{max(gained):g}",
            "with": f"{10 ** with_factor.mean().item():.2g}",
            "without": f"{10 ** without.mean().item():.2g}",
        },
        gained[max(gained)],
        "number",
    )


EXPERIMENT = Experiment(
    "t-squared",
    TSquaredSettings,
    t_squared,
    page="anatomy",
    named_by=("temperature", "factor"),
    claims=(Claim("factor", factor, takeaway=3),),
    merges_over=("temperatures", "alpha", "teacher_hidden", "seeds", "first_seed"),
)
