"""Trainings in processes of their own: the same figures, heard of, stopped, and done again."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings
from kdcore.experiments.result import Experiment
from kdcore.experiments.without_data import EXPERIMENT as WITHOUT_DATA
from kdcore.experiments.without_data import WithoutDataSettings
from kdcore.monitor import LearningCurve, Monitor
from kdcore.settings import TEACHER_WIDTHS
from kdcore.training import Cancelled
from kdcore.visit import machine, processes
from kdcore.visit.elsewhere import GivesWay, packed
from kdcore.visit.jobs import JobPool
from kdcore.visit.processes import Processes, WorkerLost
from kdcore.words import words
from tests.test_merging import assert_same_bits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")

PATIENCE = 60.0
SMALL: Any = {"labels": 20, "seeds": 2, "student_samples": 1_000}


@dataclass(frozen=True)
class Wish:
    """Settings of what stands for a run here."""

    number: int
    teacher: str = "a"
    file: str = ""


@dataclass
class Followed:
    """A job as the workers know it."""

    reports: list[tuple[str, float, LearningCurve]] = field(default_factory=list)
    has_ended: bool = False

    def wait(self, seconds: float) -> bool:
        return self.has_ended

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.reports.append((stage, fraction, curve))


class AheadOfNeed(Followed, GivesWay):
    """A job that ends when others want its worker."""


# What follows runs in a worker.


def where(wish: Wish, monitor: Monitor) -> int:
    return os.getpid()


def until_stopped(wish: Wish, monitor: Monitor) -> str:
    curve = LearningCurve([32], [torch.tensor([[0.5]])])
    deadline = time.monotonic() + PATIENCE
    while not monitor.is_cancelled():
        assert time.monotonic() < deadline, "nobody stopped it"
        monitor.report("students", 0.25, curve)
        time.sleep(0.002)
    raise Cancelled


def dies(wish: Wish, monitor: Monitor) -> str:
    """End this process, as often as a file has room for it."""
    deaths = Path(wish.file).read_text()
    if len(deaths) < wish.number:
        Path(wish.file).write_text(f"{deaths}x")
        os.kill(os.getpid(), signal.SIGKILL)
    return deaths


def fails(wish: Wish, monitor: Monitor) -> None:
    raise ValueError(f"not {wish.number}")


def cannot_travel(wish: Wish, monitor: Monitor) -> Callable[[], int]:
    return lambda: wish.number


def sockets(wish: Wish, monitor: Monitor) -> list[str]:
    """Return the sockets that a worker has open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return [name for name in found if name.startswith("socket")]


def threads(wish: Wish, monitor: Monitor) -> int:
    return torch.get_num_threads()


# -------------------------------------------------------------------------------- on two workers


@pytest.fixture(scope="module")
def crew() -> Iterator[Processes]:
    workers = Processes(processes.nursery(), 2)
    yield workers
    workers.shutdown()


@pytest.fixture
def pool(crew: Processes) -> Iterator[JobPool]:
    room = machine.Room(2**40, crew.held)
    pool = JobPool(2, executor=crew, monitor=crew.monitor, room=room, ahead=False)
    crew.attend(lambda: pool.touch(None))
    yield pool
    pool._stop_all()
    crew.attend(lambda: None)


def call(crew: Processes, function: Callable[..., Any], wish: Wish, job: Any = None) -> Any:
    return crew.submit(function, wish, crew.monitor(job or Followed()))


def test_a_run_there_equals_the_run_here_bit_for_bit(pool: JobPool) -> None:
    asked: list[tuple[Experiment[Any, Any], Any]] = [
        (LAB, LabSettings(**SMALL)),
        (WITHOUT_DATA, WithoutDataSettings(seeds=2, inputs_seen=500)),
    ]
    for experiment, settings in asked:
        job = pool.submit(experiment.run, settings)
        assert job.wait(PATIENCE)
        here = experiment.run(settings)
        there = job.result()
        assert there.experiment is experiment
        assert_same_bits(there.measured, here.measured)


def test_runs_that_wait_are_trained_together_there_and_equal_those_alone(pool: JobPool) -> None:
    wishes = [LabSettings(temperature=1 + i / 2, **SMALL) for i in range(6)]
    jobs = [pool.submit(LAB.run, wish, i) for i, wish in enumerate(wishes)]
    assert all(job.wait(PATIENCE) for job in jobs)
    for job, wish in zip(jobs, wishes, strict=True):
        assert_same_bits(job.result().measured, LAB.run(wish).measured)


