"""Verdicts on claims follow from paired comparisons, in every direction."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kdcore.claims import position_of_best
from kdcore.experiments.balance import balance_beats_either
from kdcore.experiments.faults import against_chance, how_often_best
from kdcore.experiments.progressive import assistant
from kdcore.experiments.result import AnyResult, Measured, Result
from kdcore.experiments.student_size import (
    how_much_smaller,
    most_quality_for_a_fraction,
    same_accuracy,
)
from kdcore.experiments.teacher_size import bigger_is_not_always_better, teacher_size_pattern
from kdcore.experiments.temperature import (
    EXPERIMENT,
    TemperatureSettings,
    best_temperatures,
    sweet_spot_is_3_to_5,
    temperature_pattern,
)
from kdcore.experiments.variants import best_way_to_teach
from kdcore.statistics import Interval, mean_interval, paired_difference, verdict

SEEDS = 8


def accuracies(*means: float, noise: float = 0.001) -> torch.Tensor:
    """Accuracies ``[S, C]`` that lie around the means, with paired noise that nearly cancels."""
    draw = torch.Generator().manual_seed(0)
    seed_effect = 0.05 * torch.randn(SEEDS, 1, generator=draw)
    own = noise * torch.randn(SEEDS, len(means), generator=draw)
    return torch.tensor(means) + seed_effect + own


def result(keys: dict[str, list[Any]], accuracy: torch.Tensor, baseline: int | None) -> AnyResult:
    """A result whose verdicts are computed from its accuracies, as experiments do it."""
    rows = [dict(zip(keys, values, strict=True)) for values in zip(*keys.values(), strict=True)]
    for condition, row in enumerate(rows):
        if baseline is not None:
            gain = paired_difference(accuracy[:, condition], accuracy[:, baseline])
            row["gain"], row["gain_ci"] = gain.mean, gain.half_width
            row["verdict"] = None if condition == baseline else verdict(gain)
    return Result(EXPERIMENT, TemperatureSettings(), Measured(rows, accuracy), 0.0)


def temperature_result(temperatures: list[float], hard: float, *means: float) -> AnyResult:
    return result({"temperature": [None, *temperatures]}, accuracies(hard, *means), 0)


@pytest.mark.parametrize(
    ("means", "position"),
    [
        ((0.9, 0.8, 0.7), "low"),
        ((0.7, 0.9, 0.8), "inside"),
        ((0.7, 0.8, 0.9), "high"),
        ((0.9, 0.7, 0.9), "alike"),
        ((0.9, 0.9, 0.7), "low"),
    ],
)
def test_where_the_best_lies_is_read_off_the_means(means: tuple[float, ...], position: str) -> None:
    assert position_of_best(accuracies(*means)) == position


def test_what_noise_hides_is_alike() -> None:
    assert position_of_best(accuracies(0.80, 0.81, 0.80, noise=0.1)) == "alike"


@pytest.mark.parametrize(
    ("hard", "means", "pattern"),
    [
        (0.7, (0.75, 0.8, 0.9), "high"),
        (0.7, (0.75, 0.9, 0.8), "inside"),
        (0.7, (0.9, 0.8, 0.75), "low"),
        (0.7, (0.9, 0.8, 0.9), "alike"),
        (0.9, (0.8, 0.7, 0.6), "hurts"),
        (0.9, (0.9, 0.9, 0.7), "hurts"),
        (0.9, (0.9, 0.9, 0.9), "nothing"),
    ],
)
def test_the_pattern_over_temperature(hard: float, means: tuple[float, ...], pattern: str) -> None:
    assert temperature_pattern(temperature_result([1, 4, 20], hard, *means)) == pattern


@pytest.mark.parametrize(
    ("hard", "means", "said"),
    [
        (0.7, (0.75, 0.9, 0.8), "supported"),
        (0.7, (0.75, 0.8, 0.9), "contradicted"),
        (0.7, (0.75, 0.9, 0.9), "undecided"),
        (0.9, (0.9, 0.9, 0.9), "contradicted"),
        (0.9, (0.7, 0.8, 0.7), "contradicted"),
    ],
)
def test_the_sweet_spot_is_judged_by_the_run(
    hard: float, means: tuple[float, ...], said: str
) -> None:
    assert sweet_spot_is_3_to_5(temperature_result([1, 4, 20], hard, *means)) == said


def test_a_sweet_spot_that_was_not_tried_is_undecided() -> None:
    assert sweet_spot_is_3_to_5(temperature_result([1, 10, 20], 0.7, 0.75, 0.9, 0.8)) == "undecided"


def test_the_best_temperatures_are_all_that_cannot_be_told_apart() -> None:
    run = temperature_result([1, 4, 20], 0.7, 0.75, 0.9, 0.9)
    best, alike = best_temperatures(run)
    assert best in (4, 20)
    assert alike == (4, 20)


def teacher_result(hard: float, *means: float) -> AnyResult:
    with_baseline = accuracies(hard, *means)
    sizes = [100, 1_000, 10_000][: len(means)]
    run = result({"teacher_parameters": sizes}, with_baseline[:, 1:], None)
    for condition, row in enumerate(run.rows):
        gain = paired_difference(with_baseline[:, 1 + condition], with_baseline[:, 0])
        row["verdict"] = verdict(gain)
    return run


@pytest.mark.parametrize(
    ("means", "pattern", "said"),
    [
        ((0.8, 0.9, 0.85), "inside", "supported"),
        ((0.9, 0.85, 0.8), "low", "supported"),
        ((0.8, 0.85, 0.9), "high", "contradicted"),
        ((0.8, 0.9, 0.9), "high", "undecided"),
        ((0.9, 0.8, 0.9), "alike", "undecided"),
    ],
)
def test_the_largest_teacher_is_judged_by_its_student(
    means: tuple[float, ...], pattern: str, said: str
) -> None:
    run = teacher_result(0.7, *means)
    assert teacher_size_pattern(run) == pattern
    assert bigger_is_not_always_better(run) == said


def test_teachers_that_do_not_help_have_no_best() -> None:
    assert teacher_size_pattern(teacher_result(0.9, 0.9, 0.9, 0.9)) == "nothing"
    assert teacher_size_pattern(teacher_result(0.9, 0.8, 0.9, 0.9)) == "hurts"


@pytest.mark.parametrize(
    ("direct", "detour", "said"),
    [(0.8, 0.9, "supported"), (0.9, 0.8, "contradicted"), (0.8, 0.8, "undecided")],
)
def test_the_assistant_is_judged_against_the_direct_route(
    direct: float, detour: float, said: str
) -> None:
    routes = {"route": ["hard", "direct", "via-assistant"]}
    assert assistant(result(routes, accuracies(0.7, direct, detour), 1)).verdict == said


@pytest.mark.parametrize(
    ("means", "said"),
    [
        ((0.8, 0.9, 0.85), "supported"),
        ((0.9, 0.85, 0.8), "contradicted"),
        ((0.8, 0.85, 0.9), "contradicted"),
        ((0.8, 0.9, 0.9), "undecided"),
        ((0.9, 0.8, 0.9), "contradicted"),
    ],
)
def test_a_balance_is_judged_against_both_ends(means: tuple[float, ...], said: str) -> None:
    alphas = {"alpha": [0.0, 0.5, 1.0]}
    assert balance_beats_either(result(alphas, accuracies(*means), None)) == said


@pytest.mark.parametrize(
    ("means", "best"),
    [
        ((0.9, 0.8, 0.7, 0.7), "response"),
        ((0.7, 0.8, 0.9, 0.7), "self"),
        ((0.9, 0.9, 0.7, 0.7), "alike"),
        ((0.6, 0.6, 0.6, 0.5), "nothing"),
    ],
)
def test_the_best_way_to_teach(means: tuple[float, ...], best: str) -> None:
    names = ["hard", "response", "feature", "self", "online", "dkd"]
    run = result({"variant": names}, accuracies(0.6, *means, 0.99), 0)
    assert best_way_to_teach(run) == best


def test_how_often_a_row_was_best_is_put_into_words() -> None:
    words = [how_often_best(count, 20) for count in (20, 18, 11, 10, 0.5, 0)]
    assert words == ["always", "always", "mostly", "sometimes", "sometimes", "never"]


def test_chance_is_inside_above_or_below() -> None:
    intervals = (Interval(0.12, 0.01, 20), Interval(0.105, 0.01, 20), Interval(0.08, 0.01, 20))
    assert [against_chance(each, 0.1) for each in intervals] == ["above", "chance", "below"]


# -------------------------------------------------------------- smaller, faster, how good?


def size_result(
    *means: tuple[float, float], teacher: float = 1.0, noise: float = 0.001, largest: float = 0.5
) -> AnyResult:
    """A run whose students, each hard and distilled, have these means and sizes that halve.

    ``largest`` is the largest student's share of the teacher's parameters; it comes last.
    """
    accuracy = accuracies(*(mean for pair in means for mean in pair), noise=noise)
    rows = []
    for condition, own in enumerate(accuracy.unbind(1)):
        hard = accuracy[:, condition - condition % 2]
        kept = mean_interval(own / teacher)
        halvings = len(means) - 1 - condition // 2
        rows.append(
            {
                "student_width": 8 * 2 ** (condition // 2),
                "label_type": "distilled" if condition % 2 else "hard",
                "parameters": 100 * 2 ** (condition // 2),
                "share_of_teacher": largest / 2**halvings,
                "verdict": verdict(paired_difference(own, hard)) if condition % 2 else None,
                "quality_kept": kept.mean,
                "quality_kept_ci": kept.half_width,
            }
        )
    return Result(EXPERIMENT, TemperatureSettings(), Measured(rows, accuracy), 0.0)


@pytest.mark.parametrize(
    ("means", "times", "said"),
    [
        # hard, distilled; from the smallest to the largest
        (((0.5, 0.5), (0.6, 0.8), (0.8, 0.9)), 2, "little"),
        (((0.5, 0.8), (0.6, 0.8), (0.8, 0.9)), 4, "some"),
        (((0.5, 0.9), (0.6, 0.9), (0.7, 0.9), (0.8, 0.9)), 8, "much"),
        (((0.5, 0.5), (0.6, 0.6), (0.8, 0.9)), 1, "not"),
        # The hard-label student of half the size is as good: that is no merit of distilling.
        (((0.5, 0.5), (0.8, 0.8), (0.8, 0.8)), 1, "not"),
        (((0.5, 0.5), (0.8, 0.7), (0.8, 0.8)), 0.5, "not"),
        (((0.5, 0.5), (0.6, 0.6), (0.8, 0.7)), None, "not"),
        # Nor does it matter that the best is not the largest.
        (((0.5, 0.8), (0.8, 0.8), (0.6, 0.9)), 2, "little"),
    ],
)
def test_how_much_smaller_a_distilled_student_can_be(
    means: tuple[tuple[float, float], ...], times: float | None, said: str
) -> None:
    same = same_accuracy(size_result(*means))
    assert same.times_smaller == times
    assert same.outcome == {None: "none", 0.5: "larger", 1: "same"}.get(times, "smaller")
    assert how_much_smaller(same) == said
    if same.smallest_distilled is not None:
        assert same.difference is not None
        assert verdict(same.difference) != "hurts"
        assert same.smallest_distilled["label_type"] == "distilled"
    assert same.best_hard["label_type"] == same.smallest_hard["label_type"] == "hard"


def test_the_difference_is_paired_with_the_best_hard_label_student() -> None:
    run = size_result((0.5, 0.5), (0.6, 0.85), (0.8, 0.9))
    same = same_accuracy(run)
    assert same.best_hard is run.rows[4]
    assert same.smallest_distilled is run.rows[3]
    assert same.difference == paired_difference(run.accuracy[:, 3], run.accuracy[:, 4])


@pytest.mark.parametrize(
    ("means", "said"),
    [
        # One student keeps enough and gains.
        (((0.5, 0.5), (0.95, 1.1)), "supported"),
        (((0.9, 1.1), (0.5, 0.5)), "supported"),
        # All keep too little, however much distilling helps.
        (((0.5, 0.6), (0.6, 0.8)), "contradicted"),
        # Distilling hurts where most is kept.
        (((0.5, 0.5), (1.2, 1.1)), "contradicted"),
        # Most is kept, and on hard labels as well.
        (((0.5, 0.5), (1.1, 1.1)), "contradicted"),
        # The interval of what is kept includes the threshold.
        (((0.5, 0.5), (0.9, 0.95)), "undecided"),
        (((0.5, 0.5), (0.95, 0.95)), "undecided"),
    ],
)
def test_most_of_the_quality_for_a_fraction_is_judged_with_intervals(
    means: tuple[tuple[float, float], ...], said: str
) -> None:
    assert most_quality_for_a_fraction(size_result(*means)) == said


def test_a_student_larger_than_half_of_its_teacher_is_no_fraction() -> None:
    means = ((0.5, 0.6), (0.95, 1.1))
    assert most_quality_for_a_fraction(size_result(*means, largest=0.5)) == "supported"
    assert most_quality_for_a_fraction(size_result(*means, largest=0.6)) == "contradicted"
    assert most_quality_for_a_fraction(size_result(*means, largest=2.0)) == "undecided"


def test_quality_is_kept_in_relation_to_the_teacher() -> None:
    means = ((0.5, 0.6), (0.7, 0.85))
    assert most_quality_for_a_fraction(size_result(*means, teacher=0.8)) == "supported"
    assert most_quality_for_a_fraction(size_result(*means, teacher=1.0)) == "contradicted"


def test_a_gain_that_noise_hides_does_not_support_the_claim() -> None:
    assert most_quality_for_a_fraction(size_result((0.9, 1.1), noise=0.5)) == "undecided"
