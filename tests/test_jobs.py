"""The pool trains for many on little: one job for equal wishes, bounded, and stopped on request."""

from __future__ import annotations

import pickle
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import streamlit as st
import torch

from kdcore.experiments.temperature import TemperatureSettings, temperature
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.store import BoundedStore
from kdcore.training import Cancelled
from kdcore.visit import jobs as jobs_module
from kdcore.visit.jobs import SMALL_WORK, DoesNotFit, Job, JobPool, Look, QueueFull
from kdcore.visit.machine import Room
from pages.common import jobs

MB = 2**20
#: Far longer than anything here takes; reached only if something hangs.
PATIENCE = 20.0


class Work:
    """A job's function that runs until it may finish, or until it is told to stop."""

    def __init__(self, may_finish: bool = True) -> None:
        self.started = threading.Event()
        self.may_finish = threading.Event()
        if may_finish:
            self.may_finish.set()
        self.calls: list[Any] = []

    def __call__(self, settings: Any, monitor: Monitor) -> str:
        self.calls.append(settings)
        self.started.set()
        deadline = time.monotonic() + PATIENCE
        while not self.may_finish.wait(0.002):
            if monitor.is_cancelled():
                raise Cancelled
            assert time.monotonic() < deadline
        return f"result of {settings}"


class Fails(Work):
    """Work that fails the first time."""

    def __call__(self, settings: Any, monitor: Monitor) -> str:
        result = super().__call__(settings, monitor)
        if len(self.calls) == 1:
            raise ValueError("this went wrong")
        return result


def busy(pool: JobPool) -> tuple[Work, Job[str]]:
    """Keep one worker of the pool busy."""
    work = Work(may_finish=False)
    job = pool.submit(work, "busy")
    assert work.started.wait(PATIENCE)
    return work, job


def done(job: Job[Any]) -> Any:
    assert job.wait(PATIENCE)
    return job.result()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def pools() -> Iterator[Callable[..., JobPool]]:
    """Return a maker of pools that are shut down afterwards."""
    made: list[JobPool] = []

    def make(**arguments: Any) -> JobPool:
        made.append(JobPool(**arguments))
        return made[-1]

    yield make
    for pool in made:
        pool.shutdown()


@pytest.fixture
def pool(pools: Callable[..., JobPool]) -> JobPool:
    return pools(workers=1)


# ---------------------------------------------------------------------------------- what a job is


def test_a_job_computes_its_function_of_its_settings(pool: JobPool) -> None:
    work = Work()
    assert done(pool.submit(work, "settings")) == "result of settings"
    assert work.calls == ["settings"]


def test_waiting_says_whether_the_job_is_done(pool: JobPool) -> None:
    work, job = busy(pool)
    assert not job.wait(0.01)
    assert not job.is_done
    work.may_finish.set()
    assert job.wait(PATIENCE)
    assert job.is_done


def test_waiting_for_a_job_that_was_stopped_in_the_queue_ends(pool: JobPool) -> None:
    busy(pool)
    queued = pool.submit(Work(), 1)
    pool.release(queued)
    assert queued.wait(0)
    assert queued.look() == Look("stopped")
    assert not queued.is_done


def test_progress_is_seen_from_another_thread_while_the_job_runs(pool: JobPool) -> None:
    curve = LearningCurve([32], [torch.tensor([[0.5]])])
    reported, may_go_on = threading.Event(), threading.Event()

    def work(_: str, monitor: Monitor) -> bool:
        monitor.report("students", 0.25, curve)
        reported.set()
        return may_go_on.wait(PATIENCE)

    job = pool.submit(work, "")
    assert reported.wait(PATIENCE)
    look = job.look()
    assert (look.state, look.stage, look.fraction) == ("running", "students", 0.25)
    assert look.curve == curve
    curve.samples_seen.append(64)  # the worker is between two lines of its work
    assert look.curve == LearningCurve([32], curve.accuracy)
    may_go_on.set()
    assert done(job)
    assert job.look() == Look("done", fraction=1.0, result=True)


def test_a_job_in_the_queue_has_no_progress(pool: JobPool) -> None:
    busy(pool)
    queued = pool.submit(Work(), 1)
    assert queued.look() == Look("waiting")
    assert queued.look().is_under_way


# ------------------------------------------------------------------------ equal wishes are one job


