"""Runs that are trained as one: each finds, to the last bit, what it would have found alone."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from kdcore import distillation, training
from kdcore.data import digits
from kdcore.distillation import Teachers, Trained, plan_teachers, train_teachers
from kdcore.experiments import (
    EXPERIMENTS,
    confidence,
    controls,
    lab,
    patience,
    progressive,
    student_size,
    t_squared,
    teacher_size,
    temperature,
    unseen_class,
    variants,
)  # fmt: skip
from kdcore.experiments.balance import BalanceSettings
from kdcore.experiments.confidence import ConfidenceSettings
from kdcore.experiments.controls import ControlsSettings
from kdcore.experiments.lab import LabSettings
from kdcore.experiments.on_policy import OnPolicySettings
from kdcore.experiments.patience import PatienceSettings
from kdcore.experiments.progressive import ProgressiveSettings
from kdcore.experiments.result import plan_students, train_students
from kdcore.experiments.self_distillation import SelfSettings
from kdcore.experiments.student_size import StudentSizeSettings
from kdcore.experiments.t_squared import TSquaredSettings
from kdcore.experiments.teacher_size import TeacherSizeSettings
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.experiments.unseen_class import UnseenClassSettings
from kdcore.experiments.variants import VariantsSettings
from kdcore.methods import METHODS, Method, Task
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.plans import Plan, Planned, carry_out, carry_out_together
from kdcore.store import BoundedStore
from kdcore.training import Cancelled
from kdcore.visit.jobs import SMALL_WORK, TOGETHER_AT_LEAST, TOGETHER_WORK, Job, JobPool
from kdcore.visit.machine import Room

MERGING = {name: e for name, e in EXPERIMENTS.items() if e.merges_over}
PATIENCE = 20.0


def assert_same_bits(one: Any, other: Any, where: str = "") -> None:
    """Compare two values with all that is in them, tensors bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, Tensor):
        assert one.shape == other.shape, where
        assert ((one == other) | (one.isnan() & other.isnan())).all(), where
    elif isinstance(one, MLPStack):
        for i, (a, b) in enumerate(zip(one.parameters, other.parameters, strict=True)):
            assert_same_bits(a, b, f"{where}.parameters[{i}]")
    elif is_dataclass(one):
        for each in fields(one):
            a, b = getattr(one, each.name), getattr(other, each.name)
            assert_same_bits(a, b, f"{where}.{each.name}")
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same_bits(one[key], other[key], f"{where}[{key!r}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same_bits(a, b, f"{where}[{i}]")
    else:
        assert one == other, where


@pytest.fixture(scope="module", autouse=True)
def _teachers_of_few_samples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (
            *(lab, temperature, t_squared, patience, progressive, student_size, teacher_size),
            *(unseen_class, controls, variants, confidence),
        ):
            patch.setattr(module, "teacher_samples", lambda *_: 320)
        patch.setattr(lab, "_curves", BoundedStore(16))
        yield


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what forgets all teachers, and students, that were trained before and are kept."""

    def all_of_them() -> None:
        monkeypatch.setattr(variants, "_learned", BoundedStore(64))
        monkeypatch.setattr(distillation, "_hard_students", BoundedStore(64))
        monkeypatch.setattr(distillation, "_teachers", BoundedStore(64))

    all_of_them()
    return all_of_them


SMALL_LAB: Any = {"student_hidden": (8,), "teacher_hidden": (4,), "student_samples": 320}


# ----------------------------------------------------------------------------------- to the bit

LAB_RUNS = st.builds(
    LabSettings,
    temperature=st.sampled_from([0.5, 1.0, 4.0, 20.0]),
    alpha=st.sampled_from([0.0, 0.3, 1.0]),
    teacher_hidden=st.sampled_from([(4,), (7,), (6, 5)]),
    student_hidden=st.sampled_from([(5,), (8,)]),
    labels=st.sampled_from([20, 30]),
    seeds=st.sampled_from([2, 3]),
    first_seed=st.sampled_from([0, 1]),
    student_samples=st.just(320),
)
_alone: dict[LabSettings, Any] = {}


def lab_alone(settings: LabSettings) -> Any:
    if settings not in _alone:
        distillation._hard_students.clear()
        _alone[settings] = MERGING["lab"].run(settings).measured
    return _alone[settings]


@hypothesis_settings(max_examples=10, deadline=None)
@given(st.lists(LAB_RUNS, min_size=1, max_size=6), st.booleans())
def test_any_runs_of_the_lab_made_together_in_any_order_are_each_run_alone(
    runs: list[LabSettings], knows_teachers: bool
) -> None:
    alone = [lab_alone(settings) for settings in runs]
    distillation._hard_students.clear()
    if not knows_teachers:
        distillation._teachers.clear()
    together = MERGING["lab"].run.together(runs, [SILENT] * len(runs))
    for settings, result, expected in zip(runs, together, alone, strict=True):
        assert not isinstance(result, Exception)
        assert result.settings == settings
        assert_same_bits(result.measured, expected)


SOME_RUNS: dict[str, list[Any]] = {
    "temperature": [
        TemperatureSettings(
            teacher_hidden=hidden, temperatures=temperatures, alpha=alpha, seeds=2,
            student_hidden=(8,), student_samples=320,
        )
        for hidden, temperatures, alpha in (
            ((8,), (1, 4, 9), 0.3), ((8,), (2, 3, 5), 0.3), ((4,), (1, 4), 0.0), ((4,), (1,), 1.0),
        )
    ],
    "balance": [
        BalanceSettings(
            label_noise=noise, teacher_labels=images, alphas=alphas, seeds=3, labels=60,
            student_hidden=(8,), student_samples=320,
        )
        for noise, images, alphas in (
            (0.0, 30, (0, 0.5, 1)), (0.4, 30, (0.2, 0.5)), (0.4, 60, (1, 0.9, 0)),
        )
    ],
    "t-squared": [
        TSquaredSettings(
            teacher_hidden=(8,), temperatures=temperatures, seeds=2,
            student_hidden=(8,), student_samples=320,
        )
        for temperatures in ((1, 4), (2, 20))
    ],
    "teacher-size": [
        TeacherSizeSettings(
            teachers=teachers, temperature=T, seeds=2, student_hidden=(8,), student_samples=320,
        )
        for teachers, T in ((((4,), (6, 5)), 4), (((7,), (4,)), 9), (((6, 5), (8,)), 4))
    ],
    "patience": [
        PatienceSettings(
            temperature=T, teacher_hidden=hidden, seeds=2, student_hidden=(8,),
            student_samples=2000,
        )
        for T, hidden in ((10, (8,)), (4, (8,)), (10, (4,)))
    ],
    "student-size": [
        StudentSizeSettings(
            student_widths=(4, 8), temperature=T, alpha=alpha, teacher_hidden=(8,), seeds=3,
            student_samples=320,
        )
        for T, alpha in ((4, 0.3), (9, 0.0))
    ],
    "progressive": [
        ProgressiveSettings(
            teacher_hidden=hidden, assistant_hidden=(6,), temperature=T, seeds=2,
            student_hidden=(8,), student_samples=320,
        )
        for hidden, T in (((8, 8), 4), ((5,), 4), ((5,), 1))
    ],
    "unseen-class": [
        UnseenClassSettings(
            omit=omit, temperatures=temperatures, first_seed=first, seeds=2,
            student_hidden=(8,), student_samples=320,
        )
        for omit, temperatures, first in (
            ((3,), (1, 4), 0), ((7,), (2, 8), 0), ((3, 5), (1, 4), 0), ((3,), (4, 1), 2),
        )
    ],
    "controls": [
        ControlsSettings(
            temperature=T, alpha=alpha, seeds=seeds, student_hidden=(8,), student_samples=320,
        )
        for T, alpha, seeds in ((8, 0.3, 2), (2, 0.0, 3), (4, 1.0, 2))
    ],
    "self": [
        SelfSettings(
            label_noise=noise, temperature=T, alpha=alpha, first_seed=first, seeds=2,
            generations=2, student_hidden=(8,), student_samples=320,
        )
        for noise, T, alpha, first in (
            (0.0, 4, 0.3, 0), (0.0, 2, 0.0, 0), (0.4, 4, 1.0, 0), (0.0, 4, 0.3, 1),
        )
    ],
    "variants": [
        VariantsSettings(
            teacher_hidden=hidden, temperature=T, alpha=alpha, hint_weight=weight,
            seeds=2, student_hidden=(8,), student_samples=320,
        )
        for hidden, T, alpha, weight in (
            ((5,), 4, 0.3, 10), ((6, 5), 4, 0.3, 10), ((5,), 2, 0.3, 10), ((5,), 4, 0.0, 10),
            ((5,), 4, 0.3, 1),
        )
    ],
    "confidence": [
        ConfidenceSettings(
            temperatures=temperatures, alpha=alpha, teacher_hidden=hidden, seeds=seeds, labels=60,
            student_hidden=(8,), student_samples=320,
        )
        for temperatures, alpha, hidden, seeds in (
            ((1, 4), 0.1, (5,), 2), ((2, 8), 0.1, (5,), 2), ((4, 1), 0.5, (6, 5), 3),
            ((1, 4), 1.0, (5,), 2),
        )
    ],
    "on-policy": [
        OnPolicySettings(
            jitter=jitter, split=split, first_seed=first, seeds=seeds, steps=60,
            student_hidden=(5,), direction=direction,
        )
        for jitter, split, first, seeds, direction in (
            (0.3, 0, 0, 2, "reverse"), (0.0, 0, 1, 3, "reverse"), (0.3, 1, 0, 2, "reverse"),
            (0.6, 0, 0, 2, "reverse"), (0.3, 0, 0, 2, "forward"),
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SOME_RUNS)
def test_runs_of_an_experiment_made_together_are_each_run_alone(
    name: str, forget: Callable[[], None]
) -> None:
    run, runs = EXPERIMENTS[name].run, SOME_RUNS[name]
    alone = []
    for settings in runs:
        forget()
        alone.append(run(settings).measured)
    for order in (range(len(runs)), reversed(range(len(runs)))):
        forget()
        which = list(order)
        together = run.together([runs[i] for i in which], [SILENT] * len(which))
        for i, result in zip(which, together, strict=True):
            assert_same_bits(getattr(result, "measured", result), alone[i])


def test_parts_of_a_run_are_one_progress_from_nothing_to_all() -> None:
    heard: list[tuple[str, float]] = []

    class Ears(Monitor):
        def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
            heard.append((stage, fraction))

    (settings, *_) = SOME_RUNS["student-size"]
    MERGING["student-size"].run(settings, Ears())
    students = [fraction for stage, fraction in heard if stage == "students"]
    assert students == sorted(students)
    assert students[-1] == 1
    # The first of two widths, 4 and 8, has about a third of the parameters and of the work.
    works = [settings.student_work((width,), 2) for width in settings.student_widths]
    assert any(fraction == pytest.approx(works[0] / sum(works)) for fraction in students)


def test_every_experiment_that_merges_is_tried() -> None:
    assert {*SOME_RUNS, "lab"} == set(MERGING)


def test_runs_of_different_experiments_can_be_made_together(forget: Callable[[], None]) -> None:
    lab = LabSettings(student_hidden=(8,), teacher_hidden=(8,), seeds=2, student_samples=320)
    temperature = SOME_RUNS["temperature"][0]
    alone = [MERGING["lab"].run(lab).measured, MERGING["temperature"].run(temperature).measured]
    forget()
    functions: list[Any] = [MERGING["lab"].function, MERGING["temperature"].function]
    plans = [f.plan(s) for f, s in zip(functions, (lab, temperature), strict=True)]
    for found, expected in zip(carry_out_together(plans, [SILENT] * 2), alone, strict=True):
        assert_same_bits(found, expected)


def test_the_students_of_all_runs_are_one_stack(
    forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks = stacks_of(monkeypatch)
    runs = [
        LabSettings(temperature=T, seeds=seeds, first_seed=first, **SMALL_LAB)
        for T, seeds, first in ((1, 2, 0), (4, 2, 0), (4, 3, 5))
    ]
    MERGING["lab"].run.together(runs, [SILENT] * 3)
    # Teachers of seeds 0 and 1, and of 5 to 7; of each run the distilled, of each the hard ones.
    assert stacks == [5, 2 + 2 + 3 + 2 + 3]


def stacks_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that the size of each stack is written to when it is trained."""
    sizes: list[int] = []

    def train(stack: MLPStack, *arguments: Any) -> None:
        sizes.append(len(stack))
        original(stack, *arguments)

    original = training.train
    monkeypatch.setattr(distillation, "train", train)
    return sizes


def test_what_runs_of_four_ways_have_in_common_is_trained_once(
    forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def count(name: str, method: Method) -> Method:
        def train(task: Task, monitor: Monitor) -> Trained:
            trained.append(name)
            return method.train(task, monitor)

        return replace(method, train=train)

    for name, method in METHODS.items():
        monkeypatch.setitem(METHODS, name, count(name, method))  # type: ignore[index]
    usual, hotter, other = (
        SOME_RUNS["variants"][0],
        SOME_RUNS["variants"][2],
        replace(SOME_RUNS["variants"][0], first_seed=5),
    )
    run = EXPERIMENTS["variants"].run
    run.together([usual, hotter], [SILENT] * 2)
    assert sorted(trained) == sorted([*METHODS, "response", "self", "dkd"])
    # And kept for the next one.
    trained.clear()
    run(replace(usual, alpha=0.9))
    assert trained == ["response", "self"]
    trained.clear()
    run(other)
    assert trained == list(METHODS)


def test_the_first_generation_is_a_hard_label_student_like_those_of_other_lessons(
    forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    few: Any = {"labels": 50, "student_hidden": (8,), "seeds": 2, "student_samples": 320}
    own = EXPERIMENTS["self"].run(SelfSettings(generations=1, **few))
    stacks = stacks_of(monkeypatch)
    other = MERGING["lab"].run(LabSettings(teacher_hidden=(4,), **few))
    assert stacks == [2, 2]  # teachers and distilled students
    assert own.rows[0]["student_accuracy"] == other.rows[1]["student_accuracy"]


# ------------------------------------------------------------------------- hard-label students


def test_hard_label_students_are_trained_once_for_all_temperatures_and_teachers(
    forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks = stacks_of(monkeypatch)
    first = MERGING["lab"].run(LabSettings(temperature=4, seeds=2, **SMALL_LAB)).measured
    assert stacks == [2, 4]
    other: Any = {**SMALL_LAB, "teacher_hidden": (7,)}
    changed = MERGING["lab"].run(LabSettings(temperature=2, alpha=0, seeds=2, **other)).measured
    assert stacks == [2, 4, 2, 2]
    assert_same_bits(first.curves_of["hard"], changed.curves_of["hard"])
    assert_same_bits(first.networks["hard"], changed.networks["hard"])
    forget()
    again = MERGING["lab"].run(LabSettings(temperature=2, alpha=0, seeds=2, **other)).measured
    assert_same_bits(changed, again)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": 40}, {"student_hidden": (9,)}, {"student_samples": 960}, {"split": 1},
        {"first_seed": 1}, {"seeds": 3},
    ],
    ids=str,
)  # fmt: skip
def test_other_hard_label_students_are_others(
    change: dict[str, Any], forget: Callable[[], None]
) -> None:
    settings: Any = {"labels": 50, "seeds": 2, **SMALL_LAB}
    MERGING["lab"].run(LabSettings(**settings))
    beside = MERGING["lab"].run(LabSettings(**{**settings, **change})).measured
    forget()
    alone = MERGING["lab"].run(LabSettings(**{**settings, **change})).measured
    assert_same_bits(beside, alone)


def test_wrong_labels_make_other_hard_label_students(forget: Callable[[], None]) -> None:
    teachers = train_teachers(digits(), (4,), (0, 1), 320)
    right, wrong = (
        train_students(digits(), teachers, (0, 1), 60, (8,), (1.0,), (1.0,), label_noise=noise)
        for noise in (0.0, 0.6)
    )
    assert (right.accuracy > wrong.accuracy + 0.05).all()


def test_few_hard_label_students_are_kept() -> None:
    assert distillation._hard_students._capacity_bytes == 16 * 2**20


def test_who_waits_for_students_that_are_kept_in_part_sees_the_curves_of_all(
    forget: Callable[[], None],
) -> None:
    class Watches(Monitor):
        def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
            if stage == "students" and curve.accuracy:
                assert len(curve.accuracy) == len(curve.samples_seen)
                shapes.append((len(curve.accuracy), curve.accuracy[-1].shape[1]))

    for _ in range(2):  # the second time the hard-label students are there
        shapes: list[tuple[int, int]] = []
        MERGING["temperature"].run(SOME_RUNS["temperature"][0], Watches())
        points, columns = zip(*shapes, strict=True)
        assert set(columns) == {4}
        assert list(points) == sorted(points)
        assert points[0] < points[-1]


# --------------------------------------------------------------------------- plans of any kind


@dataclass(frozen=True, eq=False)
class Done:
    """What a fake training gives."""

    name: str
    curve: LearningCurve = field(default_factory=LearningCurve)


@dataclass(frozen=True, eq=False)
class Fake:
    """A training that takes three batches, and can be told to fail."""

    name: str
    alike: str = "alike"
    key: str | None = None
    fails: bool = False
    stage: str = "fake"
    work: float = 1.0
    log: list[list[str]] = field(default_factory=list)

    def train_with(self, others: Sequence[Fake], monitors: Sequence[Monitor]) -> list[Done]:
        together = [self, *others]
        self.log.append([each.name for each in together])
        for batch in range(3):
            if all(monitor.is_cancelled() for monitor in monitors):
                raise Cancelled
            for each, monitor in zip(together, monitors, strict=True):
                accuracy = [torch.full((1, 1), float(batch))] * (batch + 1)
                curve = LearningCurve(list(range(batch + 1)), accuracy)
                monitor.report(f"{self.stage} {each.name}", (batch + 1) / 3, curve)
        if bad := [each.name for each in together if each.fails]:
            raise ValueError(f"{bad} failed among {len(together)}")
        return [Done(each.name, curve) for each in together]


class Hears(Monitor):
    """Writes down what it hears, and leaves when it has been asked so often."""

    def __init__(self, leaves_after: float = float("inf")) -> None:
        self.heard: list[tuple[str, float]] = []
        self.asked = 0
        self._leaves_after = leaves_after

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.heard.append((stage, round(fraction, 3)))

    def is_cancelled(self) -> bool:
        self.asked += 1
        return self.asked > self._leaves_after


def wants(*rounds: Sequence[Any]) -> Plan[list[str]]:
    """Plan to ask for some trainings after others; find their names."""
    found = []
    for wanted in rounds:
        found += [done.name for done in (yield wanted)]
    return found


def test_what_is_alike_is_trained_as_one_and_what_is_the_same_once() -> None:
    log: list[list[str]] = []
    plans = [
        wants([Fake("a", "x", key="a", log=log)], [Fake("s", log=log)]),
        wants([Fake("a", "x", key="a", log=log)], [Fake("t", log=log), Fake("u", "y", log=log)]),
        wants([Done("known")], [Fake("v", log=log)]),
        wants([Fake("b", "x", key="b", log=log)], [Fake("w", log=log)]),
    ]
    found = carry_out_together(plans, [SILENT] * 4)
    assert log == [["a", "b"], ["s", "t", "v", "w"], ["u"]]
    assert found == [["a", "s"], ["a", "t", "u"], ["known", "v"], ["b", "w"]]


def test_who_is_late_is_waited_for() -> None:
    log: list[list[str]] = []
    plans = [wants([Done("known")], [Fake("s", log=log)]), wants([Fake("a", log=log)])]
    carry_out_together(plans, [SILENT] * 2)
    assert log == [["a"], ["s"]]


def test_each_hears_of_its_own_training_and_of_the_whole() -> None:
    monitors = [Hears(), Hears(), Hears()]
    plans = [wants([Fake("a")]), wants([Fake("b")]), wants([Fake("c", "other")])]
    carry_out_together(plans, monitors)
    assert monitors[0].heard == [("fake a", 0.222), ("fake a", 0.444), ("fake a", 0.667)]
    assert monitors[1].heard == [("fake b", 0.222), ("fake b", 0.444), ("fake b", 0.667)]
    # It waits for the others, and knows.
    assert monitors[2].heard == [
        ("fake", 0.667), ("fake c", 0.778), ("fake c", 0.889), ("fake c", 1.0),
    ]  # fmt: skip


def test_one_who_leaves_leaves_the_others_alone() -> None:
    log: list[list[str]] = []
    plans = [wants([Fake("a", log=log)], [Fake("c", log=log)]), wants([Fake("b")], [Fake("d")])]
    found = carry_out_together(plans, [Hears(leaves_after=1), SILENT])
    assert isinstance(found[0], Cancelled)
    assert found[1] == ["b", "d"]
    assert log == [["a", "b"]]  # the second round was the other's alone


def test_when_all_have_left_the_training_stops_before_the_next_batch() -> None:
    monitors = [Hears(leaves_after=1), Hears(leaves_after=0)]
    found = carry_out_together([wants([Fake("a")]), wants([Fake("b")])], monitors)
    assert [type(each) for each in found] == [Cancelled, Cancelled]
    assert [len(monitor.heard) for monitor in monitors] == [1, 1]


def test_a_training_that_two_want_goes_on_when_one_of_them_leaves() -> None:
    plans = [wants([Fake("a", key="a")]), wants([Fake("a", key="a")])]
    found = carry_out_together(plans, [Hears(leaves_after=0), SILENT])
    assert isinstance(found[0], Cancelled)
    assert found[1] == ["a"]


def test_one_who_fails_fails_alone_with_its_own_error() -> None:
    plans = [wants([Fake("a")]), wants([Fake("bad", fails=True)]), wants([Fake("c")])]
    first, bad, last = carry_out_together(plans, [SILENT] * 3)
    assert (first, last) == (["a"], ["c"])
    assert str(bad) == "['bad'] failed among 1"


def test_a_plan_that_breaks_breaks_alone() -> None:
    def breaks() -> Plan[list[str]]:
        yield [Fake("a")]
        raise RuntimeError("broken")

    broken, whole = carry_out_together([breaks(), wants([Fake("b")])], [SILENT] * 2)
    assert str(broken) == "broken"
    assert whole == ["b"]


def test_a_plan_carried_out_alone_raises_what_it_ends_with() -> None:
    with pytest.raises(ValueError, match="failed among 1"):
        carry_out(wants([Fake("a", fails=True)]))
    with pytest.raises(Cancelled):
        carry_out(wants([Fake("a")]), Hears(leaves_after=2))


def test_a_run_that_diverges_among_others_does_so_alone(forget: Callable[[], None]) -> None:
    dataset, seeds = digits(), (0, 1)
    usual = carry_out(plan_teachers(dataset, (4,), seeds, 320))
    spoiled = Teachers(usual.trained, usual.training_logits * torch.nan)

    def students(teachers: Teachers) -> Plan[Any]:
        return plan_students(dataset, teachers, seeds, 20, (8,), (4.0,), (0.3,), samples=640)

    expected = carry_out(students(usual))
    bad, good = carry_out_together([students(spoiled), students(usual)], [SILENT] * 2)
    assert str(bad).startswith("Training diverged: 2 of 2 networks")
    assert_same_bits(good, expected)


def test_a_run_keeps_nothing_of_the_others(forget: Callable[[], None]) -> None:
    dataset, seeds = digits(), (0, 1)
    teachers = carry_out(plan_teachers(dataset, (4,), seeds, 320))
    plans = [
        plan_students(dataset, teachers, seeds, 20, (8,), (T,), (0.3,), samples=64)
        for T in (1.0, 2.0, 4.0)
    ]
    for trained in carry_out_together(plans, [SILENT] * 3):
        assert not isinstance(trained, Exception)
        tensors = [trained.test_logits, trained.accuracy, *trained.curve.accuracy]
        for tensor in tensors:
            assert tensor.untyped_storage().nbytes() == tensor.nbytes
        assert len(trained.stack) == 2


@pytest.mark.parametrize("name", MERGING)
def test_what_runs_may_differ_in_is_what_they_set(name: str) -> None:
    experiment = MERGING[name]
    assert isinstance(experiment.function, Planned)
    assert set(experiment.merges_over) <= set(experiment.settings.parameters())
    assert pickle.loads(pickle.dumps(experiment.function)) is experiment.function
    assert pickle.loads(pickle.dumps(experiment.run)) == experiment.run


def test_runs_are_of_one_kind_if_their_students_train_as_one_stack() -> None:
    kind = MERGING["lab"].run.kind
    usual = kind(LabSettings())
    assert kind(LabSettings(temperature=9, alpha=0, teacher_hidden=(8,), seeds=3)) == usual
    assert kind(LabSettings(student_hidden=(8,))) != usual
    assert kind(LabSettings(labels=60)) != usual
    assert kind(LabSettings(student_samples=3000)) != usual
    kind = MERGING["temperature"].run.kind
    usual = kind(TemperatureSettings(temperatures=(1, 2)))
    assert kind(TemperatureSettings(temperatures=(3, 4))) == usual
    assert kind(TemperatureSettings(temperatures=(3, 4, 5))) != usual
    assert EXPERIMENTS["online"].run.kind(EXPERIMENTS["online"].settings()) is None


# ------------------------------------------------------------------------------------- the pool


@dataclass(frozen=True)
class Wish:
    """Settings of a fake run."""

    name: int
    kind: str = "alike"
    teacher: str = ""
    multiply_adds: float = 0.0
    bytes: float = 0.0

    def work(self) -> float:
        return self.multiply_adds

    def memory(self) -> float:
        return self.bytes


class Together:
    """A function that can make several runs at once, and holds them until it may go on."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.started = threading.Semaphore(0)
        self.fails: set[int] = set()

    def __call__(self, settings: Wish, monitor: Monitor) -> str:
        (outcome,) = self.together([settings], [monitor])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def kind(self, settings: Wish) -> str | None:
        return settings.kind or None

    def traits(self, settings: Wish) -> tuple[str]:
        return (settings.teacher,)

    def together(
        self, settings: Sequence[Wish], monitors: Sequence[Monitor]
    ) -> list[str | Exception]:
        self.calls.append([each.name for each in settings])
        for each, monitor in zip(settings, monitors, strict=True):
            monitor.report(f"run {each.name}", each.name / 100, LearningCurve())
        self.started.release()
        for _ in range(10_000):
            if all(monitor.is_cancelled() for monitor in monitors):
                return [Cancelled()] * len(settings)
            if self.may_go_on.wait(0.002):
                break
        return [
            Cancelled()
            if monitor.is_cancelled()
            else ValueError(f"{each.name} failed")
            if each.name in self.fails
            else f"found {each.name}"
            for each, monitor in zip(settings, monitors, strict=True)
        ]


@pytest.fixture
def function() -> Together:
    return Together()


@pytest.fixture
def pools() -> Iterator[Callable[..., JobPool]]:
    made: list[JobPool] = []

    def make(**arguments: Any) -> JobPool:
        made.append(JobPool(**{"workers": 1, "silence": 1e9, **arguments}))
        return made[-1]

    yield make
    for pool in made:
        pool.shutdown()


def waiting(pool: JobPool, function: Together, wishes: Sequence[Wish]) -> list[Job[str]]:
    """Let runs wait behind one that has started alone."""
    pool.submit(function, Wish(0), "first")
    assert function.started.acquire(timeout=PATIENCE)
    return [pool.submit(function, wish, f"visitor {wish.name}") for wish in wishes]


def test_who_asks_first_starts_at_once_and_alone_and_who_waits_goes_together(
    pools: Callable[..., JobPool], function: Together
) -> None:
    jobs = waiting(pools(), function, [Wish(i) for i in range(1, 6)])
    assert all(job.look().state == "waiting" for job in jobs)
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert [job.result() for job in jobs] == [f"found {i}" for i in range(1, 6)]
    assert function.calls == [[0], [1, 2, 3, 4, 5]]


def test_only_what_is_alike_goes_together(
    pools: Callable[..., JobPool], function: Together
) -> None:
    other = Together()
    pool = pools()
    wishes = [Wish(1), Wish(2, "other"), Wish(3), Wish(4, ""), Wish(5, "other"), Wish(6, "")]
    jobs = waiting(pool, function, wishes)
    jobs.append(pool.submit(other, Wish(7)))
    function.may_go_on.set()
    other.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert function.calls == [[0], [1, 3], [2, 5], [4], [6]]
    assert other.calls == [[7]]


def test_who_has_most_in_common_with_the_first_goes_with_it(
    pools: Callable[..., JobPool], function: Together
) -> None:
    each = TOGETHER_WORK / 3.5
    wishes = [
        Wish(i, teacher=teacher, multiply_adds=each) for i, teacher in enumerate("abcaba", start=1)
    ]
    jobs = waiting(pools(), function, wishes)
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert function.calls == [[0], [1, 4, 6], [2, 5, 3]]


def test_large_runs_go_alone(pools: Callable[..., JobPool], function: Together) -> None:
    large = 2 * SMALL_WORK
    jobs = waiting(pools(), function, [Wish(i, multiply_adds=large) for i in (1, 2)])
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert function.calls == [[0], [1], [2]]


def test_what_goes_together_is_bounded_by_work(
    pools: Callable[..., JobPool], function: Together
) -> None:
    each = TOGETHER_WORK / 3.5
    jobs = waiting(pools(), function, [Wish(i, multiply_adds=each) for i in range(1, 8)])
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert function.calls == [[0], [1, 2, 3], [4, 5, 6], [7]]


def test_what_goes_together_is_bounded_by_memory(
    pools: Callable[..., JobPool], function: Together
) -> None:
    room = Room(800 * 2**20, lambda: 100 * 2**20)
    pool = pools(room=room)
    jobs = waiting(pool, function, [Wish(i, bytes=38 * 2**20) for i in range(1, 6)])
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    # An eighth of it: 8 MB that any run takes, and 30 MB for each.
    assert function.calls == [[0], [1, 2, 3], [4, 5]]


def test_workers_share_what_waits(pools: Callable[..., JobPool], function: Together) -> None:
    many = 3 * TOGETHER_AT_LEAST
    pool = pools(workers=2)
    beside = Together()
    pool.submit(beside, Wish(0), "beside")
    jobs = waiting(pool, function, [Wish(i) for i in range(1, many + 1)])
    function.may_go_on.set()
    beside.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert sorted(len(call) for call in function.calls) == sorted(
        [1, many // 2, TOGETHER_AT_LEAST, many // 2 - TOGETHER_AT_LEAST]
    )
    assert sorted(name for call in function.calls for name in call) == list(range(many + 1))


def test_each_of_those_who_run_together_sees_its_own_progress(
    pools: Callable[..., JobPool], function: Together
) -> None:
    pool = pools()
    first = pool.submit(function, Wish(0))
    assert function.started.acquire(timeout=PATIENCE)
    jobs = [pool.submit(function, Wish(i)) for i in (10, 20)]
    pool.release(first)
    assert function.started.acquire(timeout=PATIENCE)
    assert function.calls == [[0], [10, 20]]
    looks = [job.look() for job in jobs]
    assert [(look.state, look.stage, look.fraction) for look in looks] == [
        ("running", "run 10", 0.1),
        ("running", "run 20", 0.2),
    ]


def test_one_who_is_stopped_leaves_those_beside_alone(
    pools: Callable[..., JobPool], function: Together
) -> None:
    pool = pools()
    first = pool.submit(function, Wish(0))
    assert function.started.acquire(timeout=PATIENCE)
    jobs = [pool.submit(function, Wish(i)) for i in (1, 2, 3)]
    pool.release(first)
    assert function.started.acquire(timeout=PATIENCE)
    pool.release(jobs[1])
    assert jobs[1].look().state == "stopped"
    assert jobs[0].look().state == "running"
    function.may_go_on.set()
    assert jobs[0].wait(PATIENCE)
    assert jobs[2].wait(PATIENCE)
    assert (jobs[0].result(), jobs[2].result()) == ("found 1", "found 3")
    again = pool.submit(function, Wish(2))
    assert again.wait(PATIENCE)
    assert again.result() == "found 2"


def test_when_all_are_stopped_their_worker_is_free(
    pools: Callable[..., JobPool], function: Together
) -> None:
    pool = pools()
    first = pool.submit(function, Wish(0))
    assert function.started.acquire(timeout=PATIENCE)
    jobs = [pool.submit(function, Wish(i)) for i in (1, 2, 3)]
    pool.release(first)
    assert function.started.acquire(timeout=PATIENCE)
    for job in jobs:
        pool.release(job)
    last = pool.submit(function, Wish(4))
    assert function.started.acquire(timeout=PATIENCE)
    assert function.calls[-1] == [4]
    assert last.look().state == "running"


def test_one_who_was_stopped_before_they_start_does_not_come_along(
    pools: Callable[..., JobPool], function: Together
) -> None:
    pool = pools()
    jobs = waiting(pool, function, [Wish(i) for i in (1, 2, 3)])
    pool.leave("visitor 2")
    function.may_go_on.set()
    assert jobs[0].wait(PATIENCE)
    assert jobs[2].wait(PATIENCE)
    assert function.calls == [[0], [1, 3]]


def test_one_who_fails_beside_others_fails_alone(
    pools: Callable[..., JobPool], function: Together
) -> None:
    function.fails = {2}
    jobs = waiting(pools(), function, [Wish(i) for i in (1, 2, 3)])
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert [job.look().state for job in jobs] == ["done", "failed", "done"]
    assert str(jobs[1].look().error) == "2 failed"


def test_visitors_take_turns_in_company_too(
    pools: Callable[..., JobPool], function: Together
) -> None:
    pool = pools()
    pool.submit(function, Wish(0), "first")
    assert function.started.acquire(timeout=PATIENCE)
    each = TOGETHER_WORK / 2.5  # two go together
    greedy = [pool.submit(function, Wish(i, multiply_adds=each), "greedy") for i in (1, 2, 3)]
    late = pool.submit(function, Wish(9, multiply_adds=each), "late")
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in [*greedy, late])
    assert function.calls[1] == [1, 9]


def test_results_of_runs_made_together_are_kept_like_others(
    pools: Callable[..., JobPool], function: Together
) -> None:
    pool = pools()
    jobs = waiting(pool, function, [Wish(1), Wish(2)])
    function.may_go_on.set()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert pool.submit(function, Wish(2)) is jobs[1]
    assert function.calls == [[0], [1, 2]]


def test_thirty_who_move_a_slider_each_get_what_they_would_have_got_alone(
    pools: Callable[..., JobPool], forget: Callable[[], None]
) -> None:
    pool, run = pools(workers=2), MERGING["lab"].run
    wishes = [
        LabSettings(temperature=1 + i / 2, labels=20, seeds=2, **SMALL_LAB) for i in range(12)
    ]
    jobs = [pool.submit(run, wish, i) for i, wish in enumerate(wishes)]
    assert all(job.wait(PATIENCE) for job in jobs)
    forget()
    for job, wish in zip(jobs, wishes, strict=True):
        assert_same_bits(job.result().measured, run(wish).measured)
