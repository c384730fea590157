"""The digit it never saw, and the impostors of dark knowledge: what they show, and how."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kdcore import command_line, figures
from kdcore.data import Dataset, LabelledImages, digits
from kdcore.distillation import Response
from kdcore.experiments import EXPERIMENTS, unseen_class
from kdcore.experiments.controls import (
    TARGETS,
    ControlsSettings,
    MeasuredControls,
    controls_pattern,
    soft_labels_carry_similarity,
    soft_over,
    soft_targets,
)
from kdcore.experiments.result import (
    AnyResult,
    Measured,
    Result,
    accuracy_columns,
    mark_together,
)
from kdcore.experiments.unseen_class import (
    MeasuredUnseen,
    UnseenClassSettings,
    class_frequencies,
    look_into,
    seen_rows,
    unseen_pattern,
)
from kdcore.experiments.unseen_class import (
    unseen as judged_unseen,
)
from kdcore.losses import entropy, soft_labels
from kdcore.statistics import Interval, verdict
from kdcore.targets import logits_of, shuffled, smoothed
from kdcore.unseen import balancing_shift, confusion, recall, shifted

CLASSES = 10

#: The same teachers for all that is to be seen here: they are trained once.
SEEDS = 5


@pytest.fixture(scope="module")
def unseen() -> AnyResult:
    settings = UnseenClassSettings(temperatures=(1.0, 2.0, 8.0, 16.0), seeds=SEEDS)
    return EXPERIMENTS["unseen-class"].run(settings)


@pytest.fixture(scope="module")
def controls() -> AnyResult:
    return EXPERIMENTS["controls"].run(ControlsSettings(seeds=SEEDS))


@pytest.fixture
def small_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the experiments a teacher that is soon trained, where it matters not what it says."""
    for kind in (UnseenClassSettings, ControlsSettings):
        monkeypatch.setattr(kind, "teacher_hidden", (8,))


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_logits(*shape: int, seed: int = 0, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(shape, generator=draw(seed))


def some_labels(count: int, seed: int = 1) -> Tensor:
    return torch.randint(CLASSES, (count,), generator=draw(seed))


def is_label(labels: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(labels, CLASSES).bool()


# ------------------------------------------------------------------- what there is to see: unseen


def row_at(result: AnyResult, temperature: float | None) -> dict[str, Any]:
    (row,) = (row for row in result.rows if row["temperature"] == temperature)
    return row


def recall_at(result: AnyResult, temperature: float | None) -> Interval:
    row = row_at(result, temperature)
    return Interval(row["unseen_recall"], row["unseen_recall_ci"], SEEDS)


def test_without_a_3_hard_labels_teach_no_3_and_soft_labels_do(unseen: AnyResult) -> None:
    assert recall_at(unseen, None).high <= 0.02
    assert recall_at(unseen, 1).high <= 0.02
    assert recall_at(unseen, 8).low >= 0.70
    recalls = [recall_at(unseen, t).mean for t in (1, 2, 8, 16)]
    assert recalls == sorted(recalls)


def test_the_bias_correction_brings_out_what_the_student_knows(unseen: AnyResult) -> None:
    at_8, hard = row_at(unseen, 8), row_at(unseen, None)
    assert at_8["unseen_recall_corrected"] > at_8["unseen_recall"]
    assert at_8["unseen_recall_corrected"] - at_8["unseen_recall_corrected_ci"] > 0.95
    assert at_8["student_accuracy_corrected"] > at_8["student_accuracy"]
    # Part of it is no dark knowledge, and the table says so.
    assert 0.1 < hard["unseen_recall_corrected"] < 0.7
    assert hard["student_accuracy_corrected"] < hard["student_accuracy"]


def test_the_claim_of_the_unseen_digit_is_judged_by_this_run(unseen: AnyResult) -> None:
    assert unseen_pattern(unseen) in ("most", "nearly-all")
    assert judged_unseen(unseen).verdict == "supported"


def test_two_digits_can_be_taken_out() -> None:
    result = EXPERIMENTS["unseen-class"].run(
        UnseenClassSettings(omit=(3, 5), temperatures=(16.0,), seeds=SEEDS)
    )
    hard, soft = result.rows
    assert hard["unseen_recall"] <= 0.02
    assert soft["unseen_recall"] > 0.6
    assert soft["unseen_recall_corrected"] > soft["unseen_recall"]
    # Each image is of a digit that was taken out or of one that was not.
    out = torch.isin(digits().test.labels, torch.tensor([3, 5])).double().mean().item()
    for row in result.rows:
        right = out * row["unseen_recall"] + (1 - out) * row["seen_accuracy"]
        assert row["student_accuracy"] == pytest.approx(right)
    measured = result.measured
    assert isinstance(measured, MeasuredUnseen)
    assert all(student.shifts.shape == (2,) for student in measured.students)


def test_not_one_image_of_an_omitted_digit_is_learned_from(
    small_teacher: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = digits().training.labels
    met: set[int] = set()
    original = Response.__call__

    def listening(self: Response, activations: list[Tensor], rows: Tensor) -> Any:
        met.update(labels[rows.flatten()].tolist())
        return original(self, activations, rows)

    monkeypatch.setattr(Response, "__call__", listening)
    EXPERIMENTS["unseen-class"].run(
        UnseenClassSettings(
            omit=(3, 5),
            temperatures=(2.0,),
            student_hidden=(4,),
            student_samples=3_200,
            seeds=2,
        )
    )
    assert met == {0, 1, 2, 4, 6, 7, 8, 9}
    assert len(seen_rows(labels, (3, 5))) == 720


# ----------------------------------------------------------------- the rule of the bias correction


@given(
    seed=st.integers(0, 10_000),
    omit=st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
)
@settings(max_examples=25, deadline=None)
def test_the_rule_makes_the_answer_as_frequent_as_the_class(seed: int, omit: list[int]) -> None:
    logits = some_logits(2, 200, CLASSES, seed=seed)
    logits[..., omit] -= 8
    shifts = balancing_shift(logits, omit, [0.1] * len(omit))
    answers = shifted(logits, omit, shifts).argmax(-1)
    for omitted in omit:
        counts = (answers == omitted).sum(-1)
        assert ((counts - 20).abs() <= 1).all()


def test_the_rule_leaves_other_logits_alone_and_a_balanced_student_nearly_so() -> None:
    logits = some_logits(4000, CLASSES)
    shift = balancing_shift(logits, [3], [(logits.argmax(-1) == 3).double().mean().item()])
    assert shift.abs() < 0.05
    moved = shifted(logits, [3], 2.5)
    assert torch.allclose(moved[:, 3], logits[:, 3] + 2.5)
    others = [c for c in range(CLASSES) if c != 3]
    assert torch.equal(moved[:, others], logits[:, others])


def test_the_rule_lies_between_the_two_margins_around_the_rank() -> None:
    # Margins 1, 2, 3, 4: with half of the images wanted, the shift lies between 2 and 3.
    logits = torch.tensor([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0]])
    assert balancing_shift(logits, [0], [0.5]).tolist() == [2.5]


@pytest.mark.parametrize("frequencies", [[0.0], [1.0], [-0.1], [0.5, 0.5], [float("nan")]], ids=str)
def test_frequencies_that_leave_no_room_are_refused(frequencies: list[float]) -> None:
    with pytest.raises(ValueError, match="frequencies must be between 0 and 1"):
        balancing_shift(some_logits(20, CLASSES), range(len(frequencies)), frequencies)


def test_the_rule_never_looks_at_the_test_set(
    small_teacher: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = digits()
    # Other test images with other labels: what was learned and corrected must not move.
    other = replace(
        usual,
        name="digits with another test set",
        test=LabelledImages(torch.rand(50, 64, generator=draw()), some_labels(50)),
    )
    small = UnseenClassSettings(temperatures=(8.0,), student_samples=3_200, seeds=2)

    def shifts(dataset: Dataset) -> Tensor:
        monkeypatch.setattr(unseen_class, "digits", lambda split: dataset)
        measured = EXPERIMENTS["unseen-class"].run(small).measured
        assert isinstance(measured, MeasuredUnseen)
        return torch.stack([student.shifts for student in measured.students])

    assert torch.equal(shifts(usual), shifts(other))


def test_class_frequencies_are_those_of_the_training_pool() -> None:
    assert class_frequencies(digits().training.labels, (3, 5)) == pytest.approx([0.1, 0.1])
    assert class_frequencies(torch.tensor([3, 3, 5, 7]), (5, 3)) == [0.25, 0.5]


# ----------------------------------------------------------------------- one student, to play with


def test_one_student_is_looked_into_as_the_table_measured_it(unseen: AnyResult) -> None:
    measured = unseen.measured
    assert isinstance(measured, MeasuredUnseen)
    assert measured.recall is not None
    for row, student in enumerate(measured.students):
        look = look_into(student, (3,), 0.0)
        assert look.unseen_recall == pytest.approx(measured.recall[0, row].item())
        assert look.accuracy == pytest.approx(unseen.accuracy[0, row].item())
        total = int((digits().test.labels == 3).sum())
        assert len(look.right) + len(look.wrong) == total
        assert look.confusion[3, 3] == len(look.right)
        assert look.confusion.sum() == len(digits().test)
        assert all(answer != 3 for _, answer in look.wrong)
        assert all(digits().test.labels[i] == 3 for i in look.right)


def test_the_larger_the_shift_the_higher_the_recall(unseen: AnyResult) -> None:
    measured = unseen.measured
    assert isinstance(measured, MeasuredUnseen)
    at_2 = measured.students[2]
    looks = [look_into(at_2, (3,), shift) for shift in (0.0, 2.0, at_2.shifts.item(), 30.0)]
    recalls = [look.unseen_recall for look in looks]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1
    assert looks[-1].seen_accuracy < 0.1


def test_confusion_and_recall_count_answers() -> None:
    logits = torch.eye(3)[[0, 1, 1, 2]]
    labels = torch.tensor([0, 1, 2, 2])
    assert confusion(logits, labels).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert recall(logits, labels, [2]) == 0.5
    assert recall(logits, labels, [0, 1]) == 1


# ----------------------------------------------------------------- what there is to see: controls


def test_soft_labels_beat_smoothed_and_shuffled_ones(controls: AnyResult) -> None:
    assert verdict(soft_over(controls, "hard")) == "helps"
    assert soft_over(controls, "smoothed").low > 0.02
    assert soft_over(controls, "shuffled").low > 0.02
    assert controls_pattern(controls) == "order"
    assert soft_labels_carry_similarity(controls) == "supported"


def test_shuffling_the_wrong_answers_destroys_the_gain(controls: AnyResult) -> None:
    rows = {row["targets"]: row for row in controls.rows}
    assert rows["soft"]["verdict"] == "helps"
    assert rows["shuffled"]["verdict"] != "helps"
    assert rows["shuffled"]["gain"] < 0.2 * rows["soft"]["gain"]


def test_the_impostors_are_as_sure_as_the_teacher(controls: AnyResult) -> None:
    rows = {row["targets"]: row for row in controls.rows}
    assert rows["hard"]["label_probability"] == 1
    assert rows["hard"]["target_entropy"] == 0
    sure = [rows[name]["label_probability"] for name in TARGETS[1:]]
    assert sure == [pytest.approx(sure[0], abs=1e-9)] * 3
    assert rows["shuffled"]["target_entropy"] == pytest.approx(rows["soft"]["target_entropy"])
    # The most even rest has the most entropy.
    assert rows["smoothed"]["target_entropy"] > rows["soft"]["target_entropy"]


def test_an_example_of_each_digit_shows_its_targets(controls: AnyResult) -> None:
    measured = controls.measured
    assert isinstance(measured, MeasuredControls)
    assert [example.label for example in measured.examples] == list(range(CLASSES))
    for example in measured.examples:
        assert digits().training.labels[example.index] == example.label
        assert list(example.targets) == list(TARGETS)
        assert example.targets["hard"][example.label] == 1
        said = [example.targets[name][example.label].item() for name in TARGETS[1:]]
        assert said == [said[0]] * 3
        second = example.likeliest_wrong_answer("soft")
        order = example.targets["soft"].argsort(descending=True).tolist()
        assert second == next(digit for digit in order if digit != example.label)


# ------------------------------------------------------------------------------ the targets as such

seeds_and_scales = given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.0, 1.0, 5.0, 40.0]))


