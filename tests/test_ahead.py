"""Idle workers prepare what the next move may ask for, and let go of it for whoever waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from kdcore import distillation
from kdcore.experiments import lab
from kdcore.experiments.lab import MOST_SEEDS_AHEAD, LabSettings, lab_teachers, teachers_ahead
from kdcore.experiments.result import Preparation
from kdcore.monitor import Monitor
from kdcore.settings import TEACHER_WIDTHS
from kdcore.store import BoundedStore
from kdcore.training import Cancelled
from kdcore.visit import machine
from kdcore.visit.jobs import MOST_AHEAD, JobPool

PATIENCE = 20.0


class Prepares:
    """What may be done ahead: it lasts until it may go on, or is needed elsewhere."""

    def __init__(self, may_go_on: bool = True) -> None:
        self.begun: list[Any] = []
        self.done: list[Any] = []
        self.stopped: list[Any] = []
        self.may_go_on = threading.Event()
        self.started = threading.Semaphore(0)
        if may_go_on:
            self.may_go_on.set()

    def __call__(self, settings: Any, monitor: Monitor) -> None:
        self.begun.append(settings)
        self.started.release()
        while not self.may_go_on.wait(0.002):
            if monitor.is_cancelled():
                self.stopped.append(settings)
                raise Cancelled
        if settings == "bad":
            raise RuntimeError("went wrong ahead")
        self.done.append(settings)


class Run:
    """A job's function after which some things may be prepared."""

    def __init__(self, prepares: Prepares, ahead: Callable[[Any], list[Any]]) -> None:
        self._prepares, self._ahead = prepares, ahead
        self.may_finish = threading.Event()
        self.may_finish.set()

    def __call__(self, settings: Any, monitor: Monitor) -> str:
        while not self.may_finish.wait(0.002):
            if monitor.is_cancelled():
                raise Cancelled
        if settings == "fails":
            raise ValueError("this went wrong")
        return f"result of {settings}"

    def ahead(self, settings: Any) -> list[Preparation]:
        return [(self._prepares, each) for each in self._ahead(settings)]


@pytest.fixture
def pools() -> Iterator[Callable[..., JobPool]]:
    made: list[JobPool] = []

    def make(**arguments: Any) -> JobPool:
        made.append(JobPool(**{"workers": 1, "ahead": True, "silence": 1e9, **arguments}))
        return made[-1]

    yield make
    for pool in made:
        pool.shutdown()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_after_a_run_an_idle_worker_prepares_what_comes_next(
    pools: Callable[..., JobPool],
) -> None:
    prepares = Prepares()
    run = Run(prepares, lambda settings: [f"{settings}, then {i}" for i in (1, 2)])
    pool = pools()
    assert pool.submit(run, "a").wait(PATIENCE)
    eventually(lambda: prepares.done == ["a, then 1", "a, then 2"])
    eventually(lambda: not pool._running)


def test_a_run_that_fails_prepares_nothing(pools: Callable[..., JobPool]) -> None:
    prepares = Prepares()
    pool, run = pools(), Run(prepares, lambda settings: [f"after {settings}"])
    assert pool.submit(run, "fails").wait(PATIENCE)
    assert pool.submit(run, "a").wait(PATIENCE)
    eventually(lambda: prepares.done == ["after a"])


def test_nothing_is_prepared_where_that_is_forbidden(pools: Callable[..., JobPool]) -> None:
    prepares = Prepares()
    pool, run = pools(ahead=False), Run(prepares, lambda settings: [1])
    for settings in range(3):
        assert pool.submit(run, settings).wait(PATIENCE)
    eventually(lambda: not pool._running)
    assert not prepares.begun


def test_who_comes_is_served_at_once_and_the_rest_is_prepared_later(
    pools: Callable[..., JobPool],
) -> None:
    prepares = Prepares(may_go_on=False)
    run = Run(prepares, lambda settings: [1, 2] if settings == "a" else [])
    pool = pools()
    assert pool.submit(run, "a").wait(PATIENCE)
    assert prepares.started.acquire(timeout=PATIENCE)
    assert pool.submit(run, "b").wait(PATIENCE)
    assert prepares.stopped == [1]
    prepares.may_go_on.set()
    eventually(lambda: prepares.done == [1, 2])
    assert prepares.begun == [1, 1, 2]


def test_who_finds_another_worker_free_lets_it_go_on(pools: Callable[..., JobPool]) -> None:
    prepares = Prepares(may_go_on=False)
    run = Run(prepares, lambda settings: [1, 2] if settings == "a" else [])
    pool = pools(workers=2)
    assert pool.submit(run, "a").wait(PATIENCE)
    assert prepares.started.acquire(timeout=PATIENCE)
    for settings in "bcd":
        assert pool.submit(run, settings).wait(PATIENCE)
    assert prepares.begun == [1]  # and one at a time, though a worker is free
    assert not prepares.stopped