def test_equal_jobs_are_one_job(pool: JobPool) -> None:
    busy_work, running = busy(pool)
    work = Work()
    first = pool.submit(work, ("equal", 1))
    second = pool.submit(work, ("equal", 1))
    assert second is first
    assert pool.submit(busy_work, "busy") is running
    busy_work.may_finish.set()
    assert done(first) == "result of ('equal', 1)"
    assert work.calls == [("equal", 1)]


def test_other_settings_or_another_function_are_another_job(pool: JobPool) -> None:
    work, other = Work(), Work()
    job = pool.submit(work, 1)
    assert pool.submit(work, 2) is not job
    assert pool.submit(other, 1) is not job
    done(pool.submit(other, 1))
    assert work.calls == [1, 2]
    assert other.calls == [1]


def test_many_who_ask_at_once_share_one_job(pools: Callable[..., JobPool]) -> None:
    pool, work = pools(workers=2), Work()
    at_once = threading.Barrier(8)

    def ask(_: int) -> Job[str]:
        at_once.wait(PATIENCE)
        return pool.submit(work, 1)

    with ThreadPoolExecutor(8) as visitors:
        jobs = set(visitors.map(ask, range(8)))
    assert len(jobs) == 1
    done(jobs.pop())
    assert work.calls == [1]


def test_a_finished_job_is_kept(pool: JobPool) -> None:
    work = Work()
    job = pool.submit(work, 1)
    done(job)
    assert pool.submit(work, 1) is job
    assert work.calls == [1]


def test_only_the_last_finished_jobs_are_kept(pools: Callable[..., JobPool]) -> None:
    pool, work = pools(workers=1, kept=2), Work()
    for settings in range(5):
        done(pool.submit(work, settings))
    done(pool.submit(work, 4))
    done(pool.submit(work, 3))
    assert work.calls == [0, 1, 2, 3, 4]
    done(pool.submit(work, 0))
    assert work.calls == [0, 1, 2, 3, 4, 0]


def test_a_result_that_is_asked_for_again_is_kept_longer(pools: Callable[..., JobPool]) -> None:
    pool, work = pools(workers=1, kept=2), Work()
    for settings in (0, 1, 0, 2):
        done(pool.submit(work, settings))
    done(pool.submit(work, 0))
    assert work.calls == [0, 1, 2]  # 0 outlived 1


def test_a_job_that_runs_is_never_forgotten(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=2, kept=1)
    work, job = busy(pool)
    for settings in range(5):
        done(pool.submit(Work(), settings))
    assert pool.submit(work, "busy") is job


def test_a_failed_job_says_why_and_is_run_anew(pool: JobPool) -> None:
    work = Fails()
    job = pool.submit(work, 1)
    assert job.wait(PATIENCE)
    assert job.is_done
    look = job.look()
    assert (look.state, str(look.error), look.result) == ("failed", "this went wrong", None)
    with pytest.raises(ValueError, match="this went wrong"):
        job.result()
    again = pool.submit(work, 1)
    assert again is not job
    assert done(again) == "result of 1"
    assert work.calls == [1, 1]


# ----------------------------------------------------------------------------------------- stopping


def test_the_last_who_waits_stops_a_running_job(pool: JobPool) -> None:
    _, job = busy(pool)
    pool.release(job)
    assert job.wait(PATIENCE)
    with pytest.raises(Cancelled):
        job.result()


def test_one_of_two_who_wait_does_not_stop_the_job(pool: JobPool) -> None:
    work, job = busy(pool)
    pool.submit(work, "busy", "another")
    pool.release(job)
    assert job.look().state == "running"
    work.may_finish.set()
    assert done(job) == "result of busy"


def test_when_both_who_wait_have_gone_the_job_stops(pool: JobPool) -> None:
    work, job = busy(pool)
    pool.submit(work, "busy", "another")
    pool.release(job)
    pool.release(job, "another")
    assert job.wait(PATIENCE)
    with pytest.raises(Cancelled):
        job.result()


def test_a_job_that_nobody_waits_for_any_more_never_starts(pool: JobPool) -> None:
    first, _ = busy(pool)
    unwanted, wanted = Work(), Work()
    pool.release(pool.submit(unwanted, 1))
    last = pool.submit(wanted, 2)
    first.may_finish.set()
    done(last)
    assert unwanted.calls == []


def test_a_queued_job_with_another_waiting_for_it_stays(pool: JobPool) -> None:
    first, _ = busy(pool)
    work = Work()
    job = pool.submit(work, 1)
    assert pool.submit(work, 1, "another") is job
    pool.release(job)
    first.may_finish.set()
    assert done(job) == "result of 1"