@seeds_and_scales
def test_targets_keep_the_probability_of_the_label_exactly(seed: int, scale: float) -> None:
    labels = some_labels(30, seed)
    soft = soft_labels(some_logits(30, CLASSES, seed=seed, scale=scale), 4.0)
    for target in (smoothed(soft, labels), shuffled(soft, labels, draw(seed))):
        assert torch.equal(target[is_label(labels)], soft[is_label(labels)])
        assert torch.allclose(target.sum(-1), torch.ones(30), atol=1e-5)


@seeds_and_scales
def test_smoothing_spreads_the_rest_evenly(seed: int, scale: float) -> None:
    labels = some_labels(30, seed)
    soft = soft_labels(some_logits(30, CLASSES, seed=seed, scale=scale), 4.0)
    rest = smoothed(soft, labels)[~is_label(labels)].view(30, 9)
    expected = soft[~is_label(labels)].view(30, 9).mean(1, keepdim=True).expand(30, 9)
    assert torch.allclose(rest, expected)


@seeds_and_scales
def test_shuffling_deals_out_the_same_numbers(seed: int, scale: float) -> None:
    labels = some_labels(30, seed)
    soft = soft_labels(some_logits(30, CLASSES, seed=seed, scale=scale), 4.0)
    dealt = shuffled(soft, labels, draw(seed))
    assert torch.equal(dealt.sort(-1).values, soft.sort(-1).values)
    assert torch.allclose(entropy(dealt), entropy(soft), atol=1e-5)


