"""The three lessons: what temperature, teacher size and balance do, by their intervals."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kdcore import command_line, distillation
from kdcore.data import digits, few_labels, noisy_labels
from kdcore.distillation import (
    BatchTable,
    HardLabels,
    Response,
    StackTraining,
    Teachers,
    layer_sizes,
    train_teachers,
)
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.balance import (
    BalanceMap,
    BalanceMapSettings,
    BalanceSettings,
    balance,
    best_alpha_map,
)
from kdcore.experiments.patience import EXPERIMENT as PATIENCE
from kdcore.experiments.patience import PatienceSettings
from kdcore.experiments.progressive import ProgressiveSettings, plan_assistants, progressive
from kdcore.experiments.reference import ReferenceSettings
from kdcore.experiments.result import (
    Measured,
    draw_labels,
    soft_label_entropy,
    train_students,
)
from kdcore.experiments.teacher_size import TeacherSizeSettings, teacher_size
from kdcore.models import parameter_count
from kdcore.monitor import LearningCurve, Monitor, Part
from kdcore.plans import carry_out
from kdcore.reference.tables import PUBLISHED, TABLES
from kdcore.settings import TEACHER_EPOCHS, CheckedSettings
from kdcore.statistics import (
    Interval,
    mean_interval,
    not_told_apart,
    paired_difference,
    verdict,
)
from kdcore.store import BoundedStore
from kdcore.visit.tables import as_csv
from tests.small import short_lessons

STUDENT_COLUMNS = ["student_accuracy", "student_accuracy_ci", "gain", "gain_ci", "verdict"]

#: As small as the experiments can be where only their form matters.
TINY_SIZES = TeacherSizeSettings(
    labels=20,
    student_hidden=(6,),
    student_samples=3_200,
    teachers=((9, 5), (4,)),
    teacher_epochs=2,
    seeds=3,
)
TINY_BALANCE = BalanceSettings(
    labels=20,
    label_noise=0.2,
    teacher_labels=30,
    student_hidden=(6,),
    student_samples=3_200,
    alphas=(0.5, 0),
    seeds=3,
)
TINY_PROGRESSIVE = ProgressiveSettings(
    labels=20,
    teacher_hidden=(9, 5),
    teacher_epochs=2,
    assistant_hidden=(7,),
    student_hidden=(6,),
    student_samples=3_200,
    assistant_labels=30,
    seeds=3,
)
SMALL_MAP = BalanceMapSettings(
    map_teacher_labels=(30, 900),
    map_label_noise=(0.0, 0.6),
    labels=100,
    student_hidden=(16,),
    alphas=(0.0, 0.4, 0.8, 1.0),
    seeds=8,
)
TINY_MAP = replace(
    SMALL_MAP,
    map_teacher_labels=(20, 30),
    labels=20,
    student_hidden=(4,),
    student_samples=640,
    seeds=2,
)


class Listener(Monitor):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.heard.append((stage, fraction))


def gain(measured: Measured, row: int, baseline: int) -> Interval:
    """Return the paired difference between two rows of a table."""
    assert measured.accuracy is not None
    return paired_difference(measured.accuracy[:, row], measured.accuracy[:, baseline])


# ----------------------------------------------------------------- temperature and the student

SEEDS = tuple(range(8))


@pytest.fixture(scope="module")
def confident_teachers() -> Teachers:
    """Return teachers that have trained for so long that they are sure of nearly everything."""
    return train_teachers(digits(), (128, 64), SEEDS, 40 * 900)


def students_accuracy(
    teachers: Teachers,
    labels: int,
    hidden: tuple[int, ...],
    temperatures: tuple[float, ...],
    alpha: float,
    samples: int = 12_000,
) -> Tensor:
    """Return test accuracy ``[S, 1 + temperatures]``, hard labels first."""
    alphas = [1.0, *[alpha] * len(temperatures)]
    students = train_students(
        digits(), teachers, SEEDS, labels, hidden, (1.0, *temperatures), alphas, samples=samples
    )
    return students.accuracy


def test_with_few_labels_high_temperature_helps_a_student_of_32_units(
    confident_teachers: Teachers,
) -> None:
    accuracy = students_accuracy(confident_teachers, 30, (32,), (1.0, 10.0), 0.3)
    hard, at_1, at_10 = accuracy.unbind(1)
    assert paired_difference(at_10, hard).low > 0.05
    assert paired_difference(at_10, at_1).low > 0.05


def test_high_temperature_hurts_a_student_of_8_units_unless_it_trains_for_longer(
    confident_teachers: Teachers,
) -> None:
    shorter = students_accuracy(confident_teachers, 50, (8,), (20.0,), 0.0, samples=6_000)
    hard, at_20 = shorter.unbind(1)
    assert verdict(paired_difference(at_20, hard)) == "hurts"
    longer = students_accuracy(confident_teachers, 50, (8,), (20.0,), 0.0, samples=24_000)
    hard, at_20 = longer.unbind(1)
    assert verdict(paired_difference(at_20, hard)) == "helps"


def test_with_all_labels_there_is_nothing_to_gain(confident_teachers: Teachers) -> None:
    hard, at_3, at_10 = students_accuracy(confident_teachers, 900, (32,), (3.0, 10.0), 0.3).unbind(
        1
    )
    for distilled in (at_3, at_10):
        assert paired_difference(distilled, hard).high < 0.005


# --------------------------------------------------------------------------------- teacher size

SIZES = TeacherSizeSettings(teachers=((8,), (64,), (128, 128, 128)), seeds=6)


@pytest.fixture(scope="module")
def sizes() -> Measured:
    return teacher_size(SIZES)


def test_the_students_accuracy_is_an_inverted_u_over_the_teachers_size(sizes: Measured) -> None:
    smallest, middle, largest = 0, 1, 2
    assert verdict(gain(sizes, middle, smallest)) == "helps"
    assert verdict(gain(sizes, largest, middle)) == "hurts"


def test_a_bigger_teacher_is_better_and_surer(sizes: Measured) -> None:
    accuracies = [row["teacher_accuracy"] for row in sizes.rows]
    assert accuracies == sorted(accuracies)
    entropies = [row["soft_label_entropy"] for row in sizes.rows]
    assert entropies == sorted(entropies, reverse=True)
    assert entropies[0] > entropies[-1] + 0.5


def test_an_early_stopped_teacher_is_worse_and_teaches_better() -> None:
    settings = TeacherSizeSettings(teachers=((64,),), temperature=2, seeds=5)
    early, late = (teacher_size(replace(settings, teacher_epochs=n)) for n in (10, 40))
    assert early.rows[0]["teacher_accuracy"] < late.rows[0]["teacher_accuracy"]
    assert early.rows[0]["soft_label_entropy"] > late.rows[0]["soft_label_entropy"]
    assert early.accuracy is not None
    assert late.accuracy is not None
    difference = paired_difference(early.accuracy[:, 0], late.accuracy[:, 0])
    assert verdict(difference) == "helps"
    # Both are against the same students on hard labels.
    assert early.rows[0]["hard_accuracy"] == late.rows[0]["hard_accuracy"]
    assert difference.mean == pytest.approx(early.rows[0]["gain"] - late.rows[0]["gain"])


def test_one_row_a_teacher_in_the_order_given() -> None:
    rows = teacher_size(TINY_SIZES).rows
    assert [row["teacher_hidden"] for row in rows] == ["9,5", "4"]
    for row, hidden in zip(rows, TINY_SIZES.teachers, strict=True):
        assert list(row) == [
            *("teacher_hidden", "teacher_parameters", "teacher_accuracy", "soft_label_entropy"),
            *STUDENT_COLUMNS,
            *("hard_accuracy", "hard_accuracy_ci"),
        ]
        teachers = train_teachers(digits(), hidden, (0, 1, 2), 1800)
        assert row["teacher_parameters"] == parameter_count((64, *hidden, 10))
        assert row["teacher_accuracy"] == pytest.approx(teachers.accuracy.mean().item())
        softness = soft_label_entropy(teachers.test_logits, TINY_SIZES.temperature)
        assert row["soft_label_entropy"] == pytest.approx(softness.mean().item())


def test_each_student_has_its_own_teacher_and_gains_against_hard_labels() -> None:
    both = teacher_size(TINY_SIZES)
    assert both.accuracy is not None
    for condition, hidden in enumerate(TINY_SIZES.teachers):
        alone = teacher_size(replace(TINY_SIZES, teachers=(hidden,)))
        assert alone.accuracy is not None
        # Rounding may differ with the size of the stack, and with it an image or two.
        assert torch.allclose(both.accuracy[:, condition], alone.accuracy[:, 0], atol=3 / 897)
    row = both.rows[0]
    assert row["gain"] == pytest.approx(row["student_accuracy"] - row["hard_accuracy"])


def test_teachers_of_all_sizes_are_one_stage_of_the_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(distillation, "_teachers", BoundedStore(capacity=2))
    listener = Listener()
    teacher_size(TINY_SIZES, listener)
    for stage in ("teacher", "students"):
        fractions = [fraction for name, fraction in listener.heard if name == stage]
        assert fractions == sorted(fractions)
        assert fractions[-1] == pytest.approx(1)
    assert [stage for stage, _ in listener.heard] == sorted(
        (stage for stage, _ in listener.heard), reverse=True
    )


# ------------------------------------------------------------------------------------ assistant


ROUTES = ProgressiveSettings(teacher_hidden=(64, 64, 64, 64), seeds=7)


@pytest.fixture(scope="module")
def routes() -> Measured:
    return progressive(ROUTES)


def test_an_assistant_beats_the_direct_route(routes: Measured) -> None:
    _, direct, via_assistant, _ = routes.rows
    assert direct["verdict"] == "helps"
    assert via_assistant["verdict"] == "helps"
    # The teacher knows more than its assistant and is surer of it.
    assert direct["teacher_accuracy"] > via_assistant["teacher_accuracy"]
    assert direct["soft_label_entropy"] < via_assistant["soft_label_entropy"]


def test_a_small_teacher_that_never_met_the_large_one_teaches_better_still(
    routes: Measured,
) -> None:
    assert gain(routes, 3, 2).low > 0.02


def test_an_assistant_that_sees_no_more_than_the_student_does_not_help() -> None:
    settings = replace(ROUTES, assistant_labels=ROUTES.labels)
    assert progressive(settings).rows[2]["verdict"] != "helps"


def test_the_assistant_is_compared_with_the_direct_route(routes: Measured) -> None:
    hard, direct, via_assistant, small_teacher = routes.rows
    assert [row["route"] for row in routes.rows] == [
        *("hard", "direct", "via-assistant", "small-teacher")
    ]
    for row in routes.rows:
        assert list(row) == ["route", "teacher_accuracy", *STUDENT_COLUMNS, "soft_label_entropy"]
    for column in ("teacher_accuracy", "gain", "gain_ci", "verdict", "soft_label_entropy"):
        assert hard[column] is None
    assert direct["gain"] == gain(routes, 1, 0).mean
    assert via_assistant["gain"] == gain(routes, 2, 1).mean
    assert via_assistant["gain_ci"] == gain(routes, 2, 1).half_width
    assert small_teacher["gain"] == gain(routes, 3, 1).mean


def test_the_assistant_learns_from_the_teacher() -> None:
    settings, seeds = replace(TINY_PROGRESSIVE, assistant_labels=900, alpha=0.0), (0, 1)
    shown = train_teachers(digits(), (8,), seeds, 9000)
    # A teacher that takes each digit for the next one passes its error on.
    wrong = replace(shown, training_logits=shown.training_logits.roll(1, dims=-1))
    assistants = carry_out(plan_assistants(digits(), wrong, seeds, settings, settings.alpha))
    next_digit = (digits().test.labels + 1) % 10
    says = assistants.test_logits.argmax(-1)
    assert (says == next_digit).double().mean() > 0.7
    assert assistants.training_logits.shape == (2, 900, 10)


@pytest.mark.parametrize("alpha", [TINY_PROGRESSIVE.alpha, 1.0])
def test_an_assistant_and_its_control_train_for_as_long_as_a_teacher(alpha: float) -> None:
    teachers = train_teachers(digits(), (4,), (0, 1), 320)
    (wanted,) = next(plan_assistants(digits(), teachers, (0, 1), TINY_PROGRESSIVE, alpha))
    assert isinstance(wanted, StackTraining)
    assert wanted.settings.samples_seen == TEACHER_EPOCHS * 900


# ------------------------------------------------------------------------------------- patience


def test_a_lower_temperature_that_is_no_lower_teaches_the_same() -> None:
    same = PatienceSettings(
        teacher_hidden=(8,), temperature=4.0, low_temperature=4.0, student_samples=3_200, seeds=2
    )
    with short_lessons():
        run = PATIENCE.run(same)
    assert torch.equal(run.measured.low_accuracy, run.accuracy[:, 1::2])
    for row in run.rows[1::2]:
        assert row["gain_over_low"] == 0 != row["gain"]


# -------------------------------------------------------------------------------------- balance

CLEAN = BalanceSettings(alphas=(0.0, 0.5, 0.9, 1.0), seeds=16)
NOISY = replace(CLEAN, label_noise=0.4)
STRONG = BalanceSettings(labels=100, teacher_labels=900, alphas=(0.0, 0.8, 1.0), seeds=8)


@pytest.fixture(scope="module")
def clean() -> Measured:
    return balance(CLEAN)


@pytest.fixture(scope="module")
def noisy() -> Measured:
    return balance(NOISY)


@pytest.fixture(scope="module")
def strong() -> Measured:
    return balance(STRONG)


def test_with_a_weak_teacher_the_best_alpha_beats_both_ends(clean: Measured) -> None:
    assert clean.accuracy is not None
    best, alike = not_told_apart(clean.accuracy)
    assert 0 < CLEAN.alphas[best] < 1
    ends = {CLEAN.alphas.index(0.0), CLEAN.alphas.index(1.0)}
    assert not ends & set(alike)
    assert clean.rows[best]["verdict"] == "helps"
    assert clean.rows[0]["verdict"] == "hurts"


def test_with_wrong_labels_the_best_alpha_moves_towards_the_teacher(
    clean: Measured, noisy: Measured
) -> None:
    assert clean.accuracy is not None
    assert noisy.accuracy is not None
    best_clean, _ = not_told_apart(clean.accuracy)
    best_noisy, alike_noisy = not_told_apart(noisy.accuracy)
    assert 0 < CLEAN.alphas[best_noisy] < CLEAN.alphas[best_clean]
    assert best_clean not in alike_noisy
    # Half and half is worse than 0.9 with clean labels, and better with wrong ones.
    half, nearly_hard = CLEAN.alphas.index(0.5), CLEAN.alphas.index(0.9)
    assert verdict(gain(clean, half, nearly_hard)) == "hurts"
    assert verdict(gain(noisy, half, nearly_hard)) == "helps"


def test_with_a_strong_teacher_and_few_labels_nearly_all_soft_is_best(strong: Measured) -> None:
    assert verdict(gain(strong, 0, 1)) == "helps"
    assert verdict(gain(strong, 0, 2)) == "helps"


def test_wrong_labels_do_not_reach_the_teacher_or_the_test(
    clean: Measured, noisy: Measured
) -> None:
    assert noisy.rows[0]["teacher_accuracy"] == clean.rows[0]["teacher_accuracy"]
    assert noisy.accuracy is not None
    assert clean.accuracy is not None
    # With α = 0 the student never looks at its labels, right or wrong.
    assert torch.equal(noisy.accuracy[:, 0], clean.accuracy[:, 0])
    assert verdict(paired_difference(noisy.accuracy[:, -1], clean.accuracy[:, -1])) == "hurts"


def test_a_teacher_that_has_seen_more_is_better(clean: Measured, strong: Measured) -> None:
    assert clean.rows[0]["teacher_accuracy"] < 0.8
    assert strong.rows[0]["teacher_accuracy"] > 0.94


def test_one_row_an_alpha_in_the_order_given(clean: Measured) -> None:
    assert [row["alpha"] for row in clean.rows] == list(CLEAN.alphas)
    kinds = ["soft only", *["mixed"] * 2, "hard only"]
    assert [row["label_type"] for row in clean.rows] == kinds
    for row in clean.rows:
        assert list(row) == ["alpha", "label_type", *STUDENT_COLUMNS, "teacher_accuracy"]
    assert clean.rows[-1]["gain"] is None
    assert clean.rows[2]["gain"] == gain(clean, 2, -1).mean


def test_the_hard_label_baseline_is_added_if_it_was_not_asked_for() -> None:
    added = balance(TINY_BALANCE)
    assert [row["alpha"] for row in added.rows] == [0.5, 0, 1]
    asked = balance(replace(TINY_BALANCE, alphas=(1, 0.5, 0)))
    assert [row["alpha"] for row in asked.rows] == [1, 0.5, 0]
    for row in (added.rows[-1], asked.rows[0]):
        assert (row["gain"], row["gain_ci"], row["verdict"]) == (None, None, None)
    assert [row["gain"] for row in added.rows[:2]] == [row["gain"] for row in asked.rows[1:]]


# ------------------------------------------------------------------------- the map of the best α


@pytest.fixture(scope="module")
def alpha_map() -> BalanceMap:
    return best_alpha_map(SMALL_MAP)


def test_the_best_alpha_falls_with_a_better_teacher_and_with_worse_labels(
    alpha_map: BalanceMap,
) -> None:
    weak_clean, weak_noisy, strong_clean, strong_noisy = alpha_map.cells
    assert weak_clean.teacher.high < strong_clean.teacher.low
    assert max(weak_noisy.alike) < min(weak_clean.alike)
    assert min(strong_clean.alike) < min(weak_clean.alike)
    assert max(strong_noisy.alike) < max(strong_clean.alike)


def test_a_cell_of_the_map_is_the_experiment_at_its_settings(alpha_map: BalanceMap) -> None:
    where = [(cell.teacher_labels, cell.label_noise) for cell in alpha_map.cells]
    assert where == [(30, 0.0), (30, 0.6), (900, 0.0), (900, 0.6)]
    cell = alpha_map.cells[1]
    measured = balance(SMALL_MAP.cell(30, 0.6))
    assert measured.accuracy is not None
    assert cell.alphas == SMALL_MAP.alphas
    assert [a.mean for a in cell.accuracy] == [r["student_accuracy"] for r in measured.rows]
    assert cell.teacher.mean == pytest.approx(measured.rows[0]["teacher_accuracy"])
    best, alike = not_told_apart(measured.accuracy)
    assert cell.best_alpha == cell.alphas[best]
    assert cell.alike == tuple(cell.alphas[i] for i in alike)


def test_a_cell_has_the_settings_of_its_map() -> None:
    settings = replace(TINY_MAP, temperature=8.0, split=1, first_seed=5)
    cell = settings.cell(30, 0.6)
    assert (cell.teacher_labels, cell.label_noise) == (30, 0.6)
    for name in settings.parameters().keys() & cell.parameters().keys():
        own = getattr(settings, name)
        assert getattr(cell, name) == own != getattr(BalanceSettings(), name)


def test_the_map_reports_its_progress_cell_by_cell() -> None:
    listener = Listener()
    best_alpha_map(TINY_MAP, listener)
    stages, fractions = zip(*listener.heard, strict=True)
    assert set(stages) == {"map"}
    assert list(fractions) == sorted(fractions)
    assert {0.25, 0.5, 0.75, 1.0} <= set(fractions)


def test_the_map_has_the_hard_labels_in_each_cell() -> None:
    settings = replace(TINY_MAP, map_teacher_labels=(20,), alphas=(0.5,))
    cells = best_alpha_map(settings).cells
    assert [cell.alphas for cell in cells] == [(0.5, 1.0)] * 2


# ------------------------------------------------------------------------------------- reference


def test_the_reference_run_equals_the_published_tables() -> None:
    rows = EXPERIMENTS["reference"].run(ReferenceSettings()).rows
    assert len(rows) == 6 + 4 + 5
    published = [(table, row) for table in TABLES for row in PUBLISHED[table]]
    for row, (table, printed) in zip(rows, published, strict=True):
        assert list(row) == [
            *("table", "setting", "published_entropy", "reproduced_entropy"),
            *("published_student_accuracy", "reproduced_student_accuracy"),
            *("published_teacher_accuracy", "reproduced_teacher_accuracy", "parameters"),
        ]
        assert (row["table"], row["setting"]) == (table, printed.setting)
        assert f"{row['reproduced_student_accuracy']:.3f}" == f"{printed.student_accuracy:.3f}"
        if printed.entropy is not None:
            assert f"{row['reproduced_entropy']:.3f}" == f"{printed.entropy:.3f}"
        if printed.teacher_accuracy is not None:
            assert f"{row['reproduced_teacher_accuracy']:.3f}" == f"{printed.teacher_accuracy:.3f}"
        assert row["parameters"] == printed.parameters


@pytest.mark.parametrize(
    "arguments", [["--seeds", "3"], ["--set", "seeds=3"], ["--set", "labels=50"]], ids=str
)
def test_nothing_can_be_set_in_the_reference_run(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        command_line.main(["run", "reference", *arguments])
    assert exit_.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "nothing in this experiment can be set" in printed.err


# ------------------------------------------------------------------------------------- settings

#: What every experiment on the digits takes besides its own.
ALL_TAKE = ", seeds, student_samples, split, first_seed"
TAKES = {
    "teacher-size": "labels, student_hidden, temperature, alpha, teachers, teacher_epochs",
    "balance": "labels, label_noise, teacher_labels, student_hidden, temperature, alphas",
    "progressive": "labels, teacher_hidden, teacher_epochs, assistant_hidden, student_hidden, "
    "temperature, alpha, assistant_labels",
}


@pytest.mark.parametrize("name", TAKES)
def test_each_experiment_takes_the_keys_of_the_contract(name: str) -> None:
    assert ", ".join(EXPERIMENTS[name].settings.parameters()) == TAKES[name] + ALL_TAKE


def test_several_shapes_are_separated_by_semicolons() -> None:
    settings = EXPERIMENTS["teacher-size"].settings.from_texts({"teachers": "8;16,4"})
    assert settings == TeacherSizeSettings(teachers=((8,), (16, 4)))


REFUSED: list[tuple[Callable[..., CheckedSettings], dict[str, Any], str]] = [
    (TeacherSizeSettings, {"teachers": ()}, "teachers must be"),
    (TeacherSizeSettings, {"teachers": ((8,), (8,))}, "teachers must be"),
    (TeacherSizeSettings, {"teachers": ((0,),)}, "teacher_hidden must be"),
    (TeacherSizeSettings, {"teachers": tuple((n,) for n in range(1, 14))}, "1 to 12 different"),
    (TeacherSizeSettings, {"teacher_epochs": 0}, "teacher_epochs must be"),
    (TeacherSizeSettings, {"teacher_epochs": 2.5}, "teacher_epochs must be"),
    (TeacherSizeSettings, {"temperature": 0}, "temperature must be"),
    (BalanceSettings, {"label_noise": 0.95}, "label_noise must be .* from 0 to 0.9"),
    (BalanceSettings, {"label_noise": -0.1}, "label_noise must be"),
    (BalanceSettings, {"teacher_labels": 901}, "teacher_labels must be"),
    (BalanceSettings, {"alphas": (0.5, 1.5)}, "alpha must be"),
    (BalanceSettings, {"alphas": (0.5, 0.5)}, "alphas must be"),
    (BalanceSettings, {"alphas": ()}, "alphas must be"),
    (BalanceMapSettings, {"map_label_noise": (0.0, 1.0)}, "label_noise must be"),
    (BalanceMapSettings, {"map_teacher_labels": ()}, "map_teacher_labels must be"),
    (ProgressiveSettings, {"assistant_hidden": ()}, "assistant_hidden must be"),
    (ProgressiveSettings, {"assistant_labels": 5}, "assistant_labels must be"),
]


@pytest.mark.parametrize(("settings", "wrong", "says"), REFUSED)
def test_wrong_settings_are_refused(
    settings: Callable[..., CheckedSettings], wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        settings(**wrong)


@pytest.mark.parametrize(
    ("settings", "too_much"),
    [
        (TeacherSizeSettings, {"teachers": ((1024,) * 4,), "teacher_epochs": 200}),
        (TeacherSizeSettings, {"student_hidden": (1024, 1024, 1024), "seeds": 50}),
        (BalanceSettings, {"student_hidden": (1024, 1024, 1024), "seeds": 50}),
        (BalanceMapSettings, {"student_hidden": (1024, 512), "seeds": 10}),
        (ProgressiveSettings, {"assistant_hidden": (1024, 1024, 1024), "seeds": 80}),
        (ProgressiveSettings, {"teacher_hidden": (1024, 1024, 1024), "teacher_epochs": 200}),
    ],
)
def test_too_much_work_is_refused(
    settings: Callable[..., CheckedSettings], too_much: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="times the work that is allowed"):
        settings(**too_much)


def test_the_work_of_a_run_is_that_of_all_its_networks() -> None:
    pool = 900
    sizes = TeacherSizeSettings(teachers=((8,), (16, 4)), teacher_epochs=3, seeds=2)
    student = parameter_count((64, 32, 10))
    small, large = parameter_count((64, 8, 10)), parameter_count((64, 16, 4, 10))
    students = 3 * 2 * student * 12_000
    assert sizes.work() == 3 * 2 * (small + large) * 3 * pool + 3 * students
    weak = BalanceSettings(teacher_labels=60, alphas=(0.0, 0.5), seeds=2)
    teacher = 3 * 2 * parameter_count((64, 64, 10)) * 30 * 60
    assert weak.work() == teacher + 3 * students
    assert BalanceMapSettings().work() == pytest.approx(
        sum(
            replace(weak, teacher_labels=n, alphas=BalanceMapSettings.alphas, seeds=10).work()
            for n in BalanceMapSettings.map_teacher_labels
            for _ in BalanceMapSettings.map_label_noise
        )
    )
    bridge = ProgressiveSettings(
        teacher_hidden=(16, 4), teacher_epochs=3, assistant_hidden=(8,), seeds=2
    )
    # The fourth route has a teacher of its own, of the assistant's shape.
    assert bridge.work() == 3 * 2 * (large * 3 + 2 * small * 30) * pool + 4 * students


# ------------------------------------------------------------------------- what others can read


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("teacher-size", TINY_SIZES),
        ("balance", TINY_BALANCE),
        ("progressive", TINY_PROGRESSIVE),
        ("reference", ReferenceSettings()),
    ],
)
def test_a_table_as_json_and_csv_repeats_the_run(name: str, settings: CheckedSettings) -> None:
    experiment = EXPERIMENTS[name]
    result = experiment.run(settings)
    data = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert data["rows"] == result.rows
    lines = list(csv.DictReader(io.StringIO(as_csv(result))))
    assert len(lines) == len(result.rows)
    prefix = "setting_"
    texts = {k.removeprefix(prefix): v for k, v in lines[0].items() if k.startswith(prefix)}
    assert experiment.settings.from_texts(texts) == settings
    for line, row in zip(lines, result.rows, strict=True):
        assert {key: line[key] for key in row} == {
            key: "" if value is None else str(value) for key, value in row.items()
        }
        assert line["experiment"] == name
        assert line["torch"] == torch.__version__
    if name != "reference":
        assert result.accuracy.shape == (3, len(result.rows))
        curves = result.measured.curves
        assert curves is not None
        for row, curve in zip(result.rows, curves, strict=True):
            assert curve.y[-1].mean == row["student_accuracy"]


# ----------------------------------------------------------------------------------- wrong labels


@given(
    n=st.integers(1, 900), share=st.floats(0, 1), classes=st.integers(2, 10), seed=st.integers(0, 9)
)
def test_exactly_the_share_of_labels_is_wrong(
    n: int, share: float, classes: int, seed: int
) -> None:
    labels = torch.arange(n) % classes
    before = labels.clone()
    noisy = noisy_labels(labels, share, classes, seed)
    assert int((noisy != labels).sum()) == round(share * n)
    assert noisy.min() >= 0
    assert noisy.max() < classes
    assert torch.equal(labels, before)


def test_every_wrong_class_is_as_likely() -> None:
    labels = torch.full((9000,), 3)
    counts = noisy_labels(labels, 1.0, 10, 0).bincount(minlength=10)
    assert counts[3] == 0
    others = counts[torch.arange(10) != 3].double()
    # Each is binomial with mean 1,000 and standard deviation 30.
    assert (others - 1000).abs().max() < 130


def test_more_noise_adds_to_the_wrong_labels_of_less_noise() -> None:
    labels = digits().training.labels
    some, more = (noisy_labels(labels, share, 10, 0) for share in (0.2, 0.4))
    wrong = some != labels
    assert torch.equal(more[wrong], some[wrong])


def test_each_seed_draws_its_own_wrong_labels_and_always_the_same() -> None:
    labels = digits().training.labels
    first, again, other = (noisy_labels(labels, 0.5, 10, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert ((first != labels) & (other != labels)).double().mean() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_an_impossible_share_of_wrong_labels_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="label noise must be from 0 to 1"):
        noisy_labels(torch.zeros(5, dtype=torch.long), share, 10, 0)


def test_only_labels_that_a_student_sees_are_wrong() -> None:
    labels = digits().training.labels
    rows, seen = draw_labels(digits(), (0, 1), 50, 0.3)
    for seed in (0, 1):
        assert torch.equal(rows[seed], few_labels(labels, 50, seed))
        expected = noisy_labels(labels[rows[seed]], 0.3, 10, seed)
        assert torch.equal(seen[seed][rows[seed]], expected)
        wrong = torch.nonzero(seen[seed] != labels).flatten()
        assert len(wrong) == 15
        assert set(wrong.tolist()) <= set(rows[seed].tolist())


# -------------------------------------------------------------------------------- weak teachers


def test_a_weak_teacher_has_seen_its_own_few_images() -> None:
    pool = digits().training
    own = few_labels(pool.labels, 60, 0, "teacher's labels")
    unseen = torch.ones(900, dtype=torch.bool)
    unseen[own] = False
    inputs = pool.inputs.clone()
    inputs[unseen] = torch.nan
    hidden = replace(digits(), name="hidden", training=replace(pool, inputs=inputs))
    usual, other = (train_teachers(d, (8,), (0,), 1800, labels=60) for d in (digits(), hidden))
    assert torch.equal(usual.test_logits, other.test_logits)
    # Nobody says that they are the student's images, or none of them.
    shared = set(own.tolist()) & set(few_labels(pool.labels, 60, 0).tolist())
    assert 0 < len(shared) < 20


def test_a_teacher_of_all_images_is_the_usual_teacher() -> None:
    usual = train_teachers(digits(), (4,), (0,), 320)
    assert train_teachers(digits(), (4,), (0,), 320, labels=900) is usual
    assert train_teachers(digits(), (4,), (0,), 320, labels=60) is not usual


# --------------------------------------------------------- one stack, several teachers and labels


def random_logits(*shape: int) -> Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(7))


def test_each_condition_of_a_stack_is_pulled_by_its_own_teacher_and_labels() -> None:
    seeds, conditions, batch = 2, 3, 8
    labels = torch.stack([torch.arange(900) % 10, torch.arange(900) % 7])
    teacher_logits = random_logits(seeds, conditions, 900, 10)
    rows = torch.randint(900, (seeds, batch), generator=torch.Generator().manual_seed(8))
    logits = random_logits(seeds * conditions, 10, batch)
    temperatures, alphas = (1.0, 4.0, 9.0), (0.3, 0.0, 0.6)
    stacked = Response(labels, teacher_logits, temperatures, alphas)
    ((_, gradient),) = stacked([logits], rows)
    for model in range(seeds * conditions):
        seed, condition = divmod(model, conditions)
        alone = Response(
            labels[seed],
            teacher_logits[seed : seed + 1, condition],
            temperatures[condition : condition + 1],
            alphas[condition : condition + 1],
        )
        ((_, expected),) = alone([logits[model : model + 1]], rows[seed : seed + 1])
        assert torch.allclose(gradient[model], expected[0], atol=1e-7)


def test_hard_labels_may_differ_from_seed_to_seed() -> None:
    labels = torch.stack([torch.arange(900) % 10, torch.arange(900) % 7])
    rows = torch.randint(900, (2, 8), generator=torch.Generator().manual_seed(8))
    logits = random_logits(2, 10, 8)
    ((_, gradient),) = HardLabels(labels, 10)([logits], rows)
    for seed in (0, 1):
        ((_, expected),) = HardLabels(labels[seed], 10)([logits[seed : seed + 1]], rows[seed, None])
        assert torch.equal(gradient[seed], expected[0])


def test_a_batch_has_what_is_known_of_its_images() -> None:
    values = random_logits(2, 3, 20, 5)
    rows = torch.tensor([[7, 7, 0], [19, 1, 2]])
    batch = BatchTable(values).batch(rows)
    assert batch.shape == (2, 3, 5, 3)
    assert batch.is_contiguous()
    for seed, picked in enumerate(rows):
        assert torch.equal(batch[seed], values[seed][:, picked].mT)
    shared = BatchTable(values[0, 0]).batch(rows)
    assert torch.equal(shared[1, 0], values[0, 0][rows[1]].mT)


def test_students_of_one_teacher_may_name_it_for_each_condition() -> None:
    teachers = train_teachers(digits(), (4,), (0, 1), 320)
    shape: tuple[int, tuple[int, ...], tuple[float, ...], tuple[float, ...]]
    shape = (20, (6,), (4.0, 4.0), (1.0, 0.3))
    once = train_students(digits(), teachers, (0, 1), *shape)
    twice = train_students(digits(), [teachers, teachers], (0, 1), *shape)
    assert torch.equal(once.test_logits, twice.test_logits)
    assert layer_sizes(digits(), (6,)) == once.stack.layer_sizes


# ------------------------------------------------------------------------ the best, and how sure


def test_what_is_not_told_apart_from_the_best() -> None:
    best = np.array([0.90, 0.92, 0.94, 0.96])
    values = np.stack(
        [
            best - 0.10,  # always worse
            best,
            best + np.array([0.05, -0.06, 0.05, -0.06]),  # now better, now worse
            best - np.array([0.010, 0.011, 0.010, 0.011]),  # a little worse, but always
        ],
        axis=1,
    )
    assert not_told_apart(values) == (1, (1, 2))
    # Apart, all but the first overlap.
    assert mean_interval(values[:, 3]).high > mean_interval(best).low


def test_equal_conditions_cannot_be_told_apart() -> None:
    values = torch.full((3, 4), 0.5, dtype=torch.float64)
    assert not_told_apart(values) == (0, (0, 1, 2, 3))


def test_with_one_seed_nothing_can_be_told_apart() -> None:
    assert not_told_apart([[0.1, 0.9, 0.5]]) == (1, (0, 1, 2))


@pytest.mark.parametrize("values", [[], [0.1, 0.2], [[]], [[[0.1]]]], ids=str)
def test_the_best_of_nothing_is_refused(values: list[Any]) -> None:
    with pytest.raises(
        ValueError, match=r"values must be \[seeds, conditions\]|best of no conditions"
    ):
        not_told_apart(values)


# ------------------------------------------------------------------------------------- progress


def test_a_part_reports_its_place_in_the_whole() -> None:
    class Stopping(Listener):
        def is_cancelled(self) -> bool:
            return True

    whole, curve = Listener(), LearningCurve()
    Part(whole, 0.5, 0.75).report("teacher", 0.4, curve)
    Part(whole, 0.5, 0.75, "map").report("students", 1.0, curve)
    assert whole.heard == [("teacher", pytest.approx(0.6)), ("map", 0.75)]
    assert not Part(whole, 0, 1).is_cancelled()
    assert Part(Stopping(), 0, 1).is_cancelled()
