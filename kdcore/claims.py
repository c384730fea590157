"""What a run says of a claim of the field. Verdicts are computed here, from paired comparisons.

Each function takes the result of an experiment. A claim is ``"supported"`` or ``"contradicted"``
only where intervals say so; everything else is ``"undecided"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from kdcore.experiments.common import Result, Row
from kdcore.experiments.controls import TARGETS
from kdcore.experiments.unseen_class import UnseenMeasured
from kdcore.statistics import (
    Interval,
    Verdict,
    mean_interval,
    not_told_apart,
    paired_difference,
    verdict,
)

ClaimVerdict = Literal["supported", "contradicted", "undecided"]
Position = Literal["low", "inside", "high", "alike"]
Pattern = Literal["low", "inside", "high", "alike", "nothing", "hurts"]

#: The temperatures that practice calls the sweet spot.
SWEET_SPOT = (3.0, 5.0)


def position_of_best(accuracy: Tensor) -> Position:
    """Say where along an ordered row of conditions ``[S, C]`` the best accuracy lies.

    ``"low"`` or ``"high"``: at that end, and the other end can be told apart from the best;
    ``"inside"``: both ends can; ``"alike"``: neither can.
    """
    _, best = not_told_apart(accuracy)
    low, high = 0 in best, accuracy.shape[1] - 1 in best
    if low and high:
        return "alike"
    if low:
        return "low"
    return "high" if high else "inside"


# ------------------------------------------------------------------------------- temperature


def temperature_pattern(result: Result) -> Pattern:
    """Say what temperature did: where the best one lies, or that none helps."""
    verdicts = [row["verdict"] for row in result.rows]
    if "helps" not in verdicts:
        return "hurts" if "hurts" in verdicts else "nothing"
    return position_of_best(_without_baseline(result))


def best_temperatures(result: Result) -> tuple[float, tuple[float, ...]]:
    """Return the best temperature and all that cannot be told apart from it, itself included."""
    temperatures = [row["temperature"] for row in result.rows[1:]]
    best, alike = not_told_apart(_without_baseline(result))
    return temperatures[best], tuple(temperatures[i] for i in alike)


def in_sweet_spot(temperature: float) -> bool:
    """Say whether practice counts a temperature to the sweet spot."""
    return SWEET_SPOT[0] <= temperature <= SWEET_SPOT[1]


def sweet_spot_is_3_to_5(result: Result) -> ClaimVerdict:
    """Judge the claim that T from 3 to 5 is the sweet spot.

    Supported if the best temperatures lie there and both ends of the range are worse; contradicted
    if every temperature there can be told apart from the best, or if none helps at all.
    """
    pattern = temperature_pattern(result)
    if pattern in ("nothing", "hurts"):
        return "contradicted"
    tested = [r["temperature"] for r in result.rows[1:] if in_sweet_spot(r["temperature"])]
    _, alike = best_temperatures(result)
    if tested and not set(tested) & set(alike):
        return "contradicted"
    return "supported" if tested and pattern == "inside" else "undecided"


# ---------------------------------------------------------------------------- the factor T²


def gradient_changes(result: Result) -> tuple[Tensor, Tensor]:
    """Return how much the soft gradient changes from the lowest T to the highest.

        |log₁₀(size at the highest T / size at the lowest T)|

    of each seed, with the factor T² and without it, ``[S]`` each.

    Raises
    ------
    ValueError
        If the result is not one of the experiment ``t-squared``.
    """
    gradients = getattr(result.measured, "gradients", None)
    if gradients is None:
        raise ValueError(f"{result.experiment} has no soft gradients")

    def change(kind: str) -> Tensor:
        rows = [i for i, row in enumerate(result.rows) if row["factor"] == kind]
        rows.sort(key=lambda i: result.rows[i]["temperature"])
        sizes: Tensor = gradients[:, [rows[0], rows[-1]]]
        return (sizes[:, 1] / sizes[:, 0]).log10().abs()

    return change("T²"), change("none")


def factor_compensates(result: Result) -> ClaimVerdict:
    """Judge the claim that the factor T² makes up for the smaller gradients at high T.

    Supported if from the lowest T to the highest the size of the soft gradient changes less with
    the factor than without it, paired over seeds; contradicted if it changes more.
    """
    with_factor, without = gradient_changes(result)
    return _from_verdict(verdict(paired_difference(without, with_factor)))


# ------------------------------------------------------------------------------ teacher size


def teacher_size_pattern(result: Result) -> Pattern:
    """Say whose student is best along the teachers in the order given, or that none gains."""
    verdicts = [row["verdict"] for row in result.rows]
    if "helps" not in verdicts:
        return "hurts" if "hurts" in verdicts else "nothing"
    return position_of_best(result.accuracy)


def bigger_is_not_always_better(result: Result) -> ClaimVerdict:
    """Judge the claim that the largest teacher need not have the best student.

    Supported if the largest teacher's student can be told apart from the best; contradicted if it
    is the best and can be told apart from all others.
    """
    sizes = [row["teacher_parameters"] for row in result.rows]
    largest = sizes.index(max(sizes))
    _, alike = not_told_apart(result.accuracy)
    if largest not in alike:
        return "supported"
    return "contradicted" if alike == (largest,) else "undecided"


def assistant_helps(result: Result) -> ClaimVerdict:
    """Judge the claim that a teacher assistant helps, by its row's verdict against direct."""
    (row,) = (row for row in result.rows if row["route"] == "via-assistant")
    return _from_verdict(row["verdict"])