def test_each_image_is_shuffled_in_its_own_way_and_every_place_is_as_likely() -> None:
    labels = torch.zeros(20_000, dtype=torch.long)
    ladder = torch.arange(10.0).expand(20_000, 10) / 45
    dealt = shuffled(ladder, labels, draw())
    assert len(dealt[:50].unique(dim=0)) == 50
    assert torch.allclose(dealt[:, 1:].mean(0), ladder[0, 1:].mean().expand(9), atol=0.003)
    assert torch.equal(dealt, shuffled(ladder, labels, draw()))
    assert not torch.equal(dealt, shuffled(ladder, labels, draw(1)))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 8.0, 100.0])
def test_stand_in_logits_have_the_targets_as_soft_labels(temperature: float) -> None:
    soft = soft_labels(some_logits(40, CLASSES), temperature)
    again = soft_labels(logits_of(soft, temperature), temperature)
    assert torch.allclose(again, soft, atol=1e-6)
    assert torch.isfinite(logits_of(soft, temperature)).all()


@pytest.mark.parametrize("temperature", [1.0, 8.0])
def test_the_real_soft_labels_pull_like_the_teacher_itself(temperature: float) -> None:
    labels, teacher = some_labels(40), some_logits(2, 40, CLASSES)
    rows = torch.randint(40, (2, 8), generator=draw(2))
    logits = some_logits(2, CLASSES, 8, seed=3)
    soft = soft_targets(teacher, labels, temperature, (0, 1))["soft"]
    ((_, expected),) = Response(labels, teacher, (temperature,), (0.3,))([logits], rows)
    stand_in = logits_of(soft, temperature)
    ((_, pull),) = Response(labels, stand_in, (temperature,), (0.3,))([logits], rows)
    assert torch.allclose(pull, expected, atol=1e-5)


