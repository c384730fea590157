"""The claims of the field that a learner takes home, and what the own runs say of each.

Each claim names the experiment that tests it and how a result is judged. The verdicts themselves
are those of :mod:`kdcore.claims`, so that a lesson and the takeaways never disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol, TypeVar

from kdcore import claims
from kdcore.claims import ClaimVerdict
from kdcore.experiments.common import Result
from kdcore.statistics import Interval, paired_difference

#: What a figure measures: a difference of accuracies, a share, or something else.
Unit = Literal["points", "percent", "number"]


@dataclass(frozen=True)
class Judgement:
    """What one run says of one claim."""

    verdict: ClaimVerdict
    #: The figure behind the verdict. What it measures is said by the claim's words.
    figure: Interval
    #: What stands in these words beside the figure, such as the temperatures compared.
    said: Mapping[str, str]
    #: A gain in accuracy that belongs beside it.
    gain: Interval | None = None
    unit: Unit = "points"


@dataclass(frozen=True)
class Claim:
    """A claim of the field and the experiment that tests it."""

    name: str
    experiment: str
    judge: Callable[[Result], Judgement]


def similarity(result: Result) -> Judgement:
    """Soft labels carry class similarity that hard labels discard: by the controls.

    The figure is the gain of soft labels over the target that comes nearest to them.
    """
    gains = {name: claims.soft_over(result, name) for name in claims.RIVALS}
    nearest = min(gains, key=lambda name: gains[name].low)
    verdict = claims.soft_labels_carry_similarity(result)
    return Judgement(verdict, gains[nearest], {"other": nearest})


def sweet_spot(result: Result) -> Judgement:
    """Temperature controls softness, and 3 to 5 is its sweet spot: by the temperatures.

    The verdict is on the sweet spot; whether the soft labels grow softer from each T to the next
    is said beside it. The figure is how much better the best T from 3 to 5 teaches than the best T
    outside; against hard labels if only one side was tried.
    """
    rows = result.rows
    inside = [i for i in range(1, len(rows)) if claims.in_sweet_spot(rows[i]["temperature"])]
    outside = [i for i in range(1, len(rows)) if i not in inside]
    first, second = _best(result, inside or outside), _best(result, outside if inside else [])
    by_temperature = sorted(rows[1:], key=lambda row: row["temperature"])
    entropies = [row["soft_label_entropy"] for row in by_temperature]
    softer = all(low < high for low, high in pairwise(entropies))
    return Judgement(
        claims.sweet_spot_is_3_to_5(result),
        _difference(result, first, second),
        {
            "first": f"T = {rows[first]['temperature']:g}",
            "second": f"T = {rows[second]['temperature']:g}" if second else "hard",
            "softness": "supported" if softer else "contradicted",
            "low": f"{entropies[0]:.2f}",
            "high": f"{entropies[-1]:.2f}",
        },
    )


def factor(result: Result) -> Judgement:
    """The factor T² makes up for the smaller gradients at high T: by their sizes.

    The figure is how much less the size of the soft gradient changes with the factor than without
    it, in powers of ten from the lowest T to the highest (:func:`~kdcore.claims.gradient_changes`).
    """
    with_factor, without = claims.gradient_changes(result)
    temperatures = [row["temperature"] for row in result.rows[1:]]
    highest = {
        row["factor"]: i
        for i, row in enumerate(result.rows)
        if row["temperature"] == max(temperatures)
    }
    return Judgement(
        claims.factor_compensates(result),
        paired_difference(without, with_factor),
        {
            "low": f"{min(temperatures):g}",
            "high": f"{max(temperatures):g}",
            "with": f"{10 ** with_factor.mean().item():.2g}",
            "without": f"{10 ** without.mean().item():.2g}",
        },
        _difference(result, highest["T²"], highest["none"]),
        "number",
    )


def balance(result: Result) -> Judgement:
    """A balance of hard and soft labels beats either: by the α between 0 and 1.

    The figure is how much better the best α inside teaches than the better of the two ends.
    """
    alphas = [row["alpha"] for row in result.rows]
    ends = [i for i, alpha in enumerate(alphas) if alpha in (0.0, 1.0)]
    inside = [i for i in range(len(alphas)) if i not in ends]
    first, second = _best(result, inside or ends), _best(result, ends if inside else [])
    return Judgement(
        claims.balance_beats_either(result),
        _difference(result, first, second),
        {"first": f"{alphas[first]:g}", "second": f"{alphas[second]:g}"},
    )


def bigger_teacher(result: Result) -> Judgement:
    """A bigger teacher is not always a better one: by the students of each teacher.

    The figure is how much better the best student of a smaller teacher is than the largest's.
    """
    sizes = [row["teacher_parameters"] for row in result.rows]
    largest = sizes.index(max(sizes))
    smaller = [i for i in range(len(sizes)) if i != largest]
    first = _best(result, smaller or [largest])
    shapes = [f"[{row['teacher_hidden']}]" for row in result.rows]
    return Judgement(
        claims.bigger_is_not_always_better(result),
        _difference(result, first, largest),
        {"first": shapes[first], "second": shapes[largest]},
    )


def deployment(result: Result) -> Judgement:
    """Most of the quality for a fraction of the cost: by students of several widths.

    The figure is the share of its teacher's accuracy that a distilled student keeps: the smallest
    one that keeps most and gains by distilling, or else the one that keeps most, among those small
    enough.
    """
    distilled = [row for row in result.rows if row["label_type"] == "distilled"]
    small = [row for row in distilled if row["share_of_teacher"] <= claims.FRACTION] or distilled
    good = [row for row in small if claims.keeps_most(row) and row["verdict"] == "helps"]
    row = (
        min(good, key=lambda row: row["share_of_teacher"])
        if good
        else max(small, key=lambda row: row["quality_kept"])
    )
    return Judgement(
        claims.most_quality_for_a_fraction(result),
        result.interval(row, "quality_kept"),
        {
            "width": str(row["student_width"]),
            "share": f"{100 * row['share_of_teacher']:.0f} %",
        },
        result.interval(row, "gain"),
        "percent",
    )


CLAIMS: tuple[Claim, ...] = (
    Claim("similarity", "controls", similarity),
    Claim("temperature", "temperature", sweet_spot),
    Claim("factor", "t-squared", factor),
    Claim("balance", "balance", balance),
    Claim("teacher_size", "teacher-size", bigger_teacher),
    Claim("deployment", "student-size", deployment),
)


def judgements(result: Result) -> dict[str, Judgement]:
    """Return what a result says of each claim that its experiment tests, by the claim's name."""
    return {c.name: c.judge(result) for c in CLAIMS if c.experiment == result.experiment}