def test_a_stopped_job_is_run_anew_for_the_next_who_asks(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=2)
    work, job = busy(pool)
    pool.release(job)
    again = pool.submit(work, "busy")
    assert again is not job
    assert again.look().is_under_way
    work.may_finish.set()
    assert done(again) == "result of busy"


def test_leaving_a_finished_job_does_not_spoil_its_result(pool: JobPool) -> None:
    work = Work()
    job = pool.submit(work, 1)
    done(job)
    pool.release(job)
    assert pool.submit(work, 1) is job
    assert job.result() == "result of 1"


def test_a_real_training_stops_when_its_visitor_leaves(pool: JobPool) -> None:
    # Teachers so large that they would train for minutes.
    settings = TemperatureSettings(teacher_hidden=(1024, 1024, 1024), seeds=10)
    job = pool.submit(temperature, settings)
    eventually(lambda: job.look().state == "running")
    pool.release(job)
    assert job.wait(PATIENCE)
    with pytest.raises(Cancelled):
        job.result()


# -------------------------------------------------------------------------------------- the queue


def test_jobs_run_in_the_order_in_which_they_came(pool: JobPool) -> None:
    first, _ = busy(pool)
    work = Work()
    jobs = [pool.submit(work, settings) for settings in range(4)]
    first.may_finish.set()
    for job in jobs:
        done(job)
    assert work.calls == [0, 1, 2, 3]


def test_as_many_jobs_run_at_once_as_there_are_workers(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=2)
    (first, _), (second, _) = busy(pool), busy(pool)
    third = Work()
    queued = pool.submit(third, 3)
    assert not queued.wait(0.02)
    assert third.calls == []
    second.may_finish.set()
    done(queued)
    assert not first.may_finish.is_set()


def test_the_position_tells_how_many_wait_in_front(pool: JobPool) -> None:
    work, running = busy(pool)
    queued = [pool.submit(Work(), settings) for settings in range(3)]
    assert running.look().position == 0
    assert [job.look().position for job in queued] == [0, 1, 2]
    pool.release(queued[0])
    assert [job.look().position for job in queued[1:]] == [0, 1]
    work.may_finish.set()
    for job in queued[1:]:
        done(job)
        assert job.look().position == 0
    assert running.look().position == 0


def test_another_who_asks_for_a_queued_job_does_not_change_its_place(pool: JobPool) -> None:
    busy(pool)
    work = Work()
    first, second = pool.submit(work, 1), pool.submit(work, 2)
    assert pool.submit(work, 1) is first
    assert [first.look().position, second.look().position] == [0, 1]


def test_a_full_queue_says_so_and_takes_equal_jobs_still(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=1, waiting=2)
    work, running = busy(pool)
    queued = Work()
    first, second = pool.submit(queued, 1), pool.submit(queued, 2)
    with pytest.raises(QueueFull, match=r"^2 runs are waiting already: try again"):
        pool.submit(queued, 3)
    assert pool.submit(queued, 2) is second
    assert pool.submit(work, "busy") is running
    pool.release(first)
    third = pool.submit(queued, 3)  # there is room again
    work.may_finish.set()
    done(third)
    assert queued.calls == [2, 3]


def test_who_asks_for_too_much_is_told_and_the_others_are_not(
    pools: Callable[..., JobPool],
) -> None:
    pool = pools(workers=1, waiting_each=2)
    busy(pool)
    queued = Work()
    for settings in range(2):
        pool.submit(queued, settings, "greedy")
    with pytest.raises(QueueFull, match=r"^2 of your runs are waiting already:"):
        pool.submit(queued, 2, "greedy")
    assert pool.submit(queued, 2, "modest").look().state == "waiting"


def test_a_hundred_visitors_who_ask_for_all_they_may_are_not_turned_away(pool: JobPool) -> None:
    busy(pool)
    work = Work()
    for visitor in range(100):
        for settings in range(16):
            pool.submit(work, (visitor, settings), visitor)


def test_finished_jobs_take_no_room_in_the_queue(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=1, waiting=1)
    for settings in range(5):
        assert done(pool.submit(Work(), settings)) == f"result of {settings}"


# ------------------------------------------------------------------- one place, one wish at a time