# ----------------------------------------------------------------------------------- balance


def balance_beats_either(result: Result) -> ClaimVerdict:
    """Judge the claim that a mixture of hard and soft labels beats either alone.

    Supported if the best α lies inside and both ends can be told apart from it; contradicted if
    every mixture can be told apart from the best, which is an end then.
    """
    alphas = [row["alpha"] for row in result.rows]
    _, alike = not_told_apart(result.accuracy)
    if all(alphas[i] in (0.0, 1.0) for i in alike):
        return "contradicted"
    both_ends_worse = not any(alphas[i] in (0.0, 1.0) for i in alike)
    return "supported" if both_ends_worse and {0.0, 1.0} <= set(alphas) else "undecided"


# ---------------------------------------------------------------------------------- variants


def best_way_to_teach(result: Result) -> str:
    """Name the variant of the four that helps most.

    ``"nothing"`` if none of them helps; ``"alike"`` if another one cannot be told apart from it.
    """
    names = [row["variant"] for row in result.rows]
    four = [names.index(name) for name in ("response", "feature", "self", "online")]
    if not any(result.rows[i]["verdict"] == "helps" for i in four):
        return "nothing"
    best, alike = not_told_apart(result.accuracy[:, four])
    return names[four[best]] if len(alike) == 1 else "alike"


# ----------------------------------------------------------------------- the digit it never saw

#: Recall of a class that a student knows nothing of and guesses like the other nine.
CHANCE_RECALL = 0.1


def unseen_pattern(result: Result) -> Literal["none", "few", "most", "nearly-all"]:
    """Put into words how many never-seen images the student recognises at its best temperature.

    Up to 2 %, under a half, under nine in ten, or more.
    """
    best = max(row["unseen_recall"] for row in result.rows[1:])
    if best <= 0.02:
        return "none"
    if best < 0.5:
        return "few"
    return "most" if best < 0.9 else "nearly-all"


def recognises_the_unseen(result: Result) -> ClaimVerdict:
    """Judge the claim that a student recognises classes which only its teacher has seen.

    Before any bias correction. Supported if at some temperature the recall lies above chance with
    its whole interval and above that on hard labels, paired; contradicted if at every temperature
    it lies below chance with its whole interval.
    """
    measured = result.measured
    if not isinstance(measured, UnseenMeasured) or measured.recall is None:
        raise ValueError(f"{result.experiment} has no recall per seed")
    hard, *soft = measured.recall.unbind(1)
    intervals = [mean_interval(recall) for recall in soft]
    gains = [verdict(paired_difference(recall, hard)) for recall in soft]
    if any(
        interval.low > CHANCE_RECALL and gain == "helps"
        for interval, gain in zip(intervals, gains, strict=True)
    ):
        return "supported"
    below = all(interval.high < CHANCE_RECALL for interval in intervals)
    return "contradicted" if below else "undecided"


# ------------------------------------------------------------------- is it really dark knowledge?


#: What soft labels are compared with.
RIVALS = tuple(name for name in TARGETS if name != "soft")


def soft_over(result: Result, other: str) -> Interval:
    """Return how much better soft labels teach than another of the targets, paired."""
    names = [row["targets"] for row in result.rows]
    accuracy = result.accuracy
    return paired_difference(
        accuracy[:, names.index("soft")].numpy(), accuracy[:, names.index(other)].numpy()
    )


def controls_pattern(result: Result) -> Literal["order", "softness", "any", "nothing"]:
    """Say what of the soft labels carries their gain.

    ``"order"``: they beat both controls, so which wrong answers are likely; ``"softness"``: evenly
    smoothed ones may do as well; ``"any"``: even shuffled ones may; ``"nothing"``: no gain.
    """
    if verdict(soft_over(result, "hard")) != "helps":
        return "nothing"
    if verdict(soft_over(result, "shuffled")) != "helps":
        return "any"
    return "order" if verdict(soft_over(result, "smoothed")) == "helps" else "softness"


def soft_labels_carry_similarity(result: Result) -> ClaimVerdict:
    """Judge the claim that soft labels carry class similarity which hard labels discard.

    Supported if the soft labels beat hard, smoothed and shuffled ones, each by its paired interval;
    contradicted if any of these beats them.
    """
    verdicts = {verdict(soft_over(result, other)) for other in RIVALS}
    if "hurts" in verdicts:
        return "contradicted"
    return "supported" if verdicts == {"helps"} else "undecided"


# -------------------------------------------------------------- smaller, faster, how good?

#: Our reading of "most of the quality": so much of the teacher's accuracy.
MOST = 0.95
#: Our reading of "a fraction of the cost": at most so many of the teacher's parameters.
FRACTION = 0.5


