"""Four ways to teach, compared: what helps, what hurts, and what makes no difference."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from kdcore.command_line import main
from kdcore.data import digits
from kdcore.distillation import accuracy, ensemble
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.feature import (
    FeatureSettings,
    MeasuredHints,
    Projection,
    feature,
    principal_plane,
    turned_like,
)
from kdcore.experiments.online import MeasuredCohorts, OnlineSettings, online
from kdcore.experiments.result import Measured, Row, draw_labels
from kdcore.experiments.self_distillation import (
    MeasuredGenerations,
    SelfSettings,
    self_distillation,
)
from kdcore.experiments.variants import VariantsSettings, variants
from kdcore.methods import METHODS, Hints, Method, Task, hard, hard_label_peers
from kdcore.models import MLPStack
from kdcore.monitor import LearningCurve, Monitor
from kdcore.statistics import mean_interval, paired_difference, verdict
from kdcore.store import clear_all
from kdcore.training import Cancelled
from tests.small import DEAR, only

OUTCOME = ["student_accuracy", "student_accuracy_ci", "gain", "gain_ci", "verdict"]
NAMES = ["variants", "self", "online", "feature"]

#: As small as an experiment can be where only its form matters: 50 steps of 32.
SAMPLES, STEPS = 1_600, 50
SMALL: dict[str, Any] = {
    "labels": 10,
    "student_hidden": (4,),
    "seeds": 2,
    "student_samples": SAMPLES,
}
TINY: dict[str, Any] = {
    "variants": VariantsSettings(teacher_hidden=(4,), **SMALL),
    "self": SelfSettings(generations=2, **SMALL),
    "online": OnlineSettings(peers=(3, 2), **SMALL),
    "feature": FeatureSettings(teacher_hidden=(6, 5), hint_weights=(10, 1), **SMALL),
}


#: Clean labels and a teacher that is soon trained.
FIFTY = VariantsSettings(labels=50, teacher_hidden=(64,), seeds=5)
TAUGHT = ("response", "feature", "dkd")


@pytest.fixture(scope="module")
def fifty() -> Measured:
    with only(*METHODS.keys() - {DEAR}):
        return variants(FIFTY)


@pytest.fixture(scope="module")
def dear() -> Measured:
    with only("hard", DEAR):
        return variants(replace(FIFTY, labels=100, seeds=3, student_samples=6_000))


@pytest.fixture(scope="module")
def noisy() -> Measured:
    with only("hard", *TAUGHT):
        return variants(replace(FIFTY, label_noise=0.3))


@pytest.fixture(scope="module")
def clean() -> MeasuredGenerations:
    return self_distillation(SelfSettings())


@pytest.fixture(scope="module")
def wrong() -> MeasuredGenerations:
    return self_distillation(
        SelfSettings(labels=100, label_noise=0.3, temperature=1, alpha=0, generations=3, seeds=10)
    )


@pytest.fixture(scope="module")
def cohorts() -> MeasuredCohorts:
    return online(OnlineSettings(seeds=10, student_samples=8_000))


@pytest.fixture(scope="module")
def hints() -> MeasuredHints:
    return feature(FeatureSettings(hint_weights=(1.0, 10.0)))


@pytest.fixture(scope="module")
def tiny() -> dict[str, Measured]:
    return {name: EXPERIMENTS[name].function(TINY[name], Monitor()) for name in NAMES}


def by_name(measured: Measured) -> dict[str, Row]:
    return {row["variant"]: row for row in measured.rows}


def accuracies(measured: Measured) -> list[Tensor]:
    """Return the accuracy of each row, ``[S]`` each."""
    assert measured.accuracy is not None
    return list(measured.accuracy.unbind(1))


# ------------------------------------------------------------------------- what there is to be seen


@pytest.mark.parametrize(
    ("labels", "variant"), [*(("fifty", variant) for variant in TAUGHT), ("dear", DEAR)]
)
def test_a_good_teacher_helps_a_student_with_few_labels(
    labels: str, variant: str, request: pytest.FixtureRequest
) -> None:
    row = by_name(request.getfixturevalue(labels))[variant]
    assert row["verdict"] == "helps"
    assert 0.005 < row["gain"] < 0.15


def test_without_a_teacher_nothing_helps_a_student_with_clean_labels(fifty: Measured) -> None:
    rows = by_name(fifty)
    # From a start of its own a generation may lose, or not clearly; it gains nothing.
    assert rows["self"]["verdict"] != "helps"
    assert rows["online"]["verdict"] == "no clear difference"
    assert abs(rows["online"]["gain"]) < 0.01
    # Nor do the same networks without teaching each other do wonders together.
    assert -0.01 < rows["ensemble"]["gain"] < 0.02


def test_wrong_labels_make_a_teacher_worth_more(fifty: Measured, noisy: Measured) -> None:
    wrong, right = by_name(noisy), by_name(fifty)
    for variant in TAUGHT:
        assert wrong[variant]["gain"] > right[variant]["gain"] + 0.02
    assert wrong["hard"]["student_accuracy"] < right["hard"]["student_accuracy"] - 0.1


def test_with_clean_labels_each_generation_is_worse(clean: MeasuredGenerations) -> None:
    assert [row["verdict"] for row in clean.rows] == [None, "hurts", "hurts", "hurts"]
    generations = accuracies(clean)
    for later, earlier in zip(generations[1:], generations, strict=False):
        assert paired_difference(later, earlier).mean < 0
    assert -0.03 < clean.rows[-1]["gain"] < -0.005


def test_all_generations_together_lose_less_than_the_last_alone(
    clean: MeasuredGenerations,
) -> None:
    for row in clean.rows[1:]:
        assert row["gain"] < row["ensemble_gain"] < 0
        assert row["ensemble_accuracy"] == pytest.approx(
            clean.ensemble_accuracy[:, row["generation"]].mean().item()
        )


def test_with_wrong_labels_generations_help(wrong: MeasuredGenerations) -> None:
    assert [row["verdict"] for row in wrong.rows] == [None, "helps", "helps", "helps"]
    assert wrong.rows[1]["gain"] > 0.005
    assert wrong.rows[3]["gain"] > wrong.rows[1]["gain"]


def test_a_student_says_what_the_generation_before_says(clean: MeasuredGenerations) -> None:
    agreements = [row["agreement"] for row in clean.rows[1:]]
    assert all(value > 0.95 for value in agreements)
    assert agreements == sorted(agreements)


def test_with_wrong_labels_peers_help_each_other_a_little(cohorts: MeasuredCohorts) -> None:
    _, two, four = cohorts.rows
    assert four["verdict"] == "helps"
    for row in (two, four):
        assert 0 < row["gain"] < 0.01


def test_a_cohort_together_is_no_better_than_the_plain_ensemble(cohorts: MeasuredCohorts) -> None:
    for row in cohorts.rows[1:]:
        assert abs(row["ensemble_gain"]) < 0.005


def test_peers_agree_more_than_networks_alone(cohorts: MeasuredCohorts) -> None:
    for cohort, alone in zip(cohorts.cohorts, cohorts.alone, strict=True):
        together, apart = cohort.agreement.y[-1], alone.agreement.y[-1]
        assert together.mean > apart.mean + 0.01
    assert cohorts.cohorts[0].agreement.y[0].mean < cohorts.cohorts[0].agreement.y[-1].mean


def test_clean_labels_leave_peers_little_to_teach() -> None:
    for row in online(OnlineSettings(label_noise=0, peers=(4,), seeds=8)).rows[1:]:
        assert abs(row["gain"]) + row["gain_ci"] < 0.005


def test_how_well_a_hint_was_learned_is_measured_on_images_that_nobody_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Tensor] = []
    match = Hints.match

    def heard(self: Hints, stack: MLPStack, inputs: Tensor) -> Tensor:
        asked.append(inputs)
        return match(self, stack, inputs)

    monkeypatch.setattr(Hints, "match", heard)
    feature(FeatureSettings(labels=20, teacher_hidden=(4,), seeds=2, student_samples=640))
    assert asked
    assert all(torch.equal(inputs, digits().test.inputs) for inputs in asked)


def test_hints_help_and_pull_the_layers_together(hints: MeasuredHints) -> None:
    baseline, *rows = hints.rows
    for row in rows:
        assert row["verdict"] == "helps"
        assert row["match"] - row["match_ci"] > baseline["match"] + baseline["match_ci"]
    assert verdict(paired_difference(accuracies(hints)[2], accuracies(hints)[1])) == "helps"
    for curve in hints.match:
        assert curve.y[0].mean < 0.2
        assert 0.8 < curve.y[-1].mean < 1


def test_the_last_layer_of_a_teacher_is_the_better_hint(hints: MeasuredHints) -> None:
    first_layer = feature(FeatureSettings(hint_weights=(10.0,), hint_layer=1))
    last, first = accuracies(hints)[2], accuracies(first_layer)[1]
    assert torch.equal(accuracies(first_layer)[0], accuracies(hints)[0])
    assert paired_difference(last, first).mean > 0


# --------------------------------------------------------------------------- the form of the tables

COLUMNS = {
    "variants": ["variant", *OUTCOME, "training_steps", "extra_work"],
    "self": [
        "generation",
        *OUTCOME,
        "agreement",
        "ensemble_accuracy",
        "ensemble_accuracy_ci",
        "ensemble_gain",
        "ensemble_gain_ci",
        "ensemble_verdict",
        "training_steps",
    ],
    "online": [
        "peers",
        *OUTCOME,
        "agreement",
        "ensemble_accuracy",
        "ensemble_accuracy_ci",
        "plain_ensemble_accuracy",
        "plain_ensemble_accuracy_ci",
        "ensemble_gain",
        "ensemble_gain_ci",
        "ensemble_verdict",
    ],
    "feature": [
        "hint_weight",
        *OUTCOME,
        "match",
        "match_ci",
        "student_parameters",
        "regressor_parameters",
    ],
}
KEYS = {
    "variants": {"labels", "label_noise", "student_hidden", "temperature", "alpha"},
    "self": {"labels", "label_noise", "generations", "temperature", "alpha", "student_hidden"},
    "online": {"labels", "label_noise", "peers", "student_hidden"},
    "feature": {"labels", "hint_weights", "student_hidden"},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_the_columns_of_the_contract(name: str, tiny: dict[str, Measured]) -> None:
    rows = tiny[name].rows
    for row in rows:
        assert list(row) == COLUMNS[name]
    baseline, *others = rows
    assert [baseline[column] for column in ("gain", "gain_ci", "verdict")] == [None] * 3
    for row in others:
        assert row["gain"] == pytest.approx(row["student_accuracy"] - baseline["student_accuracy"])
        assert row["verdict"] in ("helps", "hurts", "no clear difference")


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_has_the_keys_of_the_contract(name: str) -> None:
    assert set(EXPERIMENTS[name].settings.__dataclass_fields__) >= KEYS[name] | {"seeds"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_what_was_measured(name: str, tiny: dict[str, Measured]) -> None:
    measured = tiny[name]
    assert measured.curves is not None
    columns = accuracies(measured)
    assert len(measured.rows) == len(columns) == len(measured.curves)
    for row, column, curve in zip(measured.rows, columns, measured.curves, strict=True):
        interval = mean_interval(column)
        assert row["student_accuracy"] == interval.mean
        assert row["student_accuracy_ci"] == interval.half_width
        # A learning curve ends at the accuracy of the table, after all samples.
        assert curve.y[-1].mean == pytest.approx(interval.mean)
        assert curve.x[-1] == SAMPLES
        assert len(curve.x) == len(curve.y) > 2


def test_variants_are_all_methods_and_an_ensemble(tiny: dict[str, Measured]) -> None:
    rows = tiny["variants"].rows
    assert [row["variant"] for row in rows] == [*METHODS, "ensemble"]
    assert {row["training_steps"] for row in rows} == {STEPS}
    assert [row["variant"] for row in rows if row["extra_work"] is None] == ["hard"]


def test_the_ensemble_is_that_of_hard_label_students(tiny: dict[str, Measured]) -> None:
    dataset, seeds, settings = digits(), (0, 1), TINY["variants"]
    drawn = draw_labels(dataset, seeds, settings.labels)
    students = hard_label_peers(
        Task(dataset, seeds, settings.student_hidden, *drawn, samples=settings.student_samples)
    )
    expected = accuracy(ensemble(students.test_logits), dataset.test.labels)
    assert torch.equal(accuracies(tiny["variants"])[-1], expected)
    assert not torch.equal(expected, students.accuracy[:, 0])


def test_a_new_entry_in_the_table_of_methods_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "again", Method("again", "", hard, "nothing"))  # type: ignore[arg-type]
    with only("hard", "again"):
        rows = by_name(variants(TINY["variants"]))
    assert rows["again"]["student_accuracy"] == rows["hard"]["student_accuracy"]
    assert (rows["again"]["gain"], rows["again"]["verdict"]) == (0, "no clear difference")


def test_generations_are_counted_from_the_hard_label_student(tiny: dict[str, Measured]) -> None:
    rows = tiny["self"].rows
    assert [row["generation"] for row in rows] == [0, 1, 2]
    assert [row["training_steps"] for row in rows] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert rows[0]["agreement"] is None
    assert rows[0]["ensemble_accuracy"] == rows[0]["student_accuracy"]


def test_cohorts_follow_the_network_alone_in_the_order_asked(tiny: dict[str, Measured]) -> None:
    measured = tiny["online"]
    assert isinstance(measured, MeasuredCohorts)
    assert [row["peers"] for row in measured.rows] == [1, 3, 2]
    assert [cohort.peers for cohort in measured.cohorts] == [3, 2]
    for cohort, alone in zip(measured.cohorts, measured.alone, strict=True):
        assert len(cohort.curves) == cohort.peers == alone.peers
        assert cohort.accuracy.shape == alone.accuracy.shape == (2, cohort.peers)
    # Two networks alone are two of the three, from the same weights.
    assert torch.equal(measured.alone[1].accuracy, measured.alone[0].accuracy[:, :2])
    assert torch.equal(accuracies(measured)[0], measured.alone[0].accuracy.mean(1))
    for row, cohort in zip(measured.rows[1:], measured.cohorts, strict=True):
        assert row["student_accuracy"] == pytest.approx(cohort.accuracy.mean().item())
        assert row["agreement"] == cohort.agreement.y[-1].mean


def test_peers_start_as_the_networks_alone_do(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    initialise = MLPStack.initialise

    def noting(*arguments: Any) -> MLPStack:
        started.append(tuple(arguments[3]))
        return initialise(*arguments)

    monkeypatch.setattr(MLPStack, "initialise", noting)
    online(TINY["online"])
    assert started == [(0, 1, 2, 0, 1, 2, 0, 1)]


@pytest.mark.parametrize(("peers", "rows"), [((1,), [1]), ((1, 2), [1, 2]), ((2,), [1, 2])])
def test_the_network_alone_is_always_there_and_only_once(
    peers: tuple[int, ...], rows: list[int]
) -> None:
    measured = online(replace(TINY["online"], peers=peers))
    assert [row["peers"] for row in measured.rows] == rows


def test_one_network_alone_is_the_hard_label_student_of_the_other_experiments() -> None:
    alone = online(replace(TINY["online"], peers=(1,), label_noise=0))
    with only("hard"):
        assert torch.equal(accuracies(alone)[0], accuracies(variants(TINY["variants"]))[0])
    first = self_distillation(replace(TINY["self"], generations=1))
    assert torch.equal(accuracies(alone)[0], accuracies(first)[0])


def test_hint_weights_follow_the_hard_label_student(tiny: dict[str, Measured]) -> None:
    rows = tiny["feature"].rows
    assert [row["hint_weight"] for row in rows] == [0, 10, 1]
    assert {row["student_parameters"] for row in rows} == {64 * 4 + 4 + 4 * 10 + 10}
    assert {row["regressor_parameters"] for row in rows} == {4 * 5 + 5}
    again = feature(replace(TINY["feature"], hint_weights=(0, 1), hint_layer=1))
    assert [row["hint_weight"] for row in again.rows] == [0, 1]
    assert {row["regressor_parameters"] for row in again.rows} == {4 * 6 + 6}
    assert torch.equal(accuracies(again)[0], accuracies(tiny["feature"])[0])


def test_the_same_settings_give_the_same_numbers(tiny: dict[str, Measured]) -> None:
    for name in NAMES:
        assert EXPERIMENTS[name].function(TINY[name], Monitor()).rows == tiny[name].rows


# ------------------------------------------------------------------------------- planes of features


def test_a_plane_shows_the_two_directions_of_most_variance() -> None:
    draw = torch.Generator().manual_seed(0)
    spread = torch.randn(300, 3, generator=draw) * torch.tensor([1.0, 10.0, 3.0])
    features = spread @ torch.linalg.qr(torch.randn(3, 3, generator=draw)).Q + 50
    plane = principal_plane(features)
    variances = features.T.cov().double()
    largest = torch.linalg.eigvalsh(variances).flip(0)
    assert plane.points.T.double().cov().diagonal().tolist() == pytest.approx(
        largest[:2].tolist(), rel=1e-3
    )
    assert plane.points.mean(0).abs().max() < 1e-3
    assert plane.share == pytest.approx((largest[:2].sum() / largest.sum()).item(), rel=1e-4)


def test_a_layer_of_one_unit_lies_on_a_line() -> None:
    plane = principal_plane(torch.tensor([[1.0], [3.0], [2.0]]))
    assert plane.points.shape == (3, 2)
    assert not plane.points[:, 1].any()
    assert plane.share == pytest.approx(1)


def test_turning_a_plane_changes_no_distance_and_lays_it_on_the_other() -> None:
    points = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    angle = torch.tensor(2.0)
    mirrored = torch.tensor([[angle.cos(), angle.sin()], [angle.sin(), -angle.cos()]])
    moved = points @ mirrored
    turned = turned_like(Projection(moved, 0.5), Projection(points, 0.9))
    assert torch.allclose(turned.points, points, atol=1e-5)
    assert torch.allclose(
        torch.cdist(turned.points, turned.points), torch.cdist(moved, moved), atol=1e-3
    )
    assert turned.share == 0.5


def test_the_planes_show_each_test_image(tiny: dict[str, Measured]) -> None:
    measured = tiny["feature"]
    assert isinstance(measured, MeasuredHints)
    assert len(measured.student_projections) == len(measured.rows)
    for plane in (measured.teacher_projection, *measured.student_projections):
        assert plane.points.shape == (len(digits().test), 2)
        assert 0 < plane.share <= 1


# --------------------------------------------------------------------------- refusals, and stopping


@pytest.mark.parametrize(
    ("settings", "change", "says"),
    [
        ("variants", {"label_noise": 1.5}, "label_noise must be a number from 0 to"),
        ("variants", {"hint_weight": -1}, "hint_weight must be a number from 0 to 1000"),
        ("self", {"generations": 0}, "generations must be a whole number from 1 to 10"),
        ("online", {"peers": (2, 9)}, "peers must be a whole number from 1 to 8"),
        ("online", {"peers": (2, 2)}, "different values"),
        ("feature", {"hint_weights": ()}, "hint_weights must be 1 to 50 different values"),
        ("feature", {"hint_layer": 3}, "hint_layer must be from 0 to 2"),
        ("feature", {"guided_layer": 2}, "guided_layer must be from 0 to 1"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    settings: str, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        replace(TINY[settings], **change)


@pytest.mark.parametrize("name", NAMES)
def test_too_much_work_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="times the work that is allowed"):
        replace(TINY[name], student_hidden=(1024, 1024, 1024), seeds=1000)


def test_all_that_is_trained_counts_as_work() -> None:
    def added(name: str, **change: Any) -> float:
        return float(replace(TINY[name], **change).work() - TINY[name].work())

    student = 3 * (64 * 4 + 4 + 4 * 10 + 10) * SAMPLES * 2
    regressor = 3 * (4 * 5 + 5) * SAMPLES * 2
    assert added("self", generations=3) == student
    assert added("online", peers=(3, 2, 1)) == 0
    assert added("online", peers=(3,)) == -2 * student
    assert added("online", peers=(4, 2)) == 2 * student  # one more in the cohort, one more alone
    assert added("feature", hint_weights=(10, 1, 5)) == student + regressor
    assert (
        added("feature", hint_layer=1) == 3 * regressor * (4 * 6 + 6) / (4 * 5 + 5) - 3 * regressor
    )
    assert added("variants", teacher_hidden=(5,)) > 3 * (64 + 1 + 10) * 27_000 * 2


class Listener(Monitor):
    """Writes down what it hears, and stops after so many questions."""

    def __init__(self, stop_after: float = math.inf) -> None:
        self.heard: list[tuple[str, float]] = []
        self.asked = 0
        self.stop_after = stop_after

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.heard.append((stage, fraction))

    def is_cancelled(self) -> bool:
        self.asked += 1
        return self.asked > self.stop_after


STAGES = {
    "variants": [*METHODS, "ensemble"],
    "self": ["students"],
    "online": ["peers"],
    "feature": ["students"],
}


@pytest.mark.parametrize("name", NAMES)
def test_progress_runs_once_from_the_first_student_to_the_last(name: str) -> None:
    listener = Listener()
    clear_all()  # what is kept is not trained again
    EXPERIMENTS[name].function(TINY[name], listener)
    students = [(stage, fraction) for stage, fraction in listener.heard if stage != "teacher"]
    assert list(dict.fromkeys(stage for stage, _ in students)) == STAGES[name]
    fractions = [fraction for _, fraction in students]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_stops_within_one_batch(name: str) -> None:
    # Between two trainings of the same experiment, where it has more than one after the other.
    listener = Listener(stop_after={"variants": 350, "self": 75}.get(name, 35))
    clear_all()
    with pytest.raises(Cancelled):
        EXPERIMENTS[name].function(TINY[name], listener)
    assert listener.asked == listener.stop_after + 1


@pytest.mark.parametrize(
    ("name", "key"),
    [("variants", "label_noise=0.3"), ("self", "generations=1"), ("online", "peers=2"),
     ("feature", "hint_weights=1")],
)  # fmt: skip
def test_the_command_line_runs_it(name: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["labels=10", "student_hidden=4", "student_samples=320"]
    teacher = [] if name in ("self", "online") else ["teacher_hidden=4"]
    assert main(["run", name, "--set", key, *small, *teacher, "--seeds", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer["rows"][0]) == COLUMNS[name]
    assert len(answer["rows"]) == (len(METHODS) + 1 if name == "variants" else 2)
