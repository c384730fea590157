"""Students of several sizes: what each costs, what it keeps, and whether distilling helps it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kdcore import distillation
from kdcore.data import digits
from kdcore.distillation import train_teachers
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import AnyResult, Measured, train_students
from kdcore.experiments.student_size import (
    StudentSizeSettings,
    how_much_smaller,
    most_quality_for_a_fraction,
    same_accuracy,
    student_size,
)
from kdcore.figures import student_size_figure
from kdcore.models import parameter_count
from kdcore.monitor import LearningCurve, Monitor
from kdcore.statistics import mean_interval, paired_difference, verdict
from kdcore.store import BoundedStore

TINY = StudentSizeSettings(
    labels=20, teacher_hidden=(9,), student_widths=(6, 3), seeds=3, student_samples=3_200
)
WIDTHS = StudentSizeSettings(student_widths=(4, 16, 32, 64), seeds=8)


class Listener(Monitor):
    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.heard.append((stage, fraction))


@pytest.fixture(scope="module")
def few_labels() -> AnyResult:
    return EXPERIMENTS["student-size"].run(WIDTHS)


@pytest.fixture(scope="module")
def all_labels() -> AnyResult:
    return EXPERIMENTS["student-size"].run(
        replace(WIDTHS, labels=900, student_widths=(4, 64), student_samples=8_000)
    )


@pytest.fixture(scope="module")
def tiny() -> Measured:
    return student_size(TINY)


# ------------------------------------------------------------------------------- what is seen


def test_with_few_labels_a_distilled_student_can_be_smaller(few_labels: AnyResult) -> None:
    same = same_accuracy(few_labels)
    assert same.times_smaller is not None
    assert same.times_smaller > 1.5
    assert how_much_smaller(same) != "not"


def test_with_few_labels_distilling_keeps_most_of_the_quality(few_labels: AnyResult) -> None:
    assert most_quality_for_a_fraction(few_labels) == "supported"


def test_with_all_labels_distilling_makes_no_student_smaller(all_labels: AnyResult) -> None:
    assert how_much_smaller(same_accuracy(all_labels)) == "not"
    assert most_quality_for_a_fraction(all_labels) == "contradicted"


def test_a_student_of_four_units_cannot_follow_its_teacher(few_labels: AnyResult) -> None:
    row = few_labels.rows[1]
    assert (row["student_width"], row["label_type"]) == (4, "distilled")
    assert row["gain"] < 0


def test_wider_distilled_students_keep_more(few_labels: AnyResult) -> None:
    kept = [row["quality_kept"] for row in few_labels.rows if row["label_type"] == "distilled"]
    assert kept == sorted(kept)


# ------------------------------------------------------------------------------- the table


def test_two_rows_a_width_in_the_order_given(tiny: Measured) -> None:
    keys = [(row["student_width"], row["label_type"]) for row in tiny.rows]
    assert keys == [(6, "hard"), (6, "distilled"), (3, "hard"), (3, "distilled")]
    for row in tiny.rows:
        assert list(row) == [
            *("student_width", "label_type", "parameters", "bytes", "multiply_adds"),
            *("share_of_teacher", "student_accuracy", "student_accuracy_ci"),
            *("gain", "gain_ci", "verdict", "quality_kept", "quality_kept_ci"),
            "teacher_accuracy",
        ]
    assert tiny.accuracy is not None
    assert tiny.accuracy.shape == (TINY.seeds, 4)
    assert tiny.curves is not None
    assert len(tiny.curves) == 4


def test_size_is_counted_from_the_shape(tiny: Measured) -> None:
    for row in tiny.rows:
        width = row["student_width"]
        assert row["parameters"] == parameter_count((64, width, 10))
        assert row["bytes"] == 4 * row["parameters"]
        assert row["multiply_adds"] == 64 * width + width * 10
        share = parameter_count((64, width, 10)) / parameter_count((64, 9, 10))
        assert row["share_of_teacher"] == pytest.approx(share)


def test_the_gain_is_paired_with_the_hard_label_student_of_the_same_width(tiny: Measured) -> None:
    assert tiny.accuracy is not None
    for hard in (0, 2):
        assert tiny.rows[hard]["gain"] is tiny.rows[hard]["verdict"] is None
        gain = paired_difference(tiny.accuracy[:, hard + 1], tiny.accuracy[:, hard])
        row = tiny.rows[hard + 1]
        assert (row["gain"], row["gain_ci"]) == pytest.approx((gain.mean, gain.half_width))
        assert row["verdict"] == verdict(gain)


def test_quality_kept_is_a_students_accuracy_by_that_of_its_own_teacher(tiny: Measured) -> None:
    teachers = train_teachers(digits(), (9,), (0, 1, 2), 30 * 900)
    assert tiny.accuracy is not None
    for row, accuracy in zip(tiny.rows, tiny.accuracy.unbind(1), strict=True):
        kept = mean_interval(accuracy / teachers.accuracy)
        assert row["quality_kept"] == pytest.approx(kept.mean)
        assert row["quality_kept_ci"] == pytest.approx(kept.half_width)
        assert row["teacher_accuracy"] == pytest.approx(teachers.accuracy.mean().item())


def test_students_are_those_of_the_other_experiments(tiny: Measured) -> None:
    teachers = train_teachers(digits(), (9,), (0, 1, 2), 30 * 900)
    students = train_students(
        digits(), teachers, (0, 1, 2), 20, (6,), (4.0, 4.0), (1.0, TINY.alpha), samples=3_200
    )
    assert tiny.accuracy is not None
    assert torch.equal(tiny.accuracy[:, :2], students.accuracy)


# -------------------------------------------------------------------- settings and progress


def test_widths_are_read_checked_and_refused() -> None:
    experiment = EXPERIMENTS["student-size"]
    settings = experiment.settings.from_texts({"student_widths": "8,16"})
    assert isinstance(settings, StudentSizeSettings)
    assert settings.student_widths == (8, 16)
    for text in ("0", "8,8", "1025", "8;16", "1.5", ",".join(map(str, range(1, 14)))):
        with pytest.raises(ValueError, match="student_width"):
            experiment.settings.from_texts({"student_widths": text})


def test_work_grows_with_every_width() -> None:
    assert replace(TINY, student_widths=(6, 3, 9)).work() > TINY.work()
    with pytest.raises(ValueError, match="fewer seeds"):
        StudentSizeSettings(student_widths=(1024, 1023, 1022), seeds=1000)


def test_students_of_all_widths_are_one_stage_of_the_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(distillation, "_teachers", BoundedStore(capacity=2))
    listener = Listener()
    student_size(TINY, listener)
    for stage in ("teacher", "students"):
        fractions = [fraction for name, fraction in listener.heard if name == stage]
        assert fractions == sorted(fractions)
        assert fractions[-1] == pytest.approx(1)
    stages = [stage for stage, _ in listener.heard]
    assert stages == sorted(stages, reverse=True)


# ------------------------------------------------------------------------------------ chart


def test_the_chart_has_both_kinds_with_their_intervals_and_the_teacher(tiny: Measured) -> None:
    names = {who: who for who in ("teacher", "hard", "distilled", "chosen")}
    figure = student_size_figure(tiny.rows, TINY.seeds, 757, 3, "parameters", names)
    drawn = {trace.name: trace for trace in figure.data}
    assert set(drawn) == set(names)
    for who in ("hard", "distilled"):
        # From small to large, whatever the order of the run.
        own = [row for row in tiny.rows[::-1] if row["label_type"] == who]
        assert list(drawn[who].x) == [row["parameters"] for row in own]
        assert list(drawn[who].y) == [100 * row["student_accuracy"] for row in own]
        intervals = [100 * row["student_accuracy_ci"] for row in own]
        assert list(drawn[who].error_y.array) == intervals
    assert list(drawn["teacher"].x) == [757]
    assert set(drawn["chosen"].x) == {parameter_count((64, 3, 10))}
    assert figure.layout.xaxis.type == "log"
