"""Verdicts on claims follow from paired comparisons, in every direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from kdcore.claims import position_of_best
from kdcore.experiments.balance import balance_beats_either
from kdcore.experiments.controls import (
    controls_pattern,
    similarity,
    soft_labels_carry_similarity,
)
from kdcore.experiments.faults import against_chance, how_often_best
from kdcore.experiments.patience import EXPERIMENT as PATIENCE
from kdcore.experiments.patience import (
    MeasuredPatience,
    PatienceSettings,
    patience_pattern,
    patient_student,
)
from kdcore.experiments.progressive import assistant
from kdcore.experiments.result import AnyResult, Measured, Result, mark_together
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
    why_open,
)
from kdcore.experiments.unseen_class import MeasuredUnseen, unseen
from kdcore.experiments.variants import best_way_to_teach
from kdcore.statistics import (
    Interval,
    lower_but_not_told_apart,
    mean_interval,
    paired_difference,
    told_apart,
    verdict,
)
from pages.common.lesson import gains_by_verdict, why_lower_is_alike
from pages.common.words import words

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
    return Result(EXPERIMENT, TemperatureSettings(seeds=SEEDS), Measured(rows, accuracy), 0.0)


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
        (0.7, (0.9, 0.8, 0.75), "contradicted"),
        (0.7, (0.75, 0.9, 0.9), "undecided"),
        (0.7, (0.9, 0.9, 0.75), "undecided"),
        # That nothing helps, or all hurts, says nothing of the spot.
        (0.9, (0.9, 0.9, 0.9), "undecided"),
        (0.9, (0.7, 0.8, 0.7), "undecided"),
        (0.9, (0.8, 0.7, 0.7), "undecided"),
    ],
)
def test_the_sweet_spot_is_judged_by_the_run(
    hard: float, means: tuple[float, ...], said: str
) -> None:
    assert sweet_spot_is_3_to_5(temperature_result([1, 4, 20], hard, *means)) == said


def test_a_sweet_spot_that_was_not_tried_is_undecided() -> None:
    assert sweet_spot_is_3_to_5(temperature_result([1, 10, 20], 0.7, 0.75, 0.9, 0.8)) == "undecided"


def test_a_best_temperature_outside_supports_no_sweet_spot_however_alike_those_inside_are() -> None:
    # As with a teacher [64], a student of 64 units and 300 labels: 10 is best, 3 and 5 as good.
    run = temperature_result([1, 3, 5, 10, 20], 0.7, 0.75, 0.9, 0.9, 0.9, 0.8)
    means = run.accuracy.mean(dim=0)
    run.accuracy.add_(torch.tensor([0.7, 0.75, 0.8999, 0.8999, 0.9, 0.8]) - means)
    best, alike = best_temperatures(run)
    assert best == 10
    assert alike == (3, 5, 10)
    assert sweet_spot_is_3_to_5(run) == "undecided"


def test_a_best_temperature_inside_is_no_sweet_spot_while_one_outside_may_be_as_good() -> None:
    run = temperature_result([1, 4, 20], 0.7, 0.75, 0.9, 0.9)
    run.accuracy[:, 2] += run.accuracy[:, 3].mean() - run.accuracy[:, 2].mean() + 1e-4
    assert best_temperatures(run) == (4, (4, 20))
    assert sweet_spot_is_3_to_5(run) == "undecided"


@pytest.mark.parametrize("temperatures", [[3, 4, 20], [1, 4, 5]])
def test_a_sweet_spot_needs_both_sides_to_be_tried(temperatures: list[float]) -> None:
    means = [0.9 if T == 4 else 0.8 for T in temperatures]
    assert sweet_spot_is_3_to_5(temperature_result(temperatures, 0.7, *means)) == "undecided"


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
        # As good as any, give or take less than a point, and better than one of them.
        ((0.8, 0.9, 0.9), "high", "contradicted"),
        ((0.9, 0.8, 0.9), "alike", "contradicted"),
        # A hair behind, and not told apart from the best.
        ((0.8, 0.9005, 0.9), "high", "contradicted"),
        ((0.9, 0.9, 0.9), "alike", "undecided"),
        # A smaller teacher that has a better student is enough, whatever the others do.
        ((0.7, 0.92, 0.9), "inside", "supported"),
    ],
)
def test_the_largest_teacher_is_judged_by_its_student(
    means: tuple[float, ...], pattern: str, said: str
) -> None:
    run = teacher_result(0.7, *means)
    assert teacher_size_pattern(run) == pattern
    assert bigger_is_not_always_better(run) == said


def test_a_largest_teacher_that_may_be_worse_by_a_point_is_undecided() -> None:
    run = teacher_result(0.5, 0.6, 0.9, 0.9)
    noisy = run.accuracy[:, 1] + 0.02 * torch.tensor([1.0, -1.0] * (SEEDS // 2))
    run.accuracy[:, 1] = noisy
    assert bigger_is_not_always_better(run) == "undecided"


def test_teachers_that_do_not_help_have_no_best() -> None:
    assert teacher_size_pattern(teacher_result(0.9, 0.9, 0.9, 0.9)) == "nothing"
    assert teacher_size_pattern(teacher_result(0.9, 0.8, 0.9, 0.9)) == "hurts"


@pytest.mark.parametrize(
    ("direct", "detour", "small", "said"),
    [
        (0.8, 0.9, 0.7, "supported"),
        (0.9, 0.8, 0.7, "contradicted"),
        (0.8, 0.8, 0.7, "undecided"),
        # Better than direct, and a small teacher without the large one does better still.
        (0.8, 0.85, 0.9, "contradicted"),
        (0.8, 0.9, 0.9, "undecided"),
    ],
)
def test_the_assistant_is_judged_against_the_direct_route_and_a_small_teacher(
    direct: float, detour: float, small: float, said: str
) -> None:
    routes = {"route": ["hard", "direct", "via-assistant", "small-teacher"]}
    run = result(routes, accuracies(0.7, direct, detour, small), 1)
    judged = assistant(run)
    assert judged.verdict == said
    nearest = 3 if small > direct else 1
    assert judged.figure == paired_difference(run.accuracy[:, 2], run.accuracy[:, nearest])


def controls_result(hard: float, soft: float, smoothed: float, shuffled: float) -> AnyResult:
    names = {"targets": ["hard", "soft", "smoothed", "shuffled"]}
    return result(names, accuracies(hard, soft, smoothed, shuffled), 0)


@pytest.mark.parametrize(
    ("means", "pattern", "said"),
    [
        # hard, soft, smoothed, shuffled
        ((0.7, 0.9, 0.8, 0.8), "order", "supported"),
        ((0.7, 0.9, 0.9, 0.8), "softness", "undecided"),
        ((0.7, 0.9, 0.8, 0.9), "any", "undecided"),
        # Soft labels carry similarity also where it is no longer needed.
        ((0.9, 0.9, 0.8, 0.8), "nothing", "supported"),
        ((0.95, 0.9, 0.8, 0.8), "hard-wins", "supported"),
        ((0.7, 0.8, 0.9, 0.7), "smoothed-wins", "contradicted"),
        ((0.7, 0.8, 0.7, 0.9), "shuffled-wins", "contradicted"),
        ((0.95, 0.8, 0.9, 0.9), "shuffled-wins", "contradicted"),
    ],
)
def test_similarity_is_judged_by_the_impostors_and_the_pattern_names_who_wins(
    means: tuple[float, float, float, float], pattern: str, said: str
) -> None:
    run = controls_result(*means)
    assert controls_pattern(run) == pattern
    assert soft_labels_carry_similarity(run) == said
    judged = similarity(run)
    nearest = judged.said["other"]
    assert nearest == ("smoothed" if means[2] > means[3] else nearest)
    assert nearest != "hard"
    assert judged.gain == paired_difference(run.accuracy[:, 1], run.accuracy[:, 0])


def unseen_result(hard: float, *soft: float, noise: float = 0.001) -> AnyResult:
    recall = accuracies(hard, *soft, noise=noise)
    return Result(
        EXPERIMENT,
        TemperatureSettings(),
        MeasuredUnseen([{}] * recall.shape[1], recall=recall),
        0.0,
    )


@pytest.mark.parametrize(
    ("recall", "said"),
    [
        ((0.0, 0.0, 0.8), "supported"),
        ((0.0, 0.0, 0.0), "contradicted"),
        ((0.8, 0.8, 0.8), "undecided"),  # above chance, and no more than on hard labels
        ((0.1, 0.1, 0.1), "undecided"),
    ],
)
def test_a_class_never_seen_is_judged_against_chance_and_hard_labels(
    recall: tuple[float, ...], said: str
) -> None:
    assert unseen(unseen_result(*recall)).verdict == said


def test_one_temperature_below_chance_does_not_contradict_for_all() -> None:
    assert unseen(unseen_result(0.3, 0.02, 0.2)).verdict == "undecided"


def test_recall_is_above_chance_and_above_hard_labels_at_one_and_the_same_temperature() -> None:
    run = unseen_result(0.09, 0.12, 0.1)
    hard, first, second = run.measured.recall.unbind(1)
    first.copy_(0.12 + 0.001 * torch.arange(SEEDS))  # surely above chance
    hard.copy_(0.09 + 0.1 * torch.tensor([1.0, -0.8] * (SEEDS // 2)))
    second.copy_(hard + 0.01 + 0.001 * torch.arange(SEEDS))  # surely above hard labels
    assert unseen(run).verdict == "undecided"


@pytest.mark.parametrize("draw", range(150))
def test_claims_and_outcomes_say_what_the_tables_beside_them_say(draw: int) -> None:
    """Where little differs, so that whether it is told apart is a matter of the rule."""
    chance = torch.Generator().manual_seed(draw)
    table = 0.8 + 0.01 * torch.randn(SEEDS, 4, generator=chance)
    table += 0.012 * torch.randn(4, generator=chance)

    targets = result({"targets": ["hard", "soft", "smoothed", "shuffled"]}, table, 0)
    mark_together(targets.rows, SEEDS)
    said, outcome = similarity(targets).verdict, controls_pattern(targets)
    assert (said == "contradicted") is (outcome in ("smoothed-wins", "shuffled-wins"))
    if outcome in ("any", "softness", "order"):
        assert said == ("supported" if outcome == "order" else "undecided")
        assert targets.rows[1]["verdict"] == "helps"
    if outcome == "nothing":
        assert targets.rows[1]["verdict"] == "no clear difference"

    routes = result({"route": ["hard", "direct", "via-assistant", "small-teacher"]}, table, 1)
    mark_together(routes.rows[2:], SEEDS)
    judged, over_direct = assistant(routes), routes.rows[2]["verdict"]
    if judged.verdict == "supported":
        assert over_direct == "helps"
    if judged.verdict == "contradicted" and judged.said["other"] == "direct":
        assert over_direct == "hurts"

    sizes = result({"teacher_parameters": [1, 2, 3, 4]}, table, None)
    if bigger_is_not_always_better(sizes) == "contradicted":
        assert told_apart(table)[3].any()


def patience_result(shortest: float, longest: float, noise: float = 0.001) -> AnyResult:
    """A run whose temperature teaches better than the lower one by so much, short and long."""
    hard, short, long, low = accuracies(0.7, 0.8 + shortest, 0.8 + longest, 0.8, noise=noise).T
    own = torch.stack([hard, short, hard, long, hard, long], dim=1)
    rows = [{"gain": 0.1, "gain_ci": 0.01}] * 6
    measured = MeasuredPatience(rows, own, low_accuracy=low[:, None].expand(-1, 3))
    return Result(PATIENCE, PatienceSettings(seeds=SEEDS), measured, 0.0)


@pytest.mark.parametrize(
    ("shortest", "longest", "noise", "said"),
    [
        (-0.05, 0.05, 0.001, "supported"),
        (-0.05, 0.0, 0.001, "supported"),  # as good, give or take less than a point
        (-0.05, -0.005, 0.001, "supported"),
        (-0.05, -0.02, 0.001, "contradicted"),  # two points are more than that
        (-0.05, -0.05, 0.001, "contradicted"),
        (0.05, -0.05, 0.001, "contradicted"),  # it is the longest training that counts
        (0.0, 0.0, 0.05, "undecided"),  # not told apart is not as good
    ],
)
def test_patience_is_judged_after_the_longest_training(
    shortest: float, longest: float, noise: float, said: str
) -> None:
    run = patience_result(shortest, longest, noise)
    judged = patient_student(run)
    assert judged.verdict == said
    assert judged.figure == paired_difference(run.accuracy[:, 5], run.measured.low_accuracy[:, 2])


@pytest.mark.parametrize(
    ("gains", "pattern"),
    [
        ((0.1, 0.0, 0.1), "always"),
        ((0.0, 0.0, 0.1), "turns"),
        ((-0.1, 0.1, 0.1), "turns"),
        ((0.1, 0.1, 0.0), "fades"),
        ((0.0, 0.1, 0.0), "never"),
        ((-0.1, 0.1, -0.1), "never"),
    ],
)
def test_the_pattern_over_patience_is_that_of_the_first_and_the_last_length(
    gains: tuple[float, ...], pattern: str
) -> None:
    rows = []
    for samples, gain in enumerate(gains):
        run = result({"label_type": ["hard", "soft"]}, accuracies(0.8, 0.8 + gain), 0)
        rows += [row | {"student_samples": samples} for row in run.rows]
    measured = MeasuredPatience(rows, accuracies(0.8), low_accuracy=accuracies(0.8))
    assert patience_pattern(Result(PATIENCE, PatienceSettings(), measured, 0.0)) == pattern


def test_a_mean_within_the_margin_is_no_patience_where_the_interval_is_not() -> None:
    run = patience_result(0.0, 0.0, noise=0.05)
    run.accuracy[:, 5] -= (run.accuracy[:, 5] - run.measured.low_accuracy[:, 2]).mean()
    assert abs(patient_student(run).figure.mean) < 1e-6
    assert patient_student(run).verdict == "undecided"


@pytest.mark.parametrize("low", [10.0, 20.0])
def test_patience_is_undecided_where_the_temperature_is_not_above_the_lower_one(low: float) -> None:
    run = patience_result(0.05, 0.05)
    assert run.settings.temperature == 10
    other = replace(run, settings=replace(run.settings, low_temperature=low))
    assert (patient_student(run).verdict, patient_student(other).verdict) == (
        "supported",
        "undecided",
    )


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
    "alphas",
    [
        [0.0, 1.0],  # no mixture was tried: none is worse
        [0.5, 0.8, 1.0],  # nor is an end worse that was not tried
    ],
)
def test_a_balance_is_not_judged_by_what_was_not_tried(alphas: list[float]) -> None:
    means = [0.9 if alpha == alphas[-2] else 0.8 for alpha in alphas]
    assert balance_beats_either(result({"alpha": alphas}, accuracies(*means), None)) == "undecided"


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
    return Result(EXPERIMENT, TemperatureSettings(seeds=SEEDS), Measured(rows, accuracy), 0.0)


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
        # Less than a point behind is as good, for either kind, though every seed says "behind".
        (((0.5, 0.5), (0.6, 0.795), (0.8, 0.9)), 2, "little"),
        (((0.5, 0.5), (0.795, 0.9), (0.8, 0.9)), 1, "not"),
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
        assert same.as_good
        assert same.smallest_distilled["label_type"] == "distilled"
    assert same.best_hard["label_type"] == same.smallest_hard["label_type"] == "hard"


def test_the_difference_is_paired_with_the_best_hard_label_student() -> None:
    run = size_result((0.5, 0.5), (0.6, 0.85), (0.8, 0.9))
    same = same_accuracy(run)
    assert same.best_hard is run.rows[4]
    assert same.smallest_distilled is run.rows[3]
    assert same.difference == paired_difference(run.accuracy[:, 3], run.accuracy[:, 4])


def test_how_much_smaller_is_open_where_the_interval_reaches_over_several_answers() -> None:
    same = same_accuracy(size_result((0.5, 0.77), (0.6, 0.79), (0.8, 0.9), noise=0.02))
    assert same.times.low <= 2 < 4 <= same.times.high
    assert how_much_smaller(same) == "open"
    assert same == same_accuracy(size_result((0.5, 0.77), (0.6, 0.79), (0.8, 0.9), noise=0.02))


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


# ---------------------------------------------------------------- the verdicts of a whole table


def gain_row(gain: float | None, half_width: float | None, prefix: str = "") -> dict[str, Any]:
    alone = None if gain is None or half_width is None else verdict(Interval(gain, half_width, 10))
    return {f"{prefix}gain": gain, f"{prefix}gain_ci": half_width, f"{prefix}verdict": alone}


def test_a_run_gives_its_table_the_verdicts_that_its_rows_have_together() -> None:
    measured = Measured([gain_row(None, None), gain_row(0.011, 0.01), gain_row(0.0, 0.01)])
    experiment = replace(EXPERIMENT, function=lambda settings, monitor: measured)
    assert measured.rows[1]["verdict"] == "helps"
    rows = experiment.run(TemperatureSettings(seeds=10)).rows
    assert [row["verdict"] for row in rows] == [None, *["no clear difference"] * 2]
    # The figures are still those of each row alone.
    assert (rows[1]["gain"], rows[1]["gain_ci"]) == (0.011, 0.01)


def test_all_verdicts_of_a_table_are_one_family() -> None:
    alone = [gain_row(0.011, 0.01)]
    mark_together(alone, seeds=10)
    assert alone[0]["verdict"] == "helps"
    both = [gain_row(0.011, 0.01) | gain_row(-0.05, 0.01, "ensemble_")]
    both += [gain_row(0.0, 0.01) | gain_row(None, None, "ensemble_")]
    mark_together(both, seeds=10)
    assert both[0]["ensemble_verdict"] == "hurts"
    assert both[0]["verdict"] == both[1]["verdict"] == "no clear difference"
    assert both[1]["ensemble_verdict"] is None


# --------------------------------------------------------------- what looks like a mistake


def test_a_lower_condition_that_is_not_told_apart_is_the_one_that_varies_more() -> None:
    steady = accuracies(0.90, 0.89, 0.70)
    assert lower_but_not_told_apart(steady) is None
    unsteady = steady.clone()
    unsteady[:, 2] = steady[:, 0] - 0.03 + 0.06 * torch.tensor([1.0, -1.0] * (SEEDS // 2))
    assert lower_but_not_told_apart(unsteady) == (2, 1)
    said = why_lower_is_alike(unsteady, ["best", "near", "unsteady"])
    assert "*unsteady* lies below *near*" in said
    assert why_lower_is_alike(steady, ["best", "near", "far"]) == ""


@pytest.mark.parametrize(
    ("temperatures", "hard", "means", "why"),
    [
        ([1, 4, 20], 0.9, (0.9, 0.9, 0.9), "no-help"),
        ([1, 10, 20], 0.7, (0.75, 0.9, 0.8), "not-tried"),
        ([1, 2, 4], 0.7, (0.75, 0.8, 0.9), "one-side"),
        ([1, 4, 20], 0.7, (0.75, 0.9, 0.9), "alike"),
    ],
)
def test_an_open_sweet_spot_has_one_reason(
    temperatures: list[float], hard: float, means: tuple[float, ...], why: str
) -> None:
    run = temperature_result(temperatures, hard, *means)
    assert sweet_spot_is_3_to_5(run) == "undecided"
    assert why_open(run) == why
    assert why in words("temperature")["why_open"]


def test_the_gains_of_a_table_are_said_by_their_verdicts() -> None:
    rows = [
        {"gain": 0.002, "gain_ci": 0.001, "verdict": "helps"},
        {"gain": -0.01, "gain_ci": 0.012, "verdict": "no clear difference"},
    ]
    said = gains_by_verdict(rows, ["T = 1", "T = 2"])
    assert "**helps** at T = 1 (+0.2 ± 0.1)" in said
    assert "**no clear difference** at T = 2" in said
    assert "hurts" not in said
