"""The pool trains for many on little: one job for equal wishes, bounded, and stopped on request."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
import torch

from kdcore.distillation import LearningCurve
from kdcore.experiments.temperature import TemperatureSettings, temperature
from kdcore.monitor import Monitor
from kdcore.training import Cancelled
from kdcore.visit.jobs import Job, JobPool, QueueFull

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
    assert queued.is_done
    assert queued.wait(0)


def test_progress_is_seen_from_another_thread_while_the_job_runs(pool: JobPool) -> None:
    curve = LearningCurve([32], [torch.tensor([[0.5]])])
    reported, may_go_on = threading.Event(), threading.Event()

    def work(_: str, monitor: Monitor) -> bool:
        monitor.report("students", 0.25, curve)
        reported.set()
        return may_go_on.wait(PATIENCE)

    job = pool.submit(work, "")
    assert reported.wait(PATIENCE)
    assert (job.stage, job.fraction) == ("students", 0.25)
    assert job.curve is curve
    assert not job.is_done
    may_go_on.set()
    assert done(job)


def test_a_job_in_the_queue_has_no_progress(pool: JobPool) -> None:
    busy(pool)
    queued = pool.submit(Work(), 1)
    assert (queued.stage, queued.fraction, queued.curve) == ("", 0.0, None)


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
    for settings in (0, 1, 0, 2, 3):
        done(pool.submit(work, settings))
    assert work.calls == [0, 1, 2, 3]
    done(pool.submit(work, 0))
    assert work.calls == [0, 1, 2, 3]  # 0 outlived 1


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
    pool.submit(work, "busy")
    pool.release(job)
    assert not job.is_cancelled()
    work.may_finish.set()
    assert done(job) == "result of busy"


def test_when_both_who_wait_have_gone_the_job_stops(pool: JobPool) -> None:
    work, job = busy(pool)
    pool.submit(work, "busy")
    pool.release(job)
    pool.release(job)
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
    assert pool.submit(work, 1) is job
    pool.release(job)
    first.may_finish.set()
    assert done(job) == "result of 1"


def test_a_stopped_job_is_run_anew_for_the_next_who_asks(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=2)
    work, job = busy(pool)
    pool.release(job)
    again = pool.submit(work, "busy")
    assert again is not job
    assert not again.is_cancelled()
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
    eventually(job.future.running)
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
    assert pool.position(running) == 0
    assert [pool.position(job) for job in queued] == [0, 1, 2]
    pool.release(queued[0])
    assert [pool.position(job) for job in queued[1:]] == [0, 1]
    work.may_finish.set()
    for job in queued[1:]:
        done(job)
        assert pool.position(job) == 0
    assert pool.position(running) == 0


def test_another_who_asks_for_a_queued_job_does_not_change_its_place(pool: JobPool) -> None:
    busy(pool)
    work = Work()
    first, second = pool.submit(work, 1), pool.submit(work, 2)
    assert pool.submit(work, 1) is first
    assert [pool.position(first), pool.position(second)] == [0, 1]


def test_a_full_queue_says_so_and_takes_equal_jobs_still(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=1, longest_queue=2)
    work, running = busy(pool)
    queued = Work()
    first, second = pool.submit(queued, 1), pool.submit(queued, 2)
    with pytest.raises(QueueFull, match=r"^2 trainings are waiting already\. Try again"):
        pool.submit(queued, 3)
    assert pool.submit(queued, 2) is second
    assert pool.submit(work, "busy") is running
    pool.release(first)
    third = pool.submit(queued, 3)  # there is room again
    work.may_finish.set()
    done(third)
    assert queued.calls == [2, 3]


def test_finished_jobs_take_no_room_in_the_queue(pools: Callable[..., JobPool]) -> None:
    pool = pools(workers=1, longest_queue=1)
    for settings in range(5):
        assert done(pool.submit(Work(), settings)) == f"result of {settings}"


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
        assert job.is_done
        with pytest.raises(Cancelled):
            job.result()
    assert queued.is_done
    assert never.calls == []


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


def test_a_process_that_ends_does_not_wait_for_its_training() -> None:
    program = """
import time
from kdcore.visit.jobs import JobPool

def endless(settings, monitor):
    while not monitor.is_cancelled():
        time.sleep(0.01)

JobPool(workers=1).submit(endless, 0)
time.sleep(0.1)
"""
    finished = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert finished.returncode == 0
