"""How sure we are: intervals over seeds, paired differences, and verdicts on one or on many.

Seeds are what varies: which images are labelled, the initial weights, the order of batches. The
test images and the split are the same for every seed, so no interval speaks of other images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

Verdict = Literal["helps", "hurts", "no clear difference"]
Floats = NDArray[np.float64]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds with the half-width of its 95 % confidence interval."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half_width

    def times(self, factor: float) -> Interval:
        """Return the interval in another unit, such as percent with a factor of 100."""
        return Interval(factor * self.mean, factor * self.half_width, self.n)

    def signed(self, digits: int) -> str:
        """Write a difference with its sign, such as ``−0.018 ± 0.006``."""
        return f"{self.mean:+.{digits}f} ± {self.half_width:.{digits}f}".replace("-", "−")


def mean_interval(values: ArrayLike) -> Interval:
    """Return the mean of one value per seed with its 95 % t-interval.

        mean ± t_{n−1, 0.975} · s / √n,   s² = Σ (x − mean)² / (n − 1)

    One value alone says nothing of the spread: its half-width is infinite.

    Raises
    ------
    ValueError
        If there are no values, or they are not one-dimensional.

    Notes
    -----
    Student (1908), *The probable error of a mean*.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise ValueError("an interval needs a list with at least one value per seed")
    n = len(sample)
    if n == 1:
        return Interval(float(sample[0]), math.inf, 1)
    standard_error = float(sample.std(ddof=1)) / math.sqrt(n)
    return Interval(float(sample.mean()), t_quantile(n - 1) * standard_error, n)