def test_who_asks_for_something_else_in_the_same_place_leaves_what_was_asked_before(
    pool: JobPool,
) -> None:
    work, _ = busy(pool)
    first = pool.submit(Work(), 1, "visitor", "lab")
    second = pool.submit(Work(), 2, "visitor", "lab")
    elsewhere = pool.submit(Work(), 3, "visitor", "temperature")
    assert [job.look().state for job in (first, second, elsewhere)] == [
        "stopped",
        "waiting",
        "waiting",
    ]
    work.may_finish.set()
    assert done(second) == "result of 2"
    assert done(elsewhere) == "result of 3"


def test_who_waits_in_two_places_must_leave_both(pool: JobPool) -> None:
    busy(pool)
    work = Work()
    job = pool.submit(work, 1, "visitor", "lab")
    pool.submit(work, 1, "visitor", "hard and soft")
    pool.submit(work, 1, "visitor", "hard and soft")  # as each new drawing of the page does
    pool.release(job, "visitor", "hard and soft")
    assert job.look().state == "waiting"
    pool.release(job, "visitor", "lab")
    assert job.look().state == "stopped"


def test_a_slider_that_is_dragged_fast_never_meets_an_error(pool: JobPool) -> None:
    # What two drawings of one page do at once: the old one waits, the new one asks for more.
    work, _ = busy(pool)
    seen: list[Look[str]] = []

    def draw(temperature: int) -> None:
        job = pool.submit(Work(), temperature, "visitor", "lab")
        job.wait(PATIENCE)
        seen.append(job.look())

    with ThreadPoolExecutor(8) as drawings:
        for temperature in range(8):
            drawings.submit(draw, temperature)
        eventually(lambda: len(seen) == 7)
        work.may_finish.set()
    assert sorted(look.state for look in seen) == ["done"] + ["stopped"] * 7
    assert all(look.error is None for look in seen)


# --------------------------------------------------------------------------------- a fair share


@dataclass(frozen=True)
class Sized:
    """Settings that say how much they ask for."""

    name: str
    multiply_adds: float = 0.0
    bytes: int = 0

    def work(self) -> float:
        return self.multiply_adds

    def memory(self) -> int:
        return self.bytes


def large(name: str, bytes: int = 0) -> Sized:
    return Sized(name, 2 * SMALL_WORK, bytes)


def test_visitors_take_turns_however_much_one_of_them_asks_for(pool: JobPool) -> None:
    first, _ = busy(pool)
    work = Work()
    jobs = [pool.submit(work, Sized(f"greedy {n}"), "greedy") for n in range(3)]
    jobs += [pool.submit(work, Sized(name), name) for name in ("newcomer", "another")]
    assert [job.look().position for job in jobs] == [0, 3, 4, 1, 2]
    first.may_finish.set()
    for job in jobs:
        done(job)
    names = [settings.name for settings in work.calls]
    assert names == ["greedy 0", "newcomer", "another", "greedy 1", "greedy 2"]


def test_small_runs_come_before_large_ones_that_came_first(pool: JobPool) -> None:
    first, _ = busy(pool)
    work = Work()
    jobs = [pool.submit(work, large(f"large {n}"), n) for n in range(2)]
    jobs += [pool.submit(work, Sized("small"), "newcomer")]
    first.may_finish.set()
    for job in jobs:
        done(job)
    assert [settings.name for settings in work.calls] == ["small", "large 0", "large 1"]


def test_small_runs_cannot_keep_a_large_one_out_for_ever(pools: Callable[..., JobPool]) -> None:
    clock = Clock()
    pool = pools(workers=1, clock=clock, silence=1000)
    first, _ = busy(pool)
    patient = pool.submit(Work(), large("large"), "patient")
    clock.now += 21

    def small(_: Any, monitor: Monitor) -> str:
        return patient.look().state

    later = [pool.submit(small, Sized(f"small {n}"), n) for n in range(3)]
    first.may_finish.set()
    # It has its turn before they do, though it may lend its worker to them then.
    assert all(done(job) in ("running", "done") for job in later)
    done(patient)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_newcomer_is_answered_while_others_train_the_largest(
    pools: Callable[..., JobPool], workers: int
) -> None:
    pool = pools(workers=workers)
    largest = [Work(may_finish=False) for _ in range(2)]
    jobs = [pool.submit(work, large("largest"), n) for n, work in enumerate(largest)]
    assert largest[0].started.wait(PATIENCE)
    for newcomer in range(5):
        asked = time.monotonic()
        done(pool.submit(Work(), Sized("small"), f"newcomer {newcomer}"))
        assert time.monotonic() - asked < 1
    assert all(job.look().is_under_way for job in jobs)
    for work in largest:
        work.may_finish.set()
    for job in jobs:
        assert done(job).startswith("result of")


