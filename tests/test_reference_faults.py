"""Each fault of the reference run can be seen."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdcore.reference import faults
from kdcore.reference.faults import (
    Reruns,
    furthest_apart,
    memorise,
    rerun,
    times_best,
    wilson_interval,
)
from kdcore.reference.run import (
    CHANCE,
    EXAMPLES,
    Network,
    draw_examples,
    draw_network,
    run_table,
    softmax,
)
from kdcore.reference.tables import PUBLISHED, TABLES, Table, published_best
from kdcore.words import words

SEEDS = range(12)
HELD_OUT = 2_000


@lru_cache
def of_table(table: Table) -> Reruns:
    return rerun(table, SEEDS, HELD_OUT)


@pytest.fixture(params=TABLES)
def reruns(request: pytest.FixtureRequest) -> Reruns:
    return of_table(request.param)


# ------------------------------------------------- faults 1 and 2: held-out data, other seeds


def test_on_held_out_data_students_and_teachers_are_at_chance(reruns: Reruns) -> None:
    # The rows of a seed share their held-out data: count these once, not once per row.
    for held_out in (reruns.student_held_out_accuracy, reruns.teacher_held_out_accuracy):
        low, high = wilson_interval(float(held_out.mean()), len(SEEDS) * HELD_OUT)
        assert low <= CHANCE <= high


def test_on_their_training_data_students_and_teachers_seem_to_have_learned(
    reruns: Reruns,
) -> None:
    for on_training_data in (reruns.student_accuracy, reruns.teacher_accuracy):
        low, _ = wilson_interval(float(on_training_data.mean()), len(SEEDS) * EXAMPLES)
        assert low > CHANCE


def test_other_seeds_find_other_settings_to_be_best(reruns: Reruns) -> None:
    wins = times_best(reruns.student_accuracy)
    assert wins.sum() == pytest.approx(len(SEEDS))
    assert np.count_nonzero(wins >= 1) >= 3


@pytest.mark.parametrize("table", ["temperature", "teacher-size"])
def test_the_published_best_setting_loses_with_most_seeds(table: Table) -> None:
    published = [row.student_accuracy for row in PUBLISHED[table]]
    wins = times_best(of_table(table).student_accuracy)
    assert wins[int(np.argmax(published))] < len(SEEDS) / 2


def test_a_rerun_with_seed_42_is_the_published_run() -> None:
    again = rerun("teacher-size", [42, 1])
    published = PUBLISHED["teacher-size"]
    assert again.settings == tuple(row.setting for row in published)
    assert again.student_accuracy[0].tolist() == [row.student_accuracy for row in published]
    assert again.teacher_accuracy[0].tolist() == [row.teacher_accuracy for row in published]
    measured = run_table("teacher-size")
    assert again.student_held_out_accuracy[0].tolist() == [
        row.student_held_out_accuracy for row in measured
    ]
    assert again.teacher_held_out_accuracy[0].tolist() == [
        row.teacher_held_out_accuracy for row in measured
    ]
    assert again.student_accuracy[1].tolist() != again.student_accuracy[0].tolist()


def test_settings_that_tie_for_best_share_the_win() -> None:
    wins = times_best(np.array([[0.1, 0.2, 0.2], [0.3, 0.1, 0.1]]))
    assert wins.tolist() == [1.0, 0.5, 0.5]


# -------------------------------------------------------------------- fault 3: memorising


def test_training_all_layers_memorises_random_labels_and_learns_nothing() -> None:
    curve = memorise(steps=400, held_out_examples=5_000).curve
    assert curve[0].training_accuracy < 0.15
    assert curve[-1].training_accuracy > 0.99
    for point in (curve[0], curve[-1]):
        low, high = wilson_interval(point.held_out_accuracy, 5_000)
        assert low <= CHANCE <= high


def test_memorising_starts_from_the_data_and_weights_of_the_published_teacher() -> None:
    initial = run_table("temperature")[0].teacher_layers
    for start, change in zip(initial, memorise(steps=1).layers, strict=True):
        assert change.initial_norm == start.initial_norm


def test_the_curve_has_its_start_each_recorded_step_and_its_end() -> None:
    curve = memorise(hidden=(8,), steps=25, record_every=10).curve
    assert [point.step for point in curve] == [0, 10, 20, 25]


def test_backpropagation_follows_the_numerical_gradient_in_every_layer() -> None:
    random = np.random.RandomState(0)
    examples, network = draw_examples(random, 20), draw_network(random, (6, 5))
    onehot = np.eye(10)[examples.labels]

    def loss(weights: tuple[np.ndarray, ...], biases: tuple[np.ndarray, ...]) -> float:
        probabilities = softmax(Network(weights, biases).logits(examples.inputs))
        return float(-np.log((probabilities * onehot).sum(axis=1)).mean())

    received = network.activations(examples.inputs)
    probabilities = softmax(network.logits(examples.inputs))
    stepped = faults._descend_all_layers(network, received, (probabilities - onehot) / 20, 1.0)
    for layer, weights in enumerate(network.weights):
        for array, after in (
            (weights, stepped.weights[layer]),
            (network.biases[layer], stepped.biases[layer]),
        ):
            spot = (1, 2) if array.ndim == 2 else (2,)
            step = after[spot] - array[spot]
            original = array[spot]
            array[spot] = original + 1e-6
            above = loss(network.weights, network.biases)
            array[spot] = original - 1e-6
            below = loss(network.weights, network.biases)
            array[spot] = original
            assert step == pytest.approx(-(above - below) / 2e-6, rel=1e-4, abs=1e-8)
            assert step != 0.0


def test_a_diverged_run_is_reported() -> None:
    with pytest.raises(FloatingPointError, match="diverged"):
        memorise(hidden=(256,) * 4, steps=20, rate=1.0, held_out_examples=1)


def test_training_all_layers_moves_every_layer() -> None:
    assert all(layer.change_norm > 0.1 for layer in memorise(hidden=(64, 32), steps=100).layers)


def test_memorising_leaves_the_global_generator_alone() -> None:
    np.random.seed(7)
    memorise(hidden=(8,), steps=1)
    after = np.random.random()
    np.random.seed(7)
    assert after == np.random.random()


# ----------------------------------------------------------------- fault 4: the width of chance


@pytest.mark.parametrize(
    ("right", "examples", "low", "high"),
    [  # as SciPy's binomtest(right, examples).proportion_ci(method="wilson") gives them
        (81, 263, 0.25529, 0.36621),
        (15, 148, 0.06239, 0.16049),
        (0, 20, 0.0, 0.16113),
        (1, 29, 0.00611, 0.17176),
        (5, 5, 0.56552, 1.0),
        (60, 500, 0.09437, 0.15142),
    ],
)
def test_the_binomial_interval_has_its_known_values(
    right: int, examples: int, low: float, high: float
) -> None:
    assert wilson_interval(right / examples, examples) == pytest.approx((low, high), abs=5e-6)


def test_chance_alone_covers_every_published_temperature() -> None:
    accuracies = [row.student_accuracy for row in PUBLISHED["temperature"]]
    for accuracy in accuracies:
        low, high = wilson_interval(accuracy)
        assert low < np.mean(accuracies) < high


def test_the_question_names_the_best_student_of_each_published_table() -> None:
    question = words("reference_run")["predict"]["question"]
    for table in TABLES:
        assert f"({PUBLISHED[table][published_best(table)].student_accuracy:.3f})" in question


def test_intervals_that_do_not_all_overlap_are_named() -> None:
    assert furthest_apart([(0.1, 0.3), (0.2, 0.4), (0.3, 0.5)]) is None
    assert furthest_apart([(0.3, 0.5), (0.1, 0.2), (0.15, 0.4)]) == (1, 0)


@pytest.mark.parametrize(
    ("table", "apart"), [("temperature", None), ("teacher-size", None), ("balance", (0.2, 1.0))]
)
def test_which_published_figures_chance_alone_may_have_set_apart(
    table: Table, apart: tuple[float, float] | None
) -> None:
    rows = PUBLISHED[table]
    found = furthest_apart([wilson_interval(row.student_accuracy) for row in rows])
    assert (found and tuple(rows[i].setting for i in found)) == apart


@given(right=st.integers(0, 500))
def test_the_interval_holds_its_accuracy_and_narrows_with_more_examples(right: int) -> None:
    accuracy = right / 500
    low, high = wilson_interval(accuracy, 500)
    assert 0 <= low <= accuracy <= high <= 1
    wider_low, wider_high = wilson_interval(accuracy, 50)
    assert wider_high - wider_low > high - low


# -------------------------------------------------------------------------------- helpful errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rerun("balance", []), "number of seeds must be a whole number from 1"),
        (lambda: rerun("balance", range(1000)), "number of seeds must be"),
        (lambda: rerun("balance", [1, 1]), "seeds must differ"),
        (lambda: rerun("balance", cast(list[int], [1.5])), "seed must be a whole number"),
        (lambda: rerun("balance", range(50), 20_000), "held_out_examples must be"),
        (lambda: times_best(np.array([0.1, 0.2])), "accuracies must be"),
        (lambda: wilson_interval(1.2, 500), "accuracy must be a fraction"),
        (lambda: wilson_interval(float("nan"), 500), "accuracy must be a fraction"),
        (lambda: wilson_interval(0.1, 0), "examples must be a whole number from 1"),
        (lambda: memorise(hidden=()), "number of hidden layers"),
        (lambda: memorise(hidden=(0,)), "a hidden width"),
        (lambda: memorise(steps=0), "steps must be a whole number"),
        (lambda: memorise(steps=True), "steps must be a whole number"),
        (lambda: memorise(seed=-1), "seed must be"),
        (lambda: memorise(rate=0.0), "rate must be above 0"),
        (lambda: memorise(rate=float("nan")), "rate must be above 0"),
        (lambda: memorise(steps=400, record_every=1), "record_every must be"),
        (lambda: memorise(hidden=(1024, 1024)), "too much work"),
    ],
)
def test_a_setting_out_of_range_is_refused_in_words(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call()
