"""Intervals are those of the textbooks and cover what they claim; verdicts follow from them.

A table in which nothing differs seldom says that something does, however many rows it has.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtr, stdtrit

from kdcore.randomness import generator
from kdcore.statistics import (
    Interval,
    as_good,
    bootstrap_interval,
    equivalent,
    holm,
    mean_interval,
    not_told_apart,
    p_values,
    paired_difference,
    t_quantile,
    t_tail,
    told_apart,
    verdict,
    verdicts,
)

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


# --------------------------------------------------------------------------------- Student's t


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 19, 39, 199])
def test_the_tail_and_the_quantile_are_those_of_scipy(degrees: int) -> None:
    t = np.array([-3.0, 0.0, 0.1, 1.0, 2.262, 5.0, 40.0, math.inf])
    assert t_tail(t, degrees) == pytest.approx(2 * stdtr(degrees, -np.abs(t)), abs=1e-13)
    assert t_quantile(degrees) == pytest.approx(stdtrit(degrees, 0.975), rel=1e-12)


# ---------------------------------------------------------------------------- many comparisons


def test_holms_own_steps_count_the_smallest_for_all_and_the_largest_once() -> None:
    # 4 · 0.005, 3 · 0.01, 2 · 0.03; 1 · 0.04 must not come out below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_no_corrected_p_value_exceeds_one_and_none_is_less_than_the_given_one() -> None:
    given = np.array([0.4, 0.9, 0.02, 0.6])
    corrected = holm(given)
    assert (corrected >= given).all()
    assert corrected.max() == 1.0


def test_students_own_sleep_data_give_the_known_p_value() -> None:
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    difference = np.subtract(first, second)[:, None]
    assert p_values(difference) == pytest.approx([0.00283289], abs=1e-8)  # R's t.test, paired


@unhurried
@given(samples)
def test_the_verdict_on_one_condition_is_that_of_its_interval(values: list[float]) -> None:
    alone = mean_interval(values)
    assert verdicts([alone]) == [verdict(alone)]


@pytest.mark.parametrize("values", [[0.0] * 5, [0.3], [math.nan] * 4])
def test_what_says_nothing_gets_no_verdict(values: list[float]) -> None:
    assert verdicts([mean_interval(values)] * 2) == ["no clear difference"] * 2


def test_a_difference_that_every_seed_shares_is_clear() -> None:
    assert verdicts([Interval(0.25, 0.0, 3), Interval(-0.25, 0.0, 3)]) == ["helps", "hurts"]


def intervals(differences: np.ndarray) -> list[Interval]:
    return [mean_interval(own) for own in differences.T]


def test_more_conditions_must_each_differ_more_clearly() -> None:
    draw = np.random.default_rng(2)
    clear = draw.normal(0, 1, (10, 1))
    clear += 0.9 - clear.mean()  # p = 0.02 or so
    assert verdicts(intervals(clear)) == ["helps"]
    noise = draw.normal(0, 1, (10, 5))
    noise -= noise.mean(axis=0)
    assert verdicts(intervals(np.hstack([clear, noise]))) == ["no clear difference"] * 6
    assert verdicts(intervals(-np.hstack([3 * clear + 5, noise])))[0] == "hurts"


def gains(table: np.ndarray) -> list[Interval]:
    """Return what each condition of ``[S, C]`` gains over the first."""
    return intervals(table[:, 1:] - table[:, :1])


def null_tables(seeds: int, conditions: int, tables: int = 1000) -> np.ndarray:
    """Draw tables of values that differ by chance only, correlated through their seeds."""
    draw = np.random.default_rng([seeds, conditions])
    luck = draw.normal(0, 0.02, (tables, seeds, 1))
    return 0.9 + luck + draw.normal(0, 0.01, (tables, seeds, conditions))


@pytest.mark.parametrize(("seeds", "conditions"), [(5, 6), (10, 3), (40, 6), (10, 12)])
def test_a_table_in_which_nothing_differs_has_a_false_mark_in_at_most_5_of_100(
    seeds: int, conditions: int
) -> None:
    tables = null_tables(seeds, conditions)
    marked = [set(verdicts(gains(t))) != {"no clear difference"} for t in tables]
    worse = [len(not_told_apart(t)[1]) < conditions for t in tables]
    # Three standard deviations of a share of 1,000 are 0.02. Without the correction six conditions
    # give 0.2 and 0.35.
    assert np.mean(marked) < 0.07
    assert np.mean(worse) < 0.07
    assert np.mean(marked) > 0.01  # nor does it never speak


def test_what_differs_clearly_is_marked_though_there_are_many_conditions() -> None:
    # The gain of a row is twice the spread of its paired differences over seeds.
    values = null_tables(10, 6, tables=200)
    values[:, :, 3] += 2 * math.sqrt(2) * 0.01
    found = [verdicts(gains(t))[2] == "helps" for t in values]
    assert np.mean(found) > 0.9
    alone = [not_told_apart(t) == (3, (3,)) for t in values]
    assert np.mean(alone) > 0.6


def test_the_best_is_named_with_those_that_may_be_as_good() -> None:
    steady = np.random.default_rng(5).normal(0, 0.001, (10, 4))
    values = steady + np.array([0.8, 0.9, 0.9001, 0.7])
    best, alike = not_told_apart(values)
    assert best in (1, 2)
    assert alike == (1, 2)
    apart = told_apart(values)
    assert (apart == apart.T).all()
    assert not apart.diagonal().any()
    assert apart[0, 3]  # neither is the best, and yet they differ


def test_a_lone_condition_is_the_best_and_one_seed_tells_none_apart() -> None:
    assert not_told_apart([[0.8], [0.9]]) == (0, (0,))
    assert not_told_apart([[0.1, 0.9, 0.9]]) == (1, (0, 1, 2))


@pytest.mark.parametrize("values", [[0.5, 0.6], np.empty((0, 3)), [[[0.5]]]])
def test_a_table_needs_seeds_and_conditions(values: object) -> None:
    for rule in (p_values, told_apart, not_told_apart):
        with pytest.raises(ValueError, match=r"must be \[seeds, conditions\]"):
            rule(values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no conditions"):
        not_told_apart(np.empty((3, 0)))


# ------------------------------------------------------------------- alike, within what matters


@pytest.mark.parametrize(
    ("mean", "half_width", "alike", "good"),
    [
        (0.000, 0.009, True, True),
        (0.000, 0.010, False, False),  # the interval reaches the margin
        (-0.005, 0.006, False, False),
        (0.005, 0.006, False, True),  # perhaps better by more than the margin, but not worse
        (0.300, 0.010, False, True),
        (0.0, math.inf, False, False),  # one seed: not told apart, and yet not shown to be alike
    ],
)
def test_alike_is_what_differs_by_less_than_the_margin_with_its_whole_interval(
    mean: float, half_width: float, alike: bool, good: bool
) -> None:
    difference = Interval(mean, half_width, 10)
    assert equivalent(difference, 0.01) is alike
    assert as_good(difference, 0.01) is good


@pytest.mark.parametrize("margin", [0.0, -0.01, math.nan])
def test_a_margin_must_exceed_zero(margin: float) -> None:
    with pytest.raises(ValueError, match="must exceed 0"):
        equivalent(Interval(0.0, 0.0, 3), margin)


# ------------------------------------------------------------------------------------ bootstrap


def ratio(values: np.ndarray) -> float:
    return float(values[:, 0].mean() / values[:, 1].mean())


def test_the_same_generator_gives_the_same_bootstrap_interval() -> None:
    values = np.random.default_rng(3).normal([2.0, 1.0], 0.1, (10, 2))
    first, again, other = (
        bootstrap_interval(values, ratio, 500, generator(seed, "bootstrap")) for seed in (0, 0, 1)
    )
    assert first == again != other
    assert first.low < first.estimate == ratio(values) < first.high
    assert first.n == 10


def test_seeds_are_drawn_whole_so_that_what_is_paired_stays_paired() -> None:
    luck = np.random.default_rng(3).normal(1.0, 0.2, (10, 1))
    found = bootstrap_interval(luck * [2.0, 1.0], ratio, 500, generator(0, "bootstrap"))
    assert [found.low, found.high] == pytest.approx([2.0, 2.0])


def test_a_bootstrapped_mean_has_nearly_its_t_interval() -> None:
    for seeds in (5, 10, 40):
        values = np.random.default_rng(seeds).normal(0.8, 0.05, seeds)
        exact = mean_interval(values)
        drawn = bootstrap_interval(
            values, lambda v: float(v.mean()), 4000, generator(0, "bootstrap")
        )
        # The plain percentile interval is 40 % too narrow for five seeds, 18 % for ten.
        assert drawn.high - drawn.low == pytest.approx(2 * exact.half_width, rel=0.12)


def test_the_ends_of_a_figure_in_steps_are_steps_and_may_be_infinite() -> None:
    values = np.random.default_rng(3).normal(0.0, 1.0, 10)

    def step(drawn: np.ndarray) -> float:
        return 4.0 if drawn.mean() < 0.5 else math.inf

    found = bootstrap_interval(values, step, 500, generator(0, "bootstrap"))
    assert {found.low, found.high} <= {4.0, math.inf}


def test_one_seed_says_nothing_of_the_spread_of_a_bootstrapped_figure() -> None:
    alone = bootstrap_interval([[2.0, 1.0]], ratio, 100, generator(0, "bootstrap"))
    assert (alone.estimate, alone.low, alone.high) == (2.0, -math.inf, math.inf)


@pytest.mark.parametrize(("values", "draws"), [([], 100), (0.5, 100), ([0.1, 0.2], 0)])
def test_a_bootstrap_needs_seeds_and_draws(values: object, draws: int) -> None:
    with pytest.raises(ValueError, match="at least one seed and one draw"):
        bootstrap_interval(values, ratio, draws, generator(0, "bootstrap"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mean", "digits", "written"),
    [(-0.0184, 3, "−0.018 ± 0.006"), (0.0184, 2, "+0.02 ± 0.01"), (12.3, 0, "+12 ± 0")],
)
def test_a_difference_is_written_with_its_sign(mean: float, digits: int, written: str) -> None:
    assert Interval(mean, 0.006, 10).signed(digits) == written
