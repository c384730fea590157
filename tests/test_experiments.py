"""The experiments show what there is to see, with intervals, and no effect where there is none."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kdcore import distillation
from kdcore.data import digits, few_labels
from kdcore.distillation import Teachers, Trained, train_teachers
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import LabSettings, MeasuredLab, lab
from kdcore.experiments.result import (
    Measured,
    Row,
    accuracy_columns,
    entropy_curve,
    fidelity_columns,
    soft_label_entropy,
    teacher_samples,
    train_students,
)
from kdcore.experiments.temperature import TemperatureSettings, temperature
from kdcore.losses import entropy, soft_labels
from kdcore.monitor import LearningCurve, Monitor
from kdcore.statistics import mean_interval, paired_difference, verdict
from kdcore.store import BoundedStore
from kdcore.training import Cancelled, Diverged

COLUMNS = [
    "temperature",
    "soft_label_entropy",
    "student_accuracy",
    "student_accuracy_ci",
    "gain",
    "gain_ci",
    "verdict",
    "agreement",
    "kl_to_teacher",
]

SEEDS = 8
#: What README and SCIENCE describe: few labels, a student that can follow, a confident teacher,
#: here one that is soon trained.
FEW_LABELS = TemperatureSettings(
    labels=50,
    student_hidden=(32,),
    teacher_hidden=(64, 64),
    temperatures=(1, 3, 10, 100),
    seeds=SEEDS,
)
#: As small as an experiment can be where only its form matters.
TINY = TemperatureSettings(
    labels=20,
    student_hidden=(6,),
    student_samples=3_200,
    teacher_hidden=(8,),
    temperatures=(4, 1),
    seeds=2,
)


@pytest.fixture(scope="module")
def teachers() -> Teachers:
    return train_teachers(
        digits(), FEW_LABELS.teacher_hidden, tuple(range(SEEDS)), teacher_samples(digits())
    )


@pytest.fixture(scope="module")
def few_measured() -> Measured:
    return temperature(FEW_LABELS)


@pytest.fixture(scope="module")
def few(few_measured: Measured) -> list[Row]:
    return few_measured.rows


@pytest.fixture(scope="module")
def few_students(teachers: Teachers) -> Trained:
    """Return the students of the ``few`` run, to compare them seed by seed."""
    temperatures = (1.0, *FEW_LABELS.temperatures)
    alphas = (1.0, *[FEW_LABELS.alpha] * 4)
    return train_students(digits(), teachers, tuple(range(SEEDS)), 50, (32,), temperatures, alphas)


class Listener(Monitor):
    """Writes down what it hears and stops after so many questions."""

    def __init__(self, stop_after: float = math.inf) -> None:
        self.heard: list[tuple[str, float]] = []
        self.asked = 0
        self.stop_after = stop_after

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.heard.append((stage, fraction))

    def is_cancelled(self) -> bool:
        self.asked += 1
        return self.asked > self.stop_after


# -------------------------------------------------------------------------- effects of temperature


def test_with_few_labels_a_high_temperature_helps(few: list[Row]) -> None:
    _, _, _, at_10, at_100 = few
    for row in (at_10, at_100):
        assert row["verdict"] == "helps"
        assert row["gain"] - row["gain_ci"] > 0.02
    assert few[0]["student_accuracy"] < at_10["student_accuracy"]


def test_with_few_labels_the_gain_grows_with_temperature(few_students: Trained) -> None:
    _, at_1, at_3, at_10, _ = few_students.accuracy.unbind(1)
    assert verdict(paired_difference(at_3, at_1)) == "helps"
    assert verdict(paired_difference(at_10, at_1)) == "helps"
    assert verdict(paired_difference(at_10, at_3)) == "helps"


def test_the_soft_labels_of_a_confident_teacher_soften_towards_ln_10(few: list[Row]) -> None:
    values = [row["soft_label_entropy"] for row in few[1:]]
    assert values == sorted(values)
    assert values[0] < 0.2
    assert math.log(10) - 0.02 < values[-1] < math.log(10)


def test_a_distilled_student_says_what_its_teacher_says_more_often(few: list[Row]) -> None:
    hard, _, at_3, at_10, _ = few
    assert hard["agreement"] < at_3["agreement"] < at_10["agreement"]
    assert hard["kl_to_teacher"] > at_3["kl_to_teacher"] > at_10["kl_to_teacher"]


def test_with_all_labels_there_is_little_to_add(few_students: Trained, teachers: Teachers) -> None:
    everything = train_students(
        digits(), teachers, tuple(range(SEEDS)), 900, (32,), (1.0, 1.0, 10.0), (1.0, 0.3, 0.3)
    )
    hard, at_1, at_10 = everything.accuracy.unbind(1)
    assert paired_difference(at_1, hard).low < 0.005
    assert verdict(paired_difference(at_10, hard)) != "helps"
    few_hard, *_, few_at_10, _ = few_students.accuracy.unbind(1)
    # Far less than what the same teachers add to 50 labels.
    assert verdict(paired_difference(few_at_10 - few_hard, at_10 - hard)) == "helps"
    # And the labels themselves are worth more than the teacher.
    assert verdict(paired_difference(hard, few_at_10)) == "helps"


@pytest.mark.parametrize("student_hidden", [(32,), (5,)], ids=str)
def test_at_alpha_1_no_temperature_makes_any_difference(student_hidden: tuple[int, ...]) -> None:
    settings = replace(
        TINY, alpha=1, student_hidden=student_hidden, temperatures=(0.5, 1, 4, 20), seeds=3
    )
    baseline, *rows = temperature(settings).rows
    for row in rows:
        assert (row["gain"], row["gain_ci"]) == (0, 0)
        assert row["verdict"] == "no clear difference"
        assert row["student_accuracy"] == baseline["student_accuracy"]
        assert row["agreement"] == baseline["agreement"]
        assert row["kl_to_teacher"] == pytest.approx(baseline["kl_to_teacher"], rel=1e-3)


# -------------------------------------------------------------------------------------- the table


def test_the_columns_are_those_of_the_contract(few: list[Row]) -> None:
    for row in few:
        assert list(row) == COLUMNS


def test_the_first_row_is_the_hard_label_baseline(few: list[Row]) -> None:
    baseline = few[0]
    for column in ("temperature", "soft_label_entropy", "gain", "gain_ci", "verdict"):
        assert baseline[column] is None
    for column in ("student_accuracy", "student_accuracy_ci", "agreement", "kl_to_teacher"):
        assert type(baseline[column]) is float


def test_there_is_one_row_a_temperature_in_the_order_given() -> None:
    rows = temperature(TINY).rows
    assert [row["temperature"] for row in rows] == [None, 4, 1]
    assert rows[1]["soft_label_entropy"] > rows[2]["soft_label_entropy"]


def test_figures_are_plain_numbers(few: list[Row]) -> None:
    for row in few[1:]:
        assert type(row["verdict"]) is str
        assert all(type(row[column]) is float for column in COLUMNS if column != "verdict")


def test_the_figures_of_a_row_are_those_of_its_students(
    few: list[Row], few_students: Trained, teachers: Teachers
) -> None:
    for condition, row in enumerate(few):
        accuracy = few_students.accuracy[:, condition]
        assert row["student_accuracy"] == mean_interval(accuracy).mean
        assert row["student_accuracy_ci"] == mean_interval(accuracy).half_width
        logits = few_students.test_logits[:, condition]
        same_answer = logits.argmax(-1) == teachers.test_logits.argmax(-1)
        assert row["agreement"] == pytest.approx(same_answer.double().mean().item())
        if row["temperature"] is not None:
            gain = paired_difference(accuracy, few_students.accuracy[:, 0])
            assert (row["gain"], row["gain_ci"]) == (gain.mean, gain.half_width)
            assert row["verdict"] == verdict(gain)
            probabilities = soft_labels(teachers.test_logits.double(), row["temperature"])
            assert row["soft_label_entropy"] == pytest.approx(
                entropy(probabilities).mean().item(), rel=1e-5
            )


def test_accuracies_and_learning_curves_come_beside_the_table_row_by_row(
    few_measured: Measured, few_students: Trained
) -> None:
    assert few_measured.accuracy is not None
    assert torch.equal(few_measured.accuracy, few_students.accuracy)
    assert few_measured.curves is not None
    assert len(few_measured.curves) == len(few_measured.rows)
    for row, curve in zip(few_measured.rows, few_measured.curves, strict=True):
        assert curve.x[-1] == 12_000
        assert curve.y[-1].mean == row["student_accuracy"]
        assert curve.y[-1].half_width == row["student_accuracy_ci"]
        assert curve.y[0].mean < curve.y[-1].mean


def test_accuracy_columns_of_hand_made_accuracies() -> None:
    baseline = torch.tensor([0.5, 0.6, 0.7]).double()
    row = accuracy_columns(baseline + torch.tensor([0.1, 0.2, 0.3]), baseline)
    # t₂ = 4.3027; both have deviations −0.1, 0, 0.1 of the accuracies and of the differences.
    assert row["student_accuracy"] == pytest.approx(0.8)
    assert row["student_accuracy_ci"] == pytest.approx(4.3027 * 0.2 / math.sqrt(3), abs=1e-4)
    assert row["gain"] == pytest.approx(0.2)
    assert row["gain_ci"] == pytest.approx(4.3027 * 0.1 / math.sqrt(3), abs=1e-4)
    assert row["verdict"] == "no clear difference"
    assert accuracy_columns(baseline - 0.1, baseline)["verdict"] == "hurts"
    alone = accuracy_columns(baseline, None)
    assert list(alone) == list(row)
    assert (alone["gain"], alone["gain_ci"], alone["verdict"]) == (None, None, None)


def test_fidelity_columns_are_means_over_seeds_and_images() -> None:
    teacher = torch.tensor([[[0.5, 0.5 + 1e-6]], [[0.5 + 1e-6, 0.5]]]).log()
    student = torch.tensor([[[0.25, 0.75]], [[0.5, 0.5 + 1e-6]]]).log()
    row = fidelity_columns(student, teacher)
    assert row["agreement"] == 0.5
    assert row["kl_to_teacher"] == pytest.approx(0.1438410 / 2, abs=1e-5)


def test_the_entropy_of_each_seeds_soft_labels() -> None:
    uniform, sure = torch.zeros(4, 10), 100 * torch.eye(10)[:4]
    values = soft_label_entropy(torch.stack([uniform, sure]), 1.0)
    assert values.tolist() == pytest.approx([math.log(10), 0], abs=1e-6)
    halves = torch.tensor([[[0.0, 0.0, -1e4], [9e3, 0.0, 0.0]]])
    assert soft_label_entropy(halves, 1.0).tolist() == pytest.approx([math.log(2) / 2])


def test_the_same_settings_give_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    first = temperature(TINY).rows
    # Teachers anew, and a global generator elsewhere.
    monkeypatch.setattr(distillation, "_teachers", BoundedStore(capacity=1))
    torch.manual_seed(99)
    assert temperature(TINY).rows == first
    assert temperature(replace(TINY, alpha=0.4)).rows != first


def test_a_result_carries_what_is_needed_to_repeat_it() -> None:
    experiment = EXPERIMENTS["temperature"]
    result = experiment.run(TINY)
    data = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert list(data) == ["experiment", "settings", "rows", "claims", "seconds"]
    assert data["experiment"] == "temperature"
    assert TemperatureSettings(**data["settings"]) == TINY
    assert data["rows"] == result.rows == temperature(TINY).rows
    assert 0 < data["seconds"] < 60


def test_experiments_are_listed_by_name() -> None:
    assert "temperature" in EXPERIMENTS
    for name, experiment in EXPERIMENTS.items():
        assert experiment.name == name
        assert experiment.question.endswith("?")
        experiment.settings()  # the defaults are accepted


# ------------------------------------------------------------------------------------- students


def test_students_see_only_their_own_labelled_images(teachers: Teachers) -> None:
    dataset, seeds = digits(), (0, 1)
    two = replace(teachers, training_logits=teachers.training_logits[:2])
    rows = torch.cat([few_labels(dataset.training.labels, 30, seed) for seed in seeds])
    unseen = torch.ones(900, dtype=torch.bool)
    unseen[rows] = False
    inputs = dataset.training.inputs.clone()
    inputs[unseen] = torch.nan
    training = replace(dataset.training, inputs=inputs)
    hidden = replace(dataset, name="digits of which few are seen", training=training)
    usual, other = (
        train_students(d, two, seeds, 30, (8,), (1.0, 4.0), (1.0, 0.3)) for d in (dataset, hidden)
    )
    assert torch.equal(usual.test_logits, other.test_logits)


def test_each_seed_has_its_own_labelled_images_in_every_condition(teachers: Teachers) -> None:
    dataset, seeds = digits(), (0, 1)
    two = replace(teachers, training_logits=teachers.training_logits[:2])
    first, second = (set(few_labels(dataset.training.labels, 30, s).tolist()) for s in seeds)
    inputs = dataset.training.inputs.clone()
    inputs[min(second - first)] = torch.nan  # an image that only the second seed has
    training = replace(dataset.training, inputs=inputs)
    spoiled = replace(dataset, name="digits of which one is spoiled", training=training)
    # Hard-label students are trained apart from the others.
    for alphas, count in (((1.0,), "1 of 2"), ((0.3, 0.6), "2 of 4")):
        with pytest.raises(Diverged, match=f"{count} networks"):
            train_students(spoiled, two, seeds, 30, (8,), (4.0, 9.0)[: len(alphas)], alphas)


def test_more_seeds_repeat_the_seeds_before(teachers: Teachers) -> None:
    def accuracy(seeds: tuple[int, ...]) -> Tensor:
        some = replace(teachers, training_logits=teachers.training_logits[: len(seeds)])
        return train_students(digits(), some, seeds, 30, (8,), (1.0,), (1.0,)).accuracy

    # Rounding may differ with the size of the stack, and with it an image or two.
    assert torch.allclose(accuracy((0, 1)), accuracy((0, 1, 2))[:2], atol=3 / 897)


def test_progress_tells_of_teachers_then_of_students() -> None:
    listener = Listener()
    temperature(replace(TINY, teacher_hidden=(7,)), listener)
    stages = [stage for stage, _ in listener.heard]
    assert stages == sorted(stages, key=["teacher", "students"].index)
    for stage in ("teacher", "students"):
        fractions = [fraction for name, fraction in listener.heard if name == stage]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1
        assert len(fractions) > 10


@pytest.mark.parametrize("stop_after", [0, 5, 850])
def test_a_run_can_be_stopped_in_either_stage(stop_after: int) -> None:
    listener = Listener(stop_after)
    # 844 batches of the teacher, then 100 of the students.
    settings = replace(TINY, teacher_hidden=(9, 3 + stop_after % 7))
    with pytest.raises(Cancelled):
        temperature(settings, listener)
    assert listener.asked == stop_after + 1
    assert ("students" in {stage for stage, _ in listener.heard}) == (stop_after > 844)


# -------------------------------------------------------------------------------------- the Lab

LAB = LabSettings(
    temperature=10,
    alpha=0.3,
    teacher_hidden=FEW_LABELS.teacher_hidden,
    student_hidden=(32,),
    labels=50,
    seeds=SEEDS,
)


@pytest.fixture(scope="module")
def lab_result() -> MeasuredLab:
    return lab(LAB)


def test_the_lab_and_the_temperature_experiment_measure_the_same(lab_result: MeasuredLab) -> None:
    baseline, row = temperature(replace(FEW_LABELS, temperatures=(10,))).rows
    assert lab_result.hard.mean == baseline["student_accuracy"]
    assert lab_result.hard.half_width == baseline["student_accuracy_ci"]
    assert lab_result.distilled.mean == row["student_accuracy"]
    assert lab_result.gain.mean == row["gain"]
    assert lab_result.gain.half_width == row["gain_ci"]
    assert lab_result.verdict == row["verdict"] == "helps"
    assert lab_result.hard_agreement.mean == pytest.approx(baseline["agreement"])
    assert lab_result.distilled_agreement.mean == pytest.approx(row["agreement"])


def test_the_entropy_that_the_lab_keeps_is_that_of_its_own_teachers(
    lab_result: MeasuredLab,
) -> None:
    # Another set of teachers in between: what is kept must not be taken for theirs.
    other = lab(replace(LAB, teacher_hidden=(16,), seeds=2))
    again = lab(replace(LAB, temperature=1.5))
    for result in (lab_result, other, again):
        expected = [mean_interval(soft_label_entropy(result.teacher_logits, T)) for T in (0.5, 20)]
        assert [result.entropy.y[0], result.entropy.y[-1]] == expected
    assert other.entropy.y[0].n == 2
    assert again.entropy is lab_result.entropy


def test_the_labs_teacher_is_the_best_of_the_three(
    lab_result: MeasuredLab, teachers: Teachers
) -> None:
    assert lab_result.teacher == mean_interval(teachers.accuracy)
    assert lab_result.teacher.low > lab_result.distilled.high
    assert lab_result.distilled.low > lab_result.hard.high


def test_the_labs_learning_curves_end_at_its_accuracies(lab_result: MeasuredLab) -> None:
    curves = lab_result.curves_of
    assert list(curves) == ["teacher", "hard", "distilled"]
    assert curves["teacher"].y[-1] == lab_result.teacher
    assert curves["hard"].y[-1] == lab_result.hard
    assert curves["distilled"].y[-1] == lab_result.distilled
    for curve in curves.values():
        assert len(curve.x) == len(curve.y)
        assert curve.x == sorted(curve.x)
    assert curves["teacher"].x[-1] == pytest.approx(27_000, abs=32)
    assert curves["hard"].x[-1] == curves["distilled"].x[-1] == 12_000


def test_the_labs_example_networks_are_those_of_the_first_seed(
    lab_result: MeasuredLab, teachers: Teachers, few_students: Trained
) -> None:
    logits = lab_result.example_logits
    assert list(logits) == ["teacher", "hard", "distilled"]
    assert torch.equal(logits["teacher"], teachers.test_logits[0])
    assert torch.equal(lab_result.teacher_logits, teachers.test_logits)
    # The same students trained in a larger stack differ by rounding only.
    for name, condition in (("hard", 0), ("distilled", 3)):
        same = logits[name].argmax(-1) == few_students.test_logits[0, condition].argmax(-1)
        assert same.double().mean() > 0.98


def test_the_hardest_example_is_the_image_whose_class_the_teacher_doubts_most(
    lab_result: MeasuredLab,
) -> None:
    hardest = lab_result.hardest_example()
    sureness = soft_labels(lab_result.example_logits["teacher"].double(), 1.0)
    of_the_right_class = sureness[torch.arange(897), digits().test.labels]
    assert of_the_right_class[hardest] == of_the_right_class.min()
    assert of_the_right_class[hardest] < 0.5


def test_the_entropy_curve_rises_from_the_teachers_sureness_to_ln_10(teachers: Teachers) -> None:
    temperatures = [0.5, 1.0, 3.0, 10.0, 100.0]
    curve = entropy_curve(teachers.test_logits, temperatures)
    assert curve.x == temperatures
    means = [interval.mean for interval in curve.y]
    assert means == sorted(means)
    assert math.log(10) - 0.02 < means[-1] < math.log(10)
    for T, interval in zip(temperatures, curve.y, strict=True):
        assert interval == mean_interval(soft_label_entropy(teachers.test_logits, T))
        assert interval.n == SEEDS