def test_a_run_that_fails_on_a_lent_worker_harms_nobody(pool: JobPool) -> None:
    lender = Work(may_finish=False)
    job = pool.submit(lender, large("lender"), "lender")
    assert lender.started.wait(PATIENCE)
    failing = pool.submit(Fails(), Sized("small"), "newcomer")
    assert failing.wait(PATIENCE)
    assert failing.look().state == "failed"
    lender.may_finish.set()
    assert done(job).startswith("result of")


def test_a_large_run_keeps_a_part_of_its_worker(pools: Callable[..., JobPool]) -> None:
    pool, batches = pools(workers=1), 0
    over = threading.Event()

    def training(_: Any, monitor: Monitor) -> int:
        nonlocal batches
        while not over.is_set() and not monitor.is_cancelled():
            time.sleep(0.001)
            batches += 1
        return batches

    def small(_: Any, monitor: Monitor) -> None:
        time.sleep(0.05)

    job = pool.submit(training, large("training"), "large")
    jobs = [pool.submit(small, Sized(f"small {n}"), n) for n in range(60)]
    for waiting in jobs:
        done(waiting)
    over.set()
    # 60 × 0.05 s: a second of it lent in advance, then a quarter as long for itself: 0.5 s.
    assert done(job) > 100


def test_a_worker_that_is_lent_records_for_autograd_what_the_small_run_asks_for(
    pool: JobPool,
) -> None:
    over = threading.Event()

    @torch.no_grad()
    def training(_: Any, monitor: Monitor) -> None:
        while not over.is_set() and not monitor.is_cancelled():
            time.sleep(0.001)

    job = pool.submit(training, large("training"), "large")
    eventually(lambda: job.look().state == "running")
    assert done(pool.submit(lambda _, monitor: torch.is_grad_enabled(), Sized("small"), "new"))
    over.set()
    done(job)


def test_a_host_whose_workers_lend_nothing_keeps_one_for_small_runs(
    pools: Callable[..., JobPool],
) -> None:
    with ThreadPoolExecutor(2) as threads:
        pool = pools(workers=2, executor=threads)
        first, second = Work(may_finish=False), Work()
        jobs = [pool.submit(work, large("large"), n) for n, work in enumerate((first, second))]
        assert first.started.wait(PATIENCE)
        done(pool.submit(Work(), Sized("small"), "newcomer"))
        assert jobs[1].look().state == "waiting"
        first.may_finish.set()
        for job in jobs:
            done(job)


# ------------------------------------------------------------------------------ who has gone away