def test_while_others_train_nothing_goes_on_ahead_of_need(pools: Callable[..., JobPool]) -> None:
    batches = 0

    def prepares(settings: Any, monitor: Monitor) -> None:
        nonlocal batches
        while not monitor.is_cancelled():
            batches += 1
            time.sleep(0.001)
        raise Cancelled

    run = Run(Prepares(), lambda settings: [])
    run.ahead = lambda settings: [(prepares, 1)] if settings == "a" else []  # type: ignore
    pool = pools(workers=2)
    assert pool.submit(run, "a").wait(PATIENCE)
    eventually(lambda: batches > 3)
    run.may_finish.clear()
    job = pool.submit(run, "b")
    eventually(lambda: job.look().state == "running")
    time.sleep(0.02)
    before = batches
    time.sleep(0.1)
    assert batches <= before + 1
    run.may_finish.set()
    assert job.wait(PATIENCE)
    eventually(lambda: batches > before + 3)


def test_two_who_come_have_both_workers(pools: Callable[..., JobPool]) -> None:
    prepares = Prepares(may_go_on=False)
    run = Run(prepares, lambda settings: [1] if settings == "a" else [])
    pool = pools(workers=2)
    assert pool.submit(run, "a").wait(PATIENCE)
    assert prepares.started.acquire(timeout=PATIENCE)
    run.may_finish.clear()
    jobs = [pool.submit(run, settings) for settings in "bc"]
    eventually(lambda: all(job.look().state == "running" for job in jobs))
    assert prepares.stopped == [1]
    run.may_finish.set()


def test_little_is_kept_in_mind_and_the_same_once(pools: Callable[..., JobPool]) -> None:
    prepares = Prepares(may_go_on=False)
    run = Run(prepares, lambda settings: range(settings, settings + MOST_AHEAD))  # type: ignore
    pool = pools(workers=2)
    for settings in (0, 0, 2, 5):
        assert pool.submit(run, settings).wait(PATIENCE)
    eventually(lambda: bool(prepares.begun))
    assert len(pool._ahead) == MOST_AHEAD
    assert [settings for _, settings in pool._ahead][-1] == 4 + MOST_AHEAD
    pool.shutdown()
    assert prepares.stopped == [0]


def test_what_fails_ahead_of_need_is_logged_and_harms_nobody(
    pools: Callable[..., JobPool], caplog: pytest.LogCaptureFixture
) -> None:
    prepares = Prepares()
    run = Run(prepares, lambda settings: ["bad", "good"] if settings == "a" else [])
    pool = pools()
    with caplog.at_level(logging.WARNING):
        assert pool.submit(run, "a").wait(PATIENCE)
        eventually(lambda: prepares.done == ["good"])
    assert "went wrong ahead" in caplog.text
    assert pool.submit(run, "b").wait(PATIENCE)
    assert prepares.begun == ["bad", "good"]


# -------------------------------------------------------------------------------------- the Lab


def test_the_lab_prepares_the_other_teachers_of_its_slider_the_nearest_first() -> None:
    said = teachers_ahead(LabSettings(teacher_hidden=(64,), temperature=7))
    assert [function for function, _ in said] == [lab_teachers] * 6
    assert [settings.teacher_hidden for _, settings in said] == [
        (32,), (128,), (16,), (256,), (8,), (512,),
    ]  # fmt: skip
    assert {(settings.seeds, settings.temperature) for _, settings in said} == {(10, 7)}


@pytest.mark.parametrize(
    "change",
    [{"first_seed": 77}, {"seeds": MOST_SEEDS_AHEAD + 1}, {"teacher_hidden": (256, 128)}],
    ids=str,
)
def test_the_lab_prepares_nothing_that_is_unlikely_or_large(change: dict[str, Any]) -> None:
    assert teachers_ahead(LabSettings(**change)) == []


def test_a_move_of_the_slider_finds_its_teacher_trained_with_the_same_figures(
    pools: Callable[..., JobPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "teacher_samples", lambda dataset: 320)
    monkeypatch.setattr(lab, "_curves", BoundedStore(16))
    monkeypatch.setattr(distillation, "_teachers", BoundedStore(64))
    small: Any = {"seeds": 2, "student_samples": 320}
    moved = LabSettings(teacher_hidden=(16,), **small)
    alone = lab.EXPERIMENT.run(moved)
    distillation._teachers.clear()
    pool = pools()
    assert pool.submit(lab.EXPERIMENT.run, LabSettings(**small)).wait(PATIENCE)
    eventually(lambda: len(distillation._teachers) == len(TEACHER_WIDTHS))
    stages = set()

    class Hears(Monitor):
        def report(self, stage: str, fraction: float, curve: object) -> None:
            stages.add(stage)

    again = lab.EXPERIMENT.run(moved, Hears())
    assert stages == {"students"}
    assert torch.equal(again.measured.teacher_logits, alone.measured.teacher_logits)
    assert torch.equal(again.accuracy, alone.accuracy)


@pytest.mark.parametrize(("text", "expected"), [("", True), ("1", True), ("0", False), (" ", True)])
def test_the_environment_may_forbid_it(
    text: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KDCORE_AHEAD", text)
    assert machine.trains_ahead() == expected
    pool = JobPool(workers=1)
    assert pool._prepares == expected
    pool.shutdown()


def test_the_environment_is_told_what_it_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDCORE_AHEAD", "no")
    with pytest.raises(ValueError, match=r"^KDCORE_AHEAD must be 0 or 1, not 'no'"):
        machine.trains_ahead()
