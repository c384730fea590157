"""How sure we are: intervals over seeds, paired differences, and the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit  # Student's t quantile, without the rest of SciPy

Verdict = Literal["helps", "hurts", "no clear difference"]

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
    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    standard_error = float(sample.std(ddof=1)) / math.sqrt(n)
    return Interval(float(sample.mean()), quantile * standard_error, n)


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
    """Return what a paired difference in accuracy says: the only place where a verdict is made."""
    if difference.low > 0:
        return "helps"
    if difference.high < 0:
        return "hurts"
    return "no clear difference"


def not_told_apart(values: ArrayLike) -> tuple[int, tuple[int, ...]]:
    """Return the best condition, and all that cannot be told apart from it.

    A condition cannot be told apart from the best if the 95 % interval of their paired difference
    includes zero. The best itself is always among them.

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
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"values must be [seeds, conditions], not of shape {table.shape}")
    best = int(table.mean(axis=0).argmax())
    differences = [paired_difference(column, table[:, best]) for column in table.T]
    alike = [i for i, d in enumerate(differences) if verdict(d) == "no clear difference"]
    return best, tuple(alike)