# -------------------------------------------------------------------- many runs on one claim


class Evidence(Protocol):
    """A run as far as claims are concerned."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What was set, by name."""
        ...

    @property
    def judgements(self) -> Mapping[str, Judgement]:
        """What it says of claims, by their names."""
        ...


EvidenceT = TypeVar("EvidenceT", bound=Evidence)


def on_claim(name: str, runs: Sequence[EvidenceT]) -> list[EvidenceT]:
    """Return the runs that test a claim."""
    return [run for run in runs if name in run.judgements]


def claims_tested(runs: Sequence[Evidence]) -> list[str]:
    """Return the names of the claims that at least one run tests, whatever it says of them."""
    return [claim.name for claim in CLAIMS if on_claim(claim.name, runs)]


def tally(name: str, runs: Sequence[Evidence]) -> dict[ClaimVerdict, int]:
    """Count what the runs say of a claim."""
    verdicts = [run.judgements[name].verdict for run in on_claim(name, runs)]
    return {said: verdicts.count(said) for said in ("supported", "contradicted", "undecided")}


def overall(name: str, runs: Sequence[Evidence]) -> ClaimVerdict | None:
    """Return the verdict that all runs on a claim share; undecided where they do not.

    ``None`` if no run tests it.
    """
    said = {run.judgements[name].verdict for run in on_claim(name, runs)}
    if not said:
        return None
    return said.pop() if len(said) == 1 else "undecided"


def differing_settings(runs: Sequence[Evidence]) -> list[str]:
    """Return the settings in which runs differ, in the order of the first run's."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    return [name for name in names if len({run.settings.get(name) for run in runs}) > 1]


def what_separates(name: str, runs: Sequence[Evidence]) -> dict[str, dict[ClaimVerdict, list[str]]]:
    """Return the settings that tell the supporting runs of a claim from the contradicting ones.

    A setting does if no value of it occurs on both sides. It need not be the reason: with few
    runs many settings do. Empty unless there is a run on either side.

    Returns
    -------
    dict
        Of each such setting, the values on either side.
    """
    sides: dict[ClaimVerdict, list[Evidence]] = {"supported": [], "contradicted": []}
    for run in on_claim(name, runs):
        if (said := run.judgements[name].verdict) in sides:
            sides[said].append(run)
    if not all(sides.values()):
        return {}
    found = {}
    for setting in differing_settings([run for side in sides.values() for run in side]):
        values = {
            said: list(dict.fromkeys(run.settings.get(setting, "–") for run in side))
            for said, side in sides.items()
        }
        if not set(values["supported"]) & set(values["contradicted"]):
            found[setting] = values
    return found


# ---------------------------------------------------------------------------------- helpers


def _best(result: Result, rows: Sequence[int]) -> int:
    """Return the row with the best mean accuracy among some; the baseline's if there are none."""
    means = result.accuracy.mean(dim=0)
    return max(rows, key=lambda i: float(means[i]), default=0)


def _difference(result: Result, first: int, second: int) -> Interval:
    accuracy = result.accuracy
    return paired_difference(accuracy[:, first], accuracy[:, second])