@dataclass(frozen=True)
class SameAccuracy:
    """The smallest students that read as well as the best hard-label student; rows of a table."""

    best_hard: Row
    smallest_hard: Row
    #: ``None`` if no distilled student reads as well.
    smallest_distilled: Row | None
    #: Accuracy of the smallest distilled student less that of the best hard-label one, paired.
    difference: Interval | None

    @property
    def times_smaller(self) -> float | None:
        """How many times fewer parameters are enough if the student is distilled."""
        if self.smallest_distilled is None:
            return None
        return self.smallest_hard["parameters"] / self.smallest_distilled["parameters"]

    @property
    def outcome(self) -> Literal["smaller", "same", "larger", "none"]:
        """Whether the distilled student is smaller, or whether there is none."""
        times = self.times_smaller
        if times is None:
            return "none"
        if times == 1:
            return "same"
        return "smaller" if times > 1 else "larger"


def same_accuracy(result: Result) -> SameAccuracy:
    """Find how small a student can be, with and without distillation, for the same accuracy.

    The measure is the best hard-label student. A student reads as well unless the 95 % interval of
    its paired difference from that one lies below zero. The rule is the same for both kinds, so
    that neither is favoured by what the runs cannot tell apart.
    """
    rows, accuracy = result.rows, result.accuracy
    hard = [i for i, row in enumerate(rows) if row["label_type"] == "hard"]
    best = hard[not_told_apart(accuracy[:, hard])[0]]
    differences = [paired_difference(own, accuracy[:, best]) for own in accuracy.unbind(1)]
    as_good = [i for i in range(len(rows)) if verdict(differences[i]) != "hurts"]
    smallest = {
        kind: min(
            (i for i in as_good if rows[i]["label_type"] == kind),
            key=lambda i: rows[i]["parameters"],
            default=None,
        )
        for kind in ("hard", "distilled")
    }
    # The best is as good as itself: there always is one.
    smallest_hard, distilled = smallest["hard"], smallest["distilled"]
    assert smallest_hard is not None
    return SameAccuracy(
        rows[best],
        rows[smallest_hard],
        None if distilled is None else rows[distilled],
        None if distilled is None else differences[distilled],
    )


def how_much_smaller(same: SameAccuracy) -> Literal["not", "little", "some", "much"]:
    """Put into words how much smaller distilling lets a student be.

    Not at all, up to 3 times, up to 6 times, or more. Widths that double make steps of nearly 2,
    4 and 8, so none of them lies at a border.
    """
    times = same.times_smaller
    if times is None or times <= 1:
        return "not"
    if times <= 3:
        return "little"
    return "some" if times <= 6 else "much"


def keeps_most(row: Row) -> bool:
    """Say whether a student keeps :data:`MOST` of the quality with its whole interval."""
    return row["quality_kept"] - row["quality_kept_ci"] >= MOST


def most_quality_for_a_fraction(result: Result) -> ClaimVerdict:
    """Judge the claim that distillation keeps most of the quality for a fraction of the cost.

    Looked at are the students with at most :data:`FRACTION` of the teacher's parameters. Supported
    if one of them keeps at least :data:`MOST` of the teacher's accuracy with its whole interval,
    and distilling helps it. Contradicted if every one speaks against it: it keeps less with its
    whole interval, or distilling hurts it, or it keeps as much on hard labels and distilling makes
    no clear difference.
    """
    small = [row for row in result.rows if row["share_of_teacher"] <= FRACTION]
    hard = {row["student_width"]: row for row in small if row["label_type"] == "hard"}
    against = []
    for row in small:
        if row["label_type"] == "hard":
            continue
        without = hard[row["student_width"]]
        if keeps_most(row) and row["verdict"] == "helps":
            return "supported"
        against.append(
            row["quality_kept"] + row["quality_kept_ci"] < MOST
            or row["verdict"] == "hurts"
            or (keeps_most(without) and row["verdict"] == "no clear difference")
        )
    return "contradicted" if against and all(against) else "undecided"


# ------------------------------------------------------------------------- the reference run


def how_often_best(
    times_best: float, seeds: int
) -> Literal["always", "mostly", "sometimes", "never"]:
    """Put into words how often one row of a table came out best over seeds."""
    share = times_best / seeds
    if share >= 0.9:
        return "always"
    if share > 0.5:
        return "mostly"
    return "sometimes" if share > 0 else "never"


def against_chance(accuracy: Interval, chance: float) -> Literal["above", "chance", "below"]:
    """Say on which side of chance an accuracy's interval lies, or that it includes it."""
    if accuracy.low > chance:
        return "above"
    return "below" if accuracy.high < chance else "chance"


# ---------------------------------------------------------------------------------- helpers


def _from_verdict(outcome: Verdict) -> ClaimVerdict:
    """Turn the verdict on a gain into one on the claim that there is a gain."""
    verdicts: dict[Verdict, ClaimVerdict] = {
        "helps": "supported",
        "hurts": "contradicted",
        "no clear difference": "undecided",
    }
    return verdicts[outcome]


def _without_baseline(result: Result) -> Tensor:
    return result.accuracy[:, 1:]
