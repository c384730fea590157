"""What a run says of a claim of the field: the form of a verdict. The rules stand with each run.

A claim is ``"supported"`` or ``"contradicted"`` only where intervals say so; everything else is
``"undecided"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from kdcore.statistics import Interval, Verdict, not_told_apart

ClaimVerdict = Literal["supported", "contradicted", "undecided"]
Position = Literal["low", "inside", "high", "alike"]
Pattern = Literal["low", "inside", "high", "alike", "nothing", "hurts"]

#: A difference in accuracy that does not matter: one point. Where a rule asks whether something is
#: as good as something else, it asks for less than that with the whole interval.
MARGIN = 0.01

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
    """A claim of the field, and the rule by which a run of its experiment is judged."""

    name: str
    judge: Callable[[Any], Judgement]
    #: Its place among the takeaways; none if it stands on its lesson's page alone.
    takeaway: int | None = None
    #: Whether a run's settings let it say anything of the claim; where not, it does not count.
    bears: Callable[[Any], bool] = lambda result: True


def from_verdict(outcome: Verdict) -> ClaimVerdict:
    """Turn the verdict on a gain into one on the claim that there is a gain."""
    verdicts: dict[Verdict, ClaimVerdict] = {
        "helps": "supported",
        "hurts": "contradicted",
        "no clear difference": "undecided",
    }
    return verdicts[outcome]


def position_of_best(accuracy: Tensor, ends: tuple[int, int] | None = None) -> Position:
    """Say where among conditions ``[S, C]`` with two ends the best accuracy lies.

    ``"low"`` or ``"high"``: at that end, and the other end can be told apart from the best;
    ``"inside"``: both ends can; ``"alike"``: neither can. The ends are the first condition and the
    last unless given.
    """
    _, best = not_told_apart(accuracy)
    first, last = ends or (0, accuracy.shape[1] - 1)
    low, high = first in best, last in best
    if low and high:
        return "alike"
    if low:
        return "low"
    return "high" if high else "inside"


def best_row(accuracy: Tensor, rows: list[int]) -> int:
    """Return the row with the best mean accuracy among some; row 0 if there are none.

    Accuracies are ``[S, rows]``.
    """
    means = accuracy.mean(dim=0)
    return max(rows, key=lambda i: float(means[i]), default=0)