class Clock:
    """A clock that is put forward by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_job_of_a_visitor_who_is_heard_no_more_stops_within_seconds(
    pools: Callable[..., JobPool],
) -> None:
    clock = Clock()
    pool = pools(workers=1, clock=clock, silence=8)
    work, queued = Work(may_finish=False), Work()
    running = pool.submit(work, "running", "gone")
    waiting = pool.submit(queued, "waiting", "gone")
    assert work.started.wait(PATIENCE)
    clock.now = 7.0
    time.sleep(0.05)
    assert running.look().state == "running"
    clock.now = 9.5
    assert running.wait(PATIENCE)
    assert waiting.wait(PATIENCE)
    assert (running.look().state, waiting.look().state) == ("stopped", "stopped")
    assert queued.calls == []


def test_a_visitor_who_is_heard_keeps_the_job_and_so_does_another_who_waits_for_it(
    pools: Callable[..., JobPool],
) -> None:
    clock = Clock()
    pool, work = pools(workers=1, clock=clock, silence=8), Work(may_finish=False)
    job = pool.submit(work, "running", "gone")
    pool.submit(work, "running", "stays")
    for _ in range(5):
        clock.now += 5
        pool.touch("stays")
        time.sleep(0.01)
    assert job.look().state == "running"
    assert job.visitors == {"stays"}
    clock.now += 9
    assert job.wait(PATIENCE)


def test_a_visitor_who_is_connected_needs_not_be_heard(pools: Callable[..., JobPool]) -> None:
    clock, connected = Clock(), {"here"}
    pool = pools(workers=1, clock=clock, silence=8, is_present=connected.__contains__)
    job = pool.submit(Work(may_finish=False), 1, "here")
    for _ in range(5):
        clock.now += 5
        pool.touch("somebody else")
    assert job.look().is_under_way
    connected.clear()
    clock.now += 9
    assert job.wait(PATIENCE)


def test_who_comes_back_after_the_job_was_released_has_it_run_anew(
    pools: Callable[..., JobPool],
) -> None:
    clock = Clock()
    pool, work = pools(workers=1, clock=clock), Work()
    work.may_finish.clear()
    job = pool.submit(work, 1, "visitor")
    assert work.started.wait(PATIENCE)
    clock.now += 20
    assert job.wait(PATIENCE)
    work.may_finish.set()
    assert done(pool.submit(work, 1, "visitor")) == "result of 1"


def test_a_result_stays_when_its_visitor_has_left(pool: JobPool) -> None:
    work = Work()
    job = pool.submit(work, 1, "visitor")
    done(job)
    pool.leave("visitor")
    assert pool.submit(work, 1, "another") is job
    assert job.result() == "result of 1"


def test_nothing_is_remembered_of_those_who_have_left(pools: Callable[..., JobPool]) -> None:
    clock = Clock()
    pool = pools(workers=1, clock=clock)
    for visitor in range(100):
        done(pool.submit(Work(), visitor, visitor))
        pool.touch(visitor)
    clock.now += 2
    pool.touch("anybody")
    assert (pool._heard, pool._places, pool._wanted, pool._running) == ({}, {}, {}, set())


# ---------------------------------------------------------------------------------------- memory


def test_a_run_waits_until_there_is_room_for_it(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=3, room=Room(1000 * MB, held=lambda: 300 * MB))
    first = Work(may_finish=False)
    running = pool.submit(first, large("first", 300 * MB), "first")
    second = pool.submit(Work(), large("second", 300 * MB), "second")
    third = pool.submit(Work(), large("third", 10 * MB), "third")
    small = pool.submit(Work(), Sized("small", bytes=100 * MB), "newcomer")
    done(small)
    # The third would fit, but then others like it could keep the second out for ever.
    assert [job.look().state for job in (running, second, third)] == [
        "running",
        "waiting",
        "waiting",
    ]
    first.may_finish.set()
    for job in (running, second, third):
        done(job)


def test_a_run_that_can_never_fit_is_refused_with_what_to_do(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=1, room=Room(1000 * MB, held=lambda: 300 * MB))
    with pytest.raises(
        DoesNotFit, match=r"needs about 600 MB of memory, and 550 MB .* fewer seeds"
    ):
        pool.submit(Work(), large("vast", 600 * MB))
    assert done(pool.submit(Work(), large("fits", 540 * MB))).startswith("result of")


def test_a_run_for_which_no_room_is_left_fails_instead_of_waiting_for_ever(
    pools: Callable[..., JobPool],
) -> None:
    held = [300 * MB]
    pool = pools(workers=1, room=Room(1000 * MB, held=lambda: held[0]))
    kept = BoundedStore[int, int](capacity=1)
    kept.put(1, 1)
    held[0] = 800 * MB  # visitors have come, and what they look at stays
    job = pool.submit(Work(), large("late", 200 * MB))
    assert job.wait(PATIENCE)
    assert isinstance(job.look().error, DoesNotFit)
    assert len(kept) == 0, "what can be computed again makes room first"
    assert done(pool.submit(Work(), Sized("small", bytes=10 * MB))).startswith("result of")


def test_a_short_run_that_takes_much_begins_only_where_there_is_room(
    pools: Callable[..., JobPool],
) -> None:
    kept = BoundedStore[int, int](capacity=1)
    kept.put(1, 1)
    pool = pools(workers=1, room=Room(1000 * MB, held=lambda: (300 if not kept else 900) * MB))
    # As visitors have filled the memory, which is found out when there is something to start.
    pool._room._least = 300 * MB
    assert done(pool.submit(Work(), Sized("little", bytes=20 * MB))).startswith("result of")
    assert kept, "what takes little asks for no room"
    assert done(pool.submit(Work(), Sized("much", bytes=200 * MB))).startswith("result of")
    assert not kept, "what can be computed again makes room first"


def test_others_do_not_go_first_for_ever(pools: Callable[..., JobPool]) -> None:
    clock = Clock()
    room = Room(1000 * MB, held=lambda: 300 * MB)
    pool = pools(workers=2, room=room, clock=clock, silence=60)
    first, second = Work(may_finish=False), Work(may_finish=False)
    pool.submit(first, Sized("first", bytes=300 * MB), "first")
    much = pool.submit(Work(), Sized("much", bytes=400 * MB), "much")
    pool.submit(second, Sized("second", bytes=300 * MB), "second")
    assert second.started.wait(PATIENCE), "what fits beside the first goes ahead of what does not"
    clock.now += 20
    third = pool.submit(Work(), Sized("third", bytes=100 * MB), "third")
    second.may_finish.set()
    eventually(lambda: len(pool._running) == 1)
    assert (much.look().state, third.look().state) == ("waiting", "waiting")
    first.may_finish.set()
    done(much)
    done(third)


def test_results_are_kept_as_long_as_their_bytes_allow(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=1, kept_bytes=3 * MB)
    calls: list[int] = []

    def tensor(number: int, monitor: Monitor) -> torch.Tensor:
        calls.append(number)
        return torch.zeros(MB // 4)

    for number in range(5):
        done(pool.submit(tensor, number))
    for number in (4, 3, 0):
        done(pool.submit(tensor, number))
    assert calls == [0, 1, 2, 3, 4, 0]


def test_a_failed_training_leaves_no_networks_in_memory(pool: JobPool) -> None:
    class Network:
        pass

    lost: list[weakref.ref[Network]] = []

    def fails(_: int, monitor: Monitor) -> None:
        network = Network()
        lost.append(weakref.ref(network))
        raise ValueError("diverged")

    job = pool.submit(fails, 1)
    assert job.wait(PATIENCE)
    assert lost[0]() is None
    assert str(job.look().error) == "diverged"


def test_only_what_is_no_message_for_a_learner_goes_to_the_log(
    pool: JobPool, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(error: type[Exception], monitor: Monitor) -> None:
        raise error("told")

    for error in (ValueError, Cancelled, MemoryError):
        pool.submit(raises, error).wait(PATIENCE)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [MemoryError]


# ---------------------------------------------------------------------------- nothing locks it up


def test_whatever_visitors_do_every_job_ends_and_no_worker_is_lost(
    pools: Callable[..., JobPool],
) -> None:
    pool = pools(workers=2, room=Room(1000 * MB, held=lambda: 300 * MB), waiting=50)
    over = time.monotonic() + 1.0
    jobs: list[Job[str]] = []

    def training(settings: Sized, monitor: Monitor) -> str:
        for batch in range(20 if settings.multiply_adds else 2):
            if monitor.is_cancelled():
                raise Cancelled
            time.sleep(0.0005)
            monitor.report("students", batch / 20, LearningCurve())
        if settings.name.endswith("3"):
            raise ValueError("it happens")
        return settings.name

    def visit(visitor: int) -> None:
        chance = random.Random(visitor)
        while time.monotonic() < over:
            name, is_large = str(chance.randrange(30)), chance.random() < 0.3
            settings = large(name, 300 * MB) if is_large else Sized(name, bytes=30 * MB)
            with suppress(QueueFull):
                job = pool.submit(training, settings, visitor, chance.randrange(3))
                jobs.append(job)
                job.wait(0.002 * chance.random())
                job.look()
                if chance.random() < 0.3:
                    pool.leave(visitor)
                pool.touch(visitor)

    with ThreadPoolExecutor(8) as visitors:
        list(visitors.map(visit, range(8)))
    for job in jobs:
        assert job.wait(PATIENCE)
    eventually(lambda: not pool._running)
    assert (len(pool._line), pool._wanted, pool._places) == (0, {}, {})
    assert {job.look().state for job in jobs} == {"done", "failed", "stopped"}
    pair = [busy(pool)[0] for _ in range(2)]  # both workers are there still
    for work in pair:
        work.may_finish.set()


# ------------------------------------------------------------------------------- one for a process


def test_the_pool_belongs_to_the_process_whatever_is_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs_module, "_shared", None)
    before, at_once = job_threads(), threading.Barrier(8)

    def ask(_: int) -> JobPool:
        at_once.wait(PATIENCE)
        return jobs.pool()

    with ThreadPoolExecutor(8) as visitors:
        pools = set(visitors.map(ask, range(8)))
    assert len(pools) == 1
    (pool,) = pools
    work = Work()
    job = pool.submit(work, "kept")
    done(job)
    for _ in range(1_000):
        # What Streamlit does on a "clear_cache" message from anyone.
        st.cache_data.clear()
        st.cache_resource.clear()
    assert jobs.pool() is pool
    assert jobs.pool().submit(work, "kept") is job
    assert len(job_threads() - before) == 1
    pool.shutdown()


# ----------------------------------------------------------------------------- workers and shutdown


def test_a_worker_uses_one_thread_of_torch(pool: JobPool) -> None:
    def threads(_: int, monitor: Monitor) -> int:
        return torch.get_num_threads()

    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(1) as ordinary:
            assert ordinary.submit(torch.get_num_threads).result() == 2
        assert done(pool.submit(threads, 1)) == 1
    finally:
        torch.set_num_threads(1)


def job_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("kdcore-job")}


def test_shutdown_stops_what_runs_drops_what_waits_and_leaves_no_thread() -> None:
    before = job_threads()
    pool = JobPool(workers=2)
    (_, first), (_, second) = busy(pool), busy(pool)
    never = Work()
    queued = pool.submit(never, 1)
    assert len(job_threads() - before) == 2
    pool.shutdown()
    assert job_threads() == before
    for job in (first, second):
        assert job.look() == Look("stopped")
        with pytest.raises(Cancelled):
            job.result()
    assert queued.look() == Look("stopped")
    assert never.calls == []
    assert pool.submit(never, 2).look() == Look("stopped")


def test_shutdown_twice_is_as_good_as_once() -> None:
    before = job_threads()
    pool = JobPool(workers=1)
    done(pool.submit(Work(), 1))
    pool.shutdown()
    pool.shutdown()
    assert job_threads() == before


class AtOnce(Executor):
    """Runs everything in the thread that asks."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.threads.append(threading.get_ident())
        future.set_result(fn(*args, **kwargs))
        return future


