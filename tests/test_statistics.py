"""Intervals are those of the textbooks and cover what they claim; verdicts follow from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdcore.statistics import Interval, mean_interval, paired_difference, verdict

#: A shared machine may pause for longer than Hypothesis allows an example to take.
unhurried = settings(deadline=None)

samples = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)

# Student's t, two-sided 95 %, from any printed table: degrees of freedom → quantile.
PRINTED_T = {1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262, 19: 2.093, 29: 2.045}


@pytest.mark.parametrize(("degrees", "quantile"), PRINTED_T.items())
def test_the_half_width_is_the_printed_t_quantile_times_the_standard_error(
    degrees: int, quantile: float
) -> None:
    n = degrees + 1
    values = np.arange(n, dtype=float)
    standard_error = math.sqrt(n * (n + 1) / 12) / math.sqrt(n)  # variance of 0, 1, …, n − 1
    interval = mean_interval(values)
    assert interval.half_width / standard_error == pytest.approx(quantile, abs=5e-4)
    assert interval.mean == (n - 1) / 2
    assert interval.n == n


def test_students_own_sleep_data_give_the_known_interval() -> None:
    # Student (1908), hours of sleep gained with one drug and another: R's t.test prints
    # mean of the differences −1.58, interval −2.4598858 to −0.7001142.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    difference = paired_difference(first, second)
    assert difference.mean == pytest.approx(-1.58)
    assert difference.low == pytest.approx(-2.4598858, abs=1e-7)
    assert difference.high == pytest.approx(-0.7001142, abs=1e-7)


def test_the_interval_covers_the_truth_in_95_of_100_repetitions() -> None:
    draw = np.random.default_rng(1908)
    repetitions = 4000
    for n in (3, 10):
        covered = 0
        for values in draw.normal(0.8, 0.05, size=(repetitions, n)):
            interval = mean_interval(values)
            covered += interval.low <= 0.8 <= interval.high
        # Four standard deviations of a share of 4,000 are 0.014; a normal quantile in place of
        # Student's t would cover 81 % (n = 3) and 92 % (n = 10).
        assert covered / repetitions == pytest.approx(0.95, abs=0.014)


def test_one_value_says_nothing_of_the_spread() -> None:
    alone = mean_interval([0.9])
    assert alone == Interval(0.9, math.inf, 1)
    assert verdict(alone) == "no clear difference"


def test_equal_values_have_no_spread() -> None:
    assert mean_interval([0.5, 0.5, 0.5]) == Interval(0.5, 0.0, 3)


@pytest.mark.parametrize("values", [[], 0.5, [[0.1, 0.2], [0.3, 0.4]]])
def test_an_interval_needs_a_list_of_values(values: object) -> None:
    with pytest.raises(ValueError, match="at least one value per seed"):
        mean_interval(values)  # type: ignore[arg-type]


@unhurried
@given(samples)
def test_the_interval_is_centred_on_the_mean(values: list[float]) -> None:
    interval = mean_interval(values)
    assert interval.mean == pytest.approx(sum(values) / len(values), abs=1e-9)
    assert interval.half_width >= 0
    assert interval.low == interval.mean - interval.half_width
    assert interval.high == interval.mean + interval.half_width


@unhurried
@given(samples)
def test_a_paired_difference_turns_its_sign_when_the_two_are_swapped(values: list[float]) -> None:
    baseline = list(range(len(values)))
    forth, back = paired_difference(values, baseline), paired_difference(baseline, values)
    assert forth.mean == pytest.approx(-back.mean, abs=1e-9)
    assert forth.half_width == pytest.approx(back.half_width, abs=1e-9)


def test_what_a_seed_does_to_both_cancels_in_a_paired_difference() -> None:
    draw = np.random.default_rng(0)
    luck = draw.normal(0, 0.1, size=10)
    noise = draw.normal(0, 0.001, size=10)
    gain = paired_difference(luck + noise + 0.02, luck)
    assert gain.half_width < 0.002
    assert verdict(gain) == "helps"
    assert mean_interval(luck).half_width > 0.04  # two separate means could not tell


def test_paired_values_need_the_same_seeds() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        paired_difference([0.1, 0.2, 0.3], [0.1, 0.2])
    with pytest.raises(ValueError, match="same seeds"):
        paired_difference([0.1, 0.2, 0.3], [0.1])  # would broadcast


@pytest.mark.parametrize(
    ("mean", "half_width", "expected"),
    [
        (0.03, 0.02, "helps"),
        (-0.03, 0.02, "hurts"),
        (0.01, 0.02, "no clear difference"),
        (-0.01, 0.02, "no clear difference"),
        (0.0, 0.0, "no clear difference"),
        (0.25, 0.25, "no clear difference"),  # the interval ends at zero
        (-0.25, 0.25, "no clear difference"),
        (0.25, math.nextafter(0.25, 0), "helps"),
        (-0.25, math.nextafter(0.25, 0), "hurts"),
        (math.nan, math.nan, "no clear difference"),
    ],
)
def test_the_verdict_says_on_which_side_of_zero_the_whole_interval_lies(
    mean: float, half_width: float, expected: str
) -> None:
    assert verdict(Interval(mean, half_width, 10)) == expected
