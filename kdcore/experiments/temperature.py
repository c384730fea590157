"""Experiment 1: what does the temperature do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kdcore.claims import Claim, ClaimVerdict, Judgement, Pattern, best_row
from kdcore.data import digits
from kdcore.distillation import plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
    fidelity_columns,
    measured_curve,
    plan_students,
    soft_label_entropy,
    teacher_samples,
)
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
from kdcore.statistics import not_told_apart


@dataclass(frozen=True, kw_only=True)
class TemperatureSettings(Settings):
    """What is compared: students taught at several temperatures."""

    labels: int = setting(LABELS)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN)
    alpha: float = setting(ALPHA)
    temperatures: tuple[float, ...] = setting(TEMPERATURES)

    def work(self) -> float:
        students = self.student_work(self.student_hidden, 1 + len(self.temperatures))
        return self.teacher_work(self.teacher_hidden) + students


@planned
def temperature(settings: TemperatureSettings) -> Plan[Measured]:
    """Compare students taught at several temperatures with the same students on hard labels.

    At a high temperature a student is asked to match every logit of its teacher, so that the best
    temperature may also be a matter of how long it trains
    (:mod:`~kdcore.experiments.patience`).

    Notes
    -----
    Hinton, Vinyals, Dean (2015), section 3: with 30 units a layer, temperatures from 2.5 to 4
    worked clearly better than higher and lower ones; with 300, all above 8 were alike.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    # Condition 0 is the baseline: α = 1, where the temperature has no say.
    temperatures = (1.0, *settings.temperatures)
    alphas = (1.0, *[settings.alpha] * len(settings.temperatures))
    students = yield from plan_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        temperatures,
        alphas,
        samples=settings.student_samples,
    )
    rows: list[Row] = []
    for condition, value in enumerate((None, *settings.temperatures)):
        softness = None if value is None else soft_label_entropy(teachers.test_logits, value)
        rows.append(
            {
                "temperature": value,
                "soft_label_entropy": None if softness is None else softness.mean().item(),
                **accuracy_columns(
                    students.accuracy[:, condition],
                    None if value is None else students.accuracy[:, 0],
                ),
                **fidelity_columns(students.test_logits[:, condition], teachers.test_logits),
            }
        )
    curves = [measured_curve(students.curve, condition) for condition in range(len(rows))]
    return Measured(rows, students.accuracy, curves)


# --------------------------------------------------------------------------- what a run says

#: The temperatures that practice calls the sweet spot.
SWEET_SPOT = (3.0, 5.0)


def temperature_pattern(result: AnyResult) -> Pattern:
    """Say what temperature did: where the best one lies beside the sweet spot, or that none helps.

    ``"low"``, ``"inside"`` or ``"high"`` if every temperature that may be the best lies below the
    sweet spot, in it, or above it; ``"alike"`` if they lie in more than one of these.
    """
    verdicts = [row["verdict"] for row in result.rows]
    if "helps" not in verdicts:
        return "hurts" if "hurts" in verdicts else "nothing"
    lowest, highest = SWEET_SPOT
    places: set[Pattern] = {
        "low" if lowest > T else "high" if highest < T else "inside"
        for T in best_temperatures(result)[1]
    }
    return places.pop() if len(places) == 1 else "alike"


def best_temperatures(result: AnyResult) -> tuple[float, tuple[float, ...]]:
    """Return the best temperature and all that cannot be told apart from it, itself included."""
    temperatures = [row["temperature"] for row in result.rows[1:]]
    best, alike = not_told_apart(result.accuracy[:, 1:])
    return temperatures[best], tuple(temperatures[i] for i in alike)


def in_sweet_spot(temperature: float) -> bool:
    """Say whether practice counts a temperature to the sweet spot."""
    return SWEET_SPOT[0] <= temperature <= SWEET_SPOT[1]


def sweet_spot_is_3_to_5(result: AnyResult) -> ClaimVerdict:
    """Judge the claim that T from 3 to 5 is the sweet spot.

    Supported if the best T lies there and every other one that may be as good does, too, where
    lower and higher ones were tried. Contradicted if every T from 3 to 5 can be told apart from the
    best. Undecided where the best T does not help: a spot that is no better than hard labels is
    neither sweet nor the contrary.
    """
    rows = result.rows[1:]
    best, alike = best_temperatures(result)
    if {row["temperature"]: row["verdict"] for row in rows}[best] != "helps":
        return "undecided"
    tried = [row["temperature"] for row in rows]
    inside = {T for T in tried if in_sweet_spot(T)}
    if inside and not inside & set(alike):
        return "contradicted"
    both_sides = min(tried) < SWEET_SPOT[0] and max(tried) > SWEET_SPOT[1]
    return "supported" if both_sides and set(alike) <= inside else "undecided"


def why_open(result: AnyResult) -> Literal["no-help", "one-side", "not-tried", "alike"]:
    """Say why :func:`sweet_spot_is_3_to_5` is undecided, where it is; the first reason that holds.

    ``"no-help"``: the best T does not clearly help; ``"not-tried"``: none from 3 to 5 was tried;
    ``"one-side"``: none below or none above was; ``"alike"``: some inside and some outside may both
    be the best.
    """
    rows = result.rows[1:]
    best, _ = best_temperatures(result)
    if {row["temperature"]: row["verdict"] for row in rows}[best] != "helps":
        return "no-help"
    tried = [row["temperature"] for row in rows]
    if not any(map(in_sweet_spot, tried)):
        return "not-tried"
    if min(tried) >= SWEET_SPOT[0] or max(tried) <= SWEET_SPOT[1]:
        return "one-side"
    return "alike"


def sweet_spot(result: AnyResult) -> Judgement:
    """Temperature controls softness, and 3 to 5 is its sweet spot: by the temperatures.

    The verdict is on the sweet spot. That labels grow softer with T is no matter of a run: the
    entropy H of softmax(z / T) has dH/dT = Var(z) / T³ ≥ 0, with the variance of the logits under
    the soft label. The figure is how much better the best T from 3 to 5 teaches than the best T
    outside; against hard labels if only one side was tried.
    """
    rows = result.rows
    inside = [i for i in range(1, len(rows)) if in_sweet_spot(rows[i]["temperature"])]
    outside = [i for i in range(1, len(rows)) if i not in inside]
    first, second = (
        best_row(result.accuracy, inside or outside),
        best_row(result.accuracy, outside if inside else []),
    )
    entropies = [row["soft_label_entropy"] for row in rows[1:]]
    return Judgement(
        sweet_spot_is_3_to_5(result),
        difference(result, first, second),
        {
            "first": f"T = {rows[first]['temperature']:g}",
            "second": f"T = {rows[second]['temperature']:g}" if second else "hard",
            "low": f"{min(entropies):.2f}",
            "high": f"{max(entropies):.2f}",
        },
    )


EXPERIMENT = Experiment(
    "temperature",
    TemperatureSettings,
    temperature,
    page="temperature",
    named_by=("temperature",),
    # A single temperature has none to be better than.
    claims=(
        Claim("temperature", sweet_spot, 2, bears=lambda run: len(run.settings.temperatures) > 1),
    ),
    merges_over=("temperatures", "alpha", "teacher_hidden", "seeds", "first_seed"),
)