def test_targets_are_defined_at_the_temperature_of_the_run() -> None:
    labels, teacher = some_labels(40), some_logits(2, 40, CLASSES)
    for temperature in (1.0, 8.0):
        targets = soft_targets(teacher, labels, temperature, (0, 1))
        expected = soft_labels(teacher, temperature)[:, is_label(labels)]
        for target in targets.values():
            assert torch.equal(target[:, is_label(labels)], expected)


def test_seeds_shuffle_differently_and_always_alike() -> None:
    labels, teacher = some_labels(40), some_logits(1, 40, CLASSES).expand(2, -1, -1)
    first, second = soft_targets(teacher, labels, 4.0, (0, 1))["shuffled"]
    assert not torch.equal(first, second)
    assert torch.equal(soft_targets(teacher[:1], labels, 4.0, (1,))["shuffled"][0], second)


# ---------------------------------------------------------------------------- verdicts on claims


def made_up(accuracies: dict[str, list[float]]) -> AnyResult:
    names = list(TARGETS)
    table = torch.tensor([accuracies[name] for name in names], dtype=torch.float64).T
    baselines = [None, *(table[:, 0] for _ in names[1:])]
    rows = [
        {"targets": name, **accuracy_columns(own, hard)}
        for name, own, hard in zip(names, table.unbind(1), baselines, strict=True)
    ]
    mark_together(rows, len(table))
    return Result(EXPERIMENTS["controls"], ControlsSettings(), Measured(rows, table), 0.0)


HIGH, LOW = [0.90, 0.91, 0.92, 0.93], [0.80, 0.81, 0.83, 0.82]