def test_what_is_under_way_is_heard_of_and_stops_within_a_moment(pool: JobPool) -> None:
    job = pool.submit(until_stopped, Wish(1), visitor="somebody")
    deadline = time.monotonic() + PATIENCE
    while not (look := job.look()).fraction:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (look.stage, look.fraction) == ("students", 0.25)
    assert look.curve is not None and look.curve.accuracy[0].item() == 0.5
    pool.leave("somebody")
    assert job.look().state == "stopped"
    # Its worker is free again: both others can be at work at once.
    others = [pool.submit(until_stopped, Wish(n), visitor="others") for n in (2, 3)]
    while not all(other.look().fraction for other in others):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pool.leave("others")


def test_who_is_not_heard_of_any_more_keeps_no_worker(crew: Processes) -> None:
    now = [0.0]
    pool = JobPool(
        2, executor=crew, monitor=crew.monitor, clock=lambda: now[0], is_present=lambda who: False
    )
    crew.attend(lambda: pool.touch(None))
    job = pool.submit(until_stopped, Wish(1), visitor="gone")
    now[0] = 60.0
    assert job.wait(PATIENCE)
    assert job.look().state == "stopped"
    crew.attend(lambda: None)


def test_a_worker_has_one_thread_and_no_socket_but_its_own(crew: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)):
        fresh = Processes(processes.nursery(), 1)
        try:
            assert len(call(fresh, sockets, Wish(1)).result(PATIENCE)) == 1
            assert call(fresh, threads, Wish(1)).result(PATIENCE) == 1
        finally:
            fresh.shutdown()


def test_where_memory_ends_a_worker_goes_before_the_server(crew: Processes) -> None:
    own = int(Path("/proc/self/oom_score_adj").read_text())
    for worker in crew._workers:
        assert int(Path(f"/proc/{worker.pid}/oom_score_adj").read_text()) > own


def test_what_fails_there_fails_here(crew: Processes) -> None:
    with pytest.raises(ValueError, match="not 7"):
        call(crew, fails, Wish(7)).result(PATIENCE)
    with pytest.raises(RuntimeError, match="pickle"):
        call(crew, cannot_travel, Wish(1)).result(PATIENCE)
    assert call(crew, where, Wish(1)).result(PATIENCE) in {w.pid for w in crew._workers}