def test_a_larger_host_can_give_another_executor(pools: Callable[..., JobPool]) -> None:
    before, executor = job_threads(), AtOnce()
    job = pools(executor=executor).submit(Work(), 1)
    assert job.is_done
    assert job.result() == "result of 1"
    assert executor.threads == [threading.get_ident()]
    assert job_threads() == before


class SendsAway(AtOnce):
    """Runs everything elsewhere: what it is given and what comes back must bear the journey."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        fn, args = pickle.loads(pickle.dumps((fn, args)))
        return super().submit(fn, *args, **kwargs)


def elsewhere(settings: int, monitor: Monitor) -> int:
    return settings + 1


def test_what_an_executor_gets_may_leave_the_process(pools: Callable[..., JobPool]) -> None:
    pool = pools(executor=SendsAway(), monitor=lambda job: SILENT)
    assert done(pool.submit(elsewhere, 1)) == 2


class TakesAndWaits(Executor):
    """Marks a job as running at once, as a worker does, and runs it when told."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()

        def go_on() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self.go_on = go_on
        return future


def test_a_job_stopped_while_a_worker_takes_it_does_not_start(
    pools: Callable[..., JobPool],
) -> None:
    executor, work = TakesAndWaits(), Work()
    pool = pools(executor=executor)
    job = pool.submit(work, 1)
    pool.release(job)
    executor.go_on()
    assert job.wait(PATIENCE)
    assert work.calls == []
    with pytest.raises(Cancelled):
        job.result()


@dataclass(frozen=True)
class Timed:
    seconds: float


def test_how_long_a_run_takes_is_judged_by_the_last_of_its_kind() -> None:
    pool = JobPool(1)
    took = iter([4.0, 6.0, 50.0])

    def timed(settings: Any, monitor: Monitor) -> Timed:
        return Timed(next(took))

    def other(settings: Any, monitor: Monitor) -> str:
        return "takes no time that is known"

    assert pool.expected_seconds(timed, Sized("a", 1e6)) is None
    for size in (1e6, 2e6, 3e6):
        assert pool.submit(timed, Sized("a", size)).wait(PATIENCE)
    assert pool.submit(other, Sized("a", 1e6)).wait(PATIENCE)
    # 4, 3 and 16.7 seconds a million; what came between leaves the one in the middle.
    assert pool.expected_seconds(timed, Sized("a", 5e6)) == pytest.approx(20.0)
    assert pool.expected_seconds(other, Sized("a", 5e6)) is None
    pool.shutdown()