@pytest.mark.parametrize(
    ("soft", "smooth", "shuffle", "pattern", "claim"),
    [
        (HIGH, LOW, LOW, "order", "supported"),
        (HIGH, HIGH, LOW, "softness", "undecided"),
        (HIGH, LOW, HIGH, "any", "undecided"),
        (LOW, LOW, LOW, "nothing", "undecided"),
        (LOW, HIGH, LOW, "smoothed-wins", "contradicted"),
        (LOW, LOW, HIGH, "shuffled-wins", "contradicted"),
    ],
)
def test_what_the_controls_say_follows_from_paired_intervals(
    soft: list[float], smooth: list[float], shuffle: list[float], pattern: str, claim: str
) -> None:
    result = made_up({"hard": LOW, "soft": soft, "smoothed": smooth, "shuffled": shuffle})
    assert controls_pattern(result) == pattern
    assert soft_labels_carry_similarity(result) == claim


def made_up_recall(hard: list[float], soft: list[float]) -> AnyResult:
    recalls = torch.tensor([hard, soft], dtype=torch.float64).T
    rows = [{"unseen_recall": recalls[:, i].mean().item()} for i in (0, 1)]
    measured = MeasuredUnseen(rows, recall=recalls, students=())
    return Result(EXPERIMENTS["unseen-class"], UnseenClassSettings(), measured, 0.0)


@pytest.mark.parametrize(
    ("hard", "soft", "pattern", "claim"),
    [
        ([0.0] * 4, [0.0, 0.01, 0.0, 0.02], "none", "contradicted"),
        ([0.0] * 4, [0.30, 0.35, 0.31, 0.33], "few", "supported"),
        ([0.0] * 4, [0.80, 0.85, 0.81, 0.83], "most", "supported"),
        ([0.0] * 4, [0.95, 0.96, 0.97, 0.95], "nearly-all", "supported"),
        ([0.0] * 4, [0.00, 0.60, 0.05, 0.10], "few", "undecided"),
        # No better than without soft labels.
        ([0.30, 0.35, 0.31, 0.34], [0.31, 0.34, 0.30, 0.35], "few", "undecided"),
    ],
)
def test_what_the_unseen_digit_says_follows_from_its_recall(
    hard: list[float], soft: list[float], pattern: str, claim: str
) -> None:
    result = made_up_recall(hard, soft)
    assert unseen_pattern(result) == pattern
    assert judged_unseen(result).verdict == claim