def paired_difference(treatment: ArrayLike, baseline: ArrayLike) -> Interval:
    """Return the mean of treatment − baseline over seeds with its 95 % t-interval.

    Both hold one value per seed, in the same order of seeds. What a seed does to both (its
    labelled images, its initial weights) cancels, so this interval is tighter than that of two
    separate means.

    Raises
    ------
    ValueError
        If the two do not have the same seeds.
    """
    first, second = np.asarray(treatment, np.float64), np.asarray(baseline, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired values need the same seeds, not {first.shape} and {second.shape}")
    return mean_interval(first - second)


def verdict(difference: Interval) -> Verdict:
    """Return what one paired difference says, if it is the only one that is looked at.

    Where several are compared, such as the rows of a table, :func:`verdicts` is to be asked.
    """
    if difference.low > 0:
        return "helps"
    if difference.high < 0:
        return "hurts"
    return "no clear difference"


# ---------------------------------------------------------------------------- many comparisons


def verdicts(differences: Sequence[Interval]) -> list[Verdict]:
    """Return what each of several paired differences says, all looked at together.

    The more conditions a table compares, the likelier one of them stands out by chance. Here a
    table in which nothing differs has at most a 5 % chance of even one "helps" or "hurts": Holm's
    correction of paired t-tests. So a difference may have an interval beside zero and yet no
    verdict: the interval speaks of one condition, the verdict of the table. Of a single condition
    both say the same, which is what :func:`verdict` says.

    Parameters
    ----------
    differences
        Treatment − baseline of each condition: the means of one table and their 95 % intervals.
    """
    significant = holm([_p_value(each) for each in differences]) < 1 - CONFIDENCE
    return [
        "no clear difference" if not told else "helps" if each.mean > 0 else "hurts"
        for told, each in zip(significant, differences, strict=True)
    ]


def told_apart(values: ArrayLike) -> NDArray[np.bool_]:
    """Say which conditions can be told apart from which, all pairs looked at together.

    Every pair is compared by its paired t-test, and Holm's correction counts all C·(C − 1)/2 of
    them: the best is found by looking, so whichever pair it is part of was looked at too.

    Parameters
    ----------
    values
        One value for each seed and condition, ``[S, C]``.

    Returns
    -------
    ndarray
        ``[C, C]``, symmetric; no condition can be told apart from itself.

    Raises
    ------
    ValueError
        If the values are not ``[S, C]`` with at least one of each.
    """
    table = _table(values, "values")
    conditions = table.shape[1]
    first, second = np.triu_indices(conditions, k=1)
    apart = np.zeros((conditions, conditions), dtype=np.bool_)
    significant = holm(p_values(table[:, first] - table[:, second])) < 1 - CONFIDENCE
    apart[first, second] = apart[second, first] = significant
    return apart


def not_told_apart(values: ArrayLike) -> tuple[int, tuple[int, ...]]:
    """Return the best condition, and all that cannot be told apart from it.

    By :func:`told_apart`: where all are equally good, the chance that any of them is left out is
    at most 5 %. The best itself is always among them.

    Parameters
    ----------
    values
        One value for each seed and condition, ``[S, C]``; more is better.

    Returns
    -------
    best : int
        The condition with the largest mean; the first of them where means are equal.
    alike : tuple of int
        Conditions that may be as good, in ascending order.

    Raises
    ------
    ValueError
        If the values are not ``[S, C]`` with at least one of each.
    """
    table = _table(values, "values")
    if not table.shape[1]:
        raise ValueError("the best of no conditions is none")
    best = int(table.mean(axis=0).argmax())
    return best, tuple(int(i) for i in np.flatnonzero(~told_apart(table)[best]))


def lower_but_not_told_apart(values: ArrayLike) -> tuple[int, int] | None:
    """Return a condition that may be as good as the best, though one with a larger mean may not.

    That happens where its difference from the best varies more from seed to seed: of two paired
    t-tests with as many seeds, the larger difference is told apart less only if its standard error
    is larger. In a chart it looks like a mistake, so it is to be explained.

    Parameters
    ----------
    values
        One value for each seed and condition, ``[S, C]``; more is better.

    Returns
    -------
    lower, higher : int
        Of those that may be as good the one with the smallest mean, and of those told apart from
        the best the one with the largest; ``None`` unless the first mean is below the second.

    Raises
    ------
    ValueError
        If the values are not ``[S, C]`` with at least one of each.
    """
    means = _table(values, "values").mean(axis=0)
    _, alike = not_told_apart(values)
    worse = [i for i in range(len(means)) if i not in alike]
    if not worse:
        return None
    lower, higher = min(alike, key=means.__getitem__), max(worse, key=means.__getitem__)
    return (lower, higher) if means[lower] < means[higher] else None


def p_values(differences: ArrayLike) -> Floats:
    """Return the two-sided p-value of each condition's paired t-test, ``[S, C]`` → ``[C]``.

    One seed alone says nothing, nor does a figure that is missing: their p-value is 1.
    """
    table = _table(differences, "differences")
    seeds = len(table)
    if seeds == 1:
        return np.ones(table.shape[1])
    standard_error = table.std(axis=0, ddof=1) / math.sqrt(seeds)
    return _p_of_t(table.mean(axis=0), standard_error, seeds - 1)


def holm(p: ArrayLike) -> Floats:
    """Return p-values corrected for their number, ``[C]`` → ``[C]``.

    In ascending order the first counts C-fold, the next (C − 1)-fold, and so on, none less than
    the one before it. Whatever depends on whatever, the chance of a single false rejection is at
    most the level to which the corrected values are held.

    Notes
    -----
    Holm (1979), *A simple sequentially rejective multiple test procedure*.
    """
    given = np.asarray(p, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    counted = given[order] * np.arange(len(given), 0, -1)
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(np.maximum.accumulate(counted), 1.0)
    return corrected


# ------------------------------------------------------------------- alike, within what matters


def equivalent(difference: Interval, margin: float) -> bool:
    """Say whether a difference is smaller than a margin either way, with its whole interval.

    That two conditions cannot be told apart does not show that they are alike: with few seeds
    nothing can be told apart. This does show it, for a margin below which a difference does not
    matter. The chance to call a difference of the margin's size equivalent is at most 2.5 %.

    Raises
    ------
    ValueError
        If the margin is not above zero.

    Notes
    -----
    Schuirmann (1987): two one-sided tests, here each at 2.5 %, which is the 95 % interval.
    """
    return as_good(difference, margin) and difference.high < margin


def as_good(difference: Interval, margin: float) -> bool:
    """Say whether a condition is worse by less than a margin, or better, with its whole interval.

    One half of :func:`equivalent`.

    Raises
    ------
    ValueError
        If the margin is not above zero.
    """
    if not margin > 0:
        raise ValueError(f"a margin says how much does not matter; it must exceed 0, not {margin}")
    return difference.low > -margin


# ------------------------------------------------------------------------------------ bootstrap


@dataclass(frozen=True)
class Range:
    """A figure computed from n seeds together, with a 95 % interval that need not be symmetric."""

    estimate: float
    low: float
    high: float
    n: int


def bootstrap_interval(
    values_by_seed: ArrayLike,
    statistic: Callable[[Floats], float],
    draws: int,
    generator: torch.Generator,
) -> Range:
    """Return a figure of all seeds together with its 95 % bootstrap interval.

    For what is no mean over seeds, such as how many times smaller a network may be. Seeds are
    drawn with replacement, as many as there are, each with all its values, so that whatever is
    paired stays paired. Of the figures that the draws give, a share of

        Φ(−√(n / (n − 1)) · t_{n−1, 0.975})

    is left out at either end: with many seeds 2.5 %, with few less, because a few seeds drawn
    again differ less than new ones would. For a mean this nearly is its t-interval.

    Parameters
    ----------
    values_by_seed
        ``[S, ...]``
    statistic
        Computes the figure from values of such a shape.
    draws
        How often seeds are drawn. With ten seeds 17 figures of 2,000 lie beyond either end.
    generator
        What draws them: the same generator gives the same interval.

    Raises
    ------
    ValueError
        If there are no seeds or no draws.

    Notes
    -----
    Efron (1979), *Bootstrap methods: another look at the jackknife*; Hesterberg (2015), *What
    teachers should know about the bootstrap*, on the expanded percentile interval.
    """
    values = np.asarray(values_by_seed, dtype=np.float64)
    if not values.ndim or not len(values) or draws < 1:
        raise ValueError("a bootstrap needs at least one seed and one draw")
    seeds = len(values)
    estimate = float(statistic(values))
    if seeds == 1:  # says nothing of the spread
        return Range(estimate, -math.inf, math.inf, 1)
    drawn = torch.randint(seeds, (draws, seeds), generator=generator).numpy()
    figures = sorted(float(statistic(values[rows])) for rows in drawn)
    # An end is one of the figures drawn: where they come in steps, none lies between two.
    beyond = int(draws * _normal_tail(math.sqrt(seeds / (seeds - 1)) * t_quantile(seeds - 1)))
    return Range(estimate, figures[beyond], figures[-1 - beyond], seeds)


# -------------------------------------------------------------------------- Student's t


def t_tail(t: ArrayLike, degrees: int) -> Floats:
    """Return P(|T| > |t|) for Student's t with a whole number of degrees of freedom ν.

    With t = √ν · tan θ, the chance of a smaller |T| is a finite sum:

        ν odd:   2/π · (θ + sin θ · (cos θ + 2/3 cos³ θ + … + 2·4⋯(ν−3)/(3·5⋯(ν−2)) cos^(ν−2) θ))
        ν even:  sin θ · (1 + 1/2 cos² θ + … + 1·3⋯(ν−3)/(2·4⋯(ν−2)) cos^(ν−2) θ)

    Errors are those of rounding, about 10⁻¹⁵; SciPy would be 140 MB for the same.

    Notes
    -----
    Abramowitz, Stegun (1964), equations 26.7.3 and 26.7.4.
    """
    theta = np.arctan(np.abs(np.asarray(t, dtype=np.float64)) / math.sqrt(degrees))
    sine, cosine = np.sin(theta), np.cos(theta)
    odd = degrees % 2
    term = cosine if odd else np.ones_like(cosine)
    total = np.zeros_like(theta)
    for power in range(odd, degrees - 1, 2):  # of the cosine
        total = total + term
        term = term * cosine**2 * (power + 1) / (power + 2)
    inside = 2 / math.pi * (theta + sine * total) if odd else sine * total
    return np.clip(1 - inside, 0.0, 1.0)


@lru_cache
def t_quantile(degrees: int) -> float:
    """Return the t that |T| exceeds with a chance of 5 %: the factor of a 95 % interval."""
    low, high = 1.9, 13.0  # 1.96 for many degrees of freedom, 12.7 for one
    while (middle := (low + high) / 2) not in (low, high):
        if t_tail(middle, degrees) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return middle


def _p_value(difference: Interval) -> float:
    """Return the p-value of the t-test that an interval amounts to."""
    if difference.n == 1:
        return 1.0
    degrees = difference.n - 1
    standard_error = difference.half_width / t_quantile(degrees)
    return float(_p_of_t(difference.mean, standard_error, degrees))


def _p_of_t(mean: ArrayLike, standard_error: ArrayLike, degrees: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = t_tail(np.divide(mean, standard_error), degrees)
    return np.where(np.isnan(tail), 1.0, tail)  # 0/0: no difference at all in any seed


def _normal_tail(z: float) -> float:
    """Return the chance that a standard normal figure exceeds z."""
    return math.erfc(z / math.sqrt(2)) / 2


def _table(values: ArrayLike, what: str) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not len(table):
        raise ValueError(f"{what} must be [seeds, conditions], not of shape {table.shape}")
    return table