def test_a_lost_workers_run_is_done_once_more_and_then_given_up(
    crew: Processes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "deaths"
    file.write_text("")
    assert call(crew, dies, Wish(1, file=str(file))).result(PATIENCE) == "x"
    assert caplog.text.count("A worker was lost") == 1
    with pytest.raises(WorkerLost) as lost:
        call(crew, dies, Wish(3, file=str(file))).result(PATIENCE)
    assert lost.value.word == "worker_lost" and "worker_lost" in words("refusals")
    # And both workers are there again.
    pids = {call(crew, where, Wish(n, teacher=f"{n}")).result(PATIENCE) for n in range(8)}
    assert pids <= {worker.pid for worker in crew._workers}


def test_who_asks_for_the_like_gets_the_same_worker_if_it_is_free(crew: Processes) -> None:
    one = call(crew, where, Wish(101, teacher="one")).result(PATIENCE)
    busy = Followed()
    held = call(crew, until_stopped, Wish(102, teacher="one"), busy)
    other = call(crew, where, Wish(103, teacher="two")).result(PATIENCE)
    busy.has_ended = True
    assert isinstance(held.exception(PATIENCE), Cancelled)
    assert other != one
    for number in (104, 105):
        assert call(crew, where, Wish(number, teacher="two")).result(PATIENCE) == other
        assert call(crew, where, Wish(number, teacher="one")).result(PATIENCE) == one


def test_what_is_done_ahead_of_need_gives_way_to_who_wants_what_its_worker_has(
    crew: Processes,
) -> None:
    ahead = AheadOfNeed()
    first = call(crew, until_stopped, Wish(101, teacher="ahead"), ahead)
    while not ahead.reports:
        time.sleep(0.01)
    wanted = call(crew, where, Wish(102, teacher="ahead"))
    assert not wanted.done()
    ahead.has_ended = True
    assert isinstance(first.exception(PATIENCE), Cancelled)
    pid = wanted.result(PATIENCE)
    assert call(crew, where, Wish(103, teacher="ahead")).result(PATIENCE) == pid


def test_teachers_are_trained_ahead_there_and_who_comes_is_served_first(crew: Processes) -> None:
    crew.clear()
    pool = JobPool(2, executor=crew, monitor=crew.monitor, ahead=True)
    crew.attend(lambda: pool.touch(None))
    assert pool.submit(LAB.run, LabSettings(**SMALL)).wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while not any(turn.ahead for turn in pool._running):
        assert pool._ahead and time.monotonic() < deadline
        time.sleep(0.001)
    assert pool.submit(LAB.run, LabSettings(temperature=7.0, **SMALL)).wait(PATIENCE)
    assert pool._ahead, "it did not wait for teachers that nobody has asked for"
    while pool._ahead or pool._running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    teachers = len(TEACHER_WIDTHS)
    assert max(call(crew, kept, Wish(n, f"{n}")).result(PATIENCE) for n in range(6)) >= teachers
    crew.attend(lambda: None)


def test_what_workers_keep_is_forgotten_on_request(pool: JobPool, crew: Processes) -> None:
    assert pool.submit(LAB.run, LabSettings(first_seed=50, **SMALL)).wait(PATIENCE)
    assert sum(call(crew, kept, Wish(n, f"{n}")).result(PATIENCE) for n in range(6)) > 0
    crew.clear()
    assert [call(crew, kept, Wish(n, f"{n}")).result(PATIENCE) for n in range(6)] == [0] * 6


def kept(wish: Wish, monitor: Monitor) -> int:
    from kdcore import store

    return sum(len(each) for each in list(store._stores) if each._capacity_bytes is not None)


def test_what_all_hold_counts_what_they_share_once(crew: Processes) -> None:
    alone = machine.resident_bytes()
    assert alone < crew.held() < alone + 2 * 150 * 2**20


# ------------------------------------------------------------------------------------ around them


@dataclass
class Ends:
    """How two processes ended: one of itself while it trained, one that was killed."""

    code: int
    signal: int
    workers: list[int]


@pytest.fixture(scope="module")
def ends() -> Ends:
    """Fork both from a process that imports for both."""
    script = """
import os, signal, sys, time
from kdcore.visit import processes
from kdcore.visit.jobs import JobPool

def endless(settings, monitor):
    while not monitor.is_cancelled():
        time.sleep(0.01)

if (trains := os.fork()) == 0:
    signal.alarm(30)  # does it wait, this ends it
    JobPool(workers=1).submit(endless, 0)
    time.sleep(0.1)
    sys.exit()
code = os.waitstatus_to_exitcode(os.waitpid(trains, 0)[1])
if (killed := os.fork()) == 0:
    crew = processes.Processes(processes.nursery(), 2)
    print(*(worker.pid for worker in crew._workers), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
print(code, os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0 and len(ended.stdout.splitlines()) == 2, ended.stderr
    workers, (code, killed_by) = (map(int, line.split()) for line in ended.stdout.splitlines())
    return Ends(code, killed_by, list(workers))


def test_a_process_that_ends_does_not_wait_for_its_training(ends: Ends) -> None:
    assert ends.code == 0


def test_workers_end_with_the_process_that_they_work_for(ends: Ends) -> None:
    assert ends.signal == -signal.SIGKILL and len(ends.workers) == 2
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in ends.workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nothing_is_forked_on_one_core_or_where_it_is_forbidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_prepared", None)
    for cores, said, forks in ((2, "", True), (1, "", False), (2, "0", False), (1, "1", True)):
        monkeypatch.setenv("KDCORE_WORKERS", str(cores))
        monkeypatch.setenv("KDCORE_PROCESSES", said)
        assert machine.has_processes() is forks
    monkeypatch.setenv("KDCORE_PROCESSES", "0")
    processes.prepare()
    assert processes.workers() is None
    monkeypatch.setenv("KDCORE_PROCESSES", "yes")
    with pytest.raises(ValueError, match="KDCORE_PROCESSES must be 0 or 1"):
        machine.has_processes()


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_a_tensor_travels_with_its_strides_and_without_what_it_is_a_view_of(
    dtype: torch.dtype,
) -> None:
    whole = (torch.arange(6_000) % 2).to(dtype).view(10, 20, 30)
    view = whole[3].T
    message = packed({"view": view, "none": torch.empty(0)})
    assert len(message) < whole.nbytes / 5 + 1_000
    back = pickle.loads(message)
    assert torch.equal(back["view"], view) and back["view"].stride() == view.stride()
    assert back["view"].dtype is dtype and back["none"].numel() == 0
    back["view"][0, 0] = 1  # and it can be written to