# ------------------------------------------------------------------------------- the command line


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert command_line.main(["run", *arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_unseen_class_prints_its_contract(
    small_teacher: None, capsys: pytest.CaptureFixture[str]
) -> None:
    result = printed(
        capsys, "unseen-class", "--set", "omit=3,5", "temperatures=1,8", "student_hidden=8",
        "student_samples=3200", "--seeds", "2",
    )  # fmt: skip
    assert result["experiment"] == "unseen-class"
    assert result["settings"]["omit"] == [3, 5]
    assert [row["temperature"] for row in result["rows"]] == [None, 1, 8]
    for row in result["rows"]:
        assert list(row)[:6] == [
            "temperature",
            "unseen_recall",
            "unseen_recall_ci",
            "unseen_recall_corrected",
            "seen_accuracy",
            "student_accuracy",
        ]
        assert all(0 <= row[name] <= 1 for name in list(row)[1:6] if name != "unseen_recall_ci")


def test_controls_prints_its_contract(
    small_teacher: None, capsys: pytest.CaptureFixture[str]
) -> None:
    result = printed(
        capsys, "controls", "--set", "labels=40", "temperature=6", "alpha=0.2", "student_hidden=8",
        "student_samples=3200", "--seeds", "2",
    )  # fmt: skip
    assert [row["targets"] for row in result["rows"]] == list(TARGETS)
    for row in result["rows"]:
        assert list(row)[:6] == [
            "targets",
            "student_accuracy",
            "student_accuracy_ci",
            "gain",
            "gain_ci",
            "verdict",
        ]
        assert (row["gain"] is None) == (row["targets"] == "hard")


@pytest.mark.parametrize(
    ("name", "assignment", "says"),
    [
        ("unseen-class", "omit=10", "whole number from 0 to 9"),
        ("unseen-class", "omit=", "whole number from 0 to 9"),
        ("unseen-class", "omit=3,3", "1 to 8 different values"),
        ("unseen-class", "omit=0,1,2,3,4,5,6,7,8", "1 to 8 different values"),
        ("unseen-class", "omit=3.5", "whole number from 0 to 9"),
        ("unseen-class", "temperatures=0", "from 0.1 to 100"),
        ("unseen-class", "labels=50", "has: omit, temperatures, student_hidden, seeds,"),
        ("controls", "alpha=2", "from 0 to 1"),
        ("controls", "targets=soft", "has: labels, temperature, alpha, student_hidden, seeds,"),
        ("controls", "labels=5", "from 10 to 900"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], name: str, assignment: str, says: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        command_line.main(["run", name, "--set", assignment])
    assert exit_.value.code == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_runs_that_are_too_large_are_refused() -> None:
    with pytest.raises(ValueError, match="times the work"):
        UnseenClassSettings(student_hidden=(1024, 1024), seeds=100)
    with pytest.raises(ValueError, match="times the work"):
        ControlsSettings(student_hidden=(1024, 1024), seeds=1000)


def test_the_same_settings_give_the_same_numbers(small_teacher: None) -> None:
    little: dict[str, Any] = {"student_hidden": (4,), "student_samples": 3_200, "seeds": 2}
    for name, small in (
        ("unseen-class", UnseenClassSettings(temperatures=(4.0,), **little)),
        ("controls", ControlsSettings(**little)),
    ):
        first, second = (EXPERIMENTS[name].run(small).rows for _ in range(2))
        assert first == second


# ------------------------------------------------------------------------------------- the figures


def test_the_recall_chart_holds_every_figure_of_the_table() -> None:
    plain, corrected = (
        [Interval(0.25, 0.1, 5), Interval(0.9, 0.02, 5)],
        [Interval(0.95, 0.01, 5)] * 2,
    )
    names = {key: key for key in ("plain", "corrected", "hard_plain", "hard_corrected")}
    figure = figures.recall_figure(
        (2.0, 8.0),
        {"plain": plain, "corrected": corrected},
        {"plain": Interval(0, 0, 5), "corrected": Interval(0.4, 0.08, 5)},
        "T",
        "recall (%)",
        names,
    )
    lines = {trace.name: trace for trace in figure.data}
    assert list(lines["plain"].y) == [25, 90]
    assert list(lines["plain"].error_y.array) == [10, 2]
    assert list(lines["corrected"].y) == [95, 95]
    assert list(lines["hard_corrected"].y) == [40, 40]
    assert lines["hard_plain"].line.color != lines["plain"].line.color


def test_the_confusion_chart_counts_images_and_marks_rows() -> None:
    counts = torch.tensor([[5, 0], [1, 3]])
    heat = figures.confusion_figure(counts, [1], "answered", "true").data[0]
    assert [list(row) for row in heat.text] == [["5", ""], ["1", "3"]]
    assert [list(row) for row in heat.z] == [[1, 0], [0.25, 0.75]]
    assert heat.y[0] == "0" and "1" in heat.y[1] != "1"


def test_the_targets_chart_has_a_row_of_bars_for_each_target(controls: AnyResult) -> None:
    measured = controls.measured
    assert isinstance(measured, MeasuredControls)
    example = measured.examples[8]
    figure = figures.targets_figure(example.targets, 8, {name: name for name in TARGETS}, "%")
    assert len(figure.data) == 4
    for trace, name in zip(figure.data, TARGETS, strict=True):
        assert list(trace.y) == pytest.approx((100 * example.targets[name]).tolist())
    # The three that are compared share one scale.
    scales = [figure.layout[f"yaxis{row}"].range for row in (2, 3, 4)]
    assert scales == [scales[0]] * 3


def test_the_shift_chart_marks_the_slider_and_the_rule(unseen: AnyResult) -> None:
    measured = unseen.measured
    assert isinstance(measured, MeasuredUnseen)
    looks = [look_into(measured.students[2], (3,), shift) for shift in (0.0, 1.0, 2.0)]
    names = {"unseen": "unseen", "seen": "seen", "rule": "the rule"}
    figure = figures.shift_figure(looks, 1.0, 1.7, "shift", "%", names)
    assert [shape.x0 for shape in figure.layout.shapes] == [1.0, 1.7]
    assert list(figure.data[0].y) == [100 * look.unseen_recall for look in looks]
