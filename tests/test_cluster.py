"""On a cluster a run gives the figures that it gives here; what machines do, no run is lost by."""

from __future__ import annotations

import importlib.util
import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kdcore import command_line
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import LabSettings
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.grid.plan import Plan
from kdcore.grid.summary import figures_by_seed
from kdcore.grid.work import train_cells
from kdcore.monitor import LearningCurve, Monitor
from kdcore.training import Cancelled
from kdcore.visit import cluster as cluster_module
from kdcore.visit import jobs
from kdcore.visit.cluster import Cluster, ClusterLost, NoCluster, pool_on
from kdcore.visit.jobs import JobPool

# Nobody who collects this file and runs others has a use for Dask itself.
if importlib.util.find_spec("distributed") is None:
    # Where CI is set, a test that was left out would look like one that passed.
    assert not os.environ.get("CI")
    pytest.skip(
        "no distributed: the cluster is not tested (pip install -r requirements-cluster.txt)",
        allow_module_level=True,
    )

ROOT = Path(__file__).resolve().parents[1]
#: Far longer than anything here takes; reached only if something hangs.
PATIENCE = 60.0
LAB, TEMPERATURE = EXPERIMENTS["lab"], EXPERIMENTS["temperature"]
SMALL = LabSettings(seeds=2, student_samples=320, teacher_hidden=(8,))
#: Trains for minutes if nobody stops it.
LONG = TemperatureSettings(teacher_hidden=(32,), student_samples=1_000_000, labels=900, seeds=20)


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait for something and return the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.01)
    return time.monotonic() - started


class Mother:
    """A process that forks others, each of which is then what ``dask`` makes of its arguments.

    What all of them import is imported once. They end with it, and it ends with this process.
    """

    SCRIPT = """
import os, shlex, signal, sys
import distributed.cli.dask_scheduler, distributed.cli.dask_worker
import kdcore.visit.cluster
from dask.cli import run_cli

children = []
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        sys.argv = ["dask", *shlex.split(line)]
        sys.exit(run_cli())
    children.append(child)
    print(child, flush=True)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self, *arguments: str) -> int:
        """Start a process and return its number."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(shlex.join(arguments), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate(timeout=PATIENCE)


class Machines:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, mother: Mother, folder: Path, workers: int) -> None:
        self._mother = mother
        self._file = folder / "scheduler.json"
        scheduler = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.processes = [self._start("scheduler", *scheduler)]
        self.processes += [self.start_worker() for _ in range(workers)]
        eventually(self._file.exists)
        from distributed import Client

        with Client(
            scheduler_file=str(self._file), set_as_default=False, timeout=PATIENCE
        ) as client:
            client.wait_for_workers(workers, timeout=PATIENCE)
            self.address: str = client.scheduler.address

    def start_worker(self) -> int:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
        preload = ["--preload", "kdcore.visit.cluster"]
        return self._start("worker", "--host", "127.0.0.1", *options, *preload)

    def _start(self, what: str, *options: str) -> int:
        return self._mother.start(what, "--scheduler-file", str(self._file), *options)

    def kill(self) -> None:
        for process in self.processes:
            os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="module")
def mother(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mother]:
    made = Mother(tmp_path_factory.mktemp("mother"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def machines(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Machines:
    """A scheduler with two workers."""
    return Machines(mother, tmp_path_factory.mktemp("cluster"), 2)


@pytest.fixture(scope="module")
def pool(machines: Machines) -> Iterator[JobPool]:
    made, _ = pool_on(machines.address)
    yield made
    made.shutdown()


def done(job: jobs.Job[Any]) -> Any:
    assert job.wait(PATIENCE)
    return job.result()


def tensors_of(value: Any) -> list[torch.Tensor]:
    """Return all tensors that a value holds, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in tensors_of(part)]
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors_of(part)]
    return tensors_of(vars(value)) if hasattr(value, "__dict__") else []


# --------------------------------------------------------------------------------- the same figures


def test_a_run_on_a_cluster_equals_the_run_here_bit_for_bit(pool: JobPool) -> None:
    settings = LabSettings(seeds=3, student_samples=3_000, teacher_hidden=(16,))
    here = LAB.run(settings)
    there = done(pool.submit(LAB.run, settings))
    assert there.rows == here.rows
    assert there.settings == here.settings
    assert there.experiment is LAB
    ours, theirs = tensors_of(here.measured), tensors_of(there.measured)
    assert len(ours) == len(theirs) > 10
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_both_workers_are_used(pool: JobPool) -> None:
    assert pool.workers == 2
    both = [pool.submit(say_who_after, 1.0 + i / 100) for i in range(2)]
    assert len({done(job) for job in both}) == 2


def say_who_after(seconds: float, monitor: Monitor) -> int:
    time.sleep(seconds)
    return os.getpid()


def test_runs_are_trained_together_on_a_worker_with_the_figures_of_each_alone(
    pool: JobPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    start = pool._start

    def note(turn: Any) -> None:
        turns.append(len(turn.jobs))
        start(turn)

    monkeypatch.setattr(pool, "_start", note)
    before = [pool.submit(say_who_after, 0.5 + i / 100) for i in range(2)]
    each = [replace(SMALL, temperature=T) for T in (1.0, 2.0, 3.0)]
    together = [pool.submit(LAB.run, settings) for settings in each]
    for busy in before:
        done(busy)
    for settings, job in zip(each, together, strict=True):
        there, here = done(job), LAB.run(settings)
        assert there.rows == here.rows
        ours, theirs = tensors_of(here.measured), tensors_of(there.measured)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert 3 in turns


def test_a_grid_on_a_cluster_keeps_what_a_grid_here_keeps(
    machines: Machines, tmp_path: Path
) -> None:
    command = ["grid", "lab", "--over", "temperature=1,8", "--seeds", "4", "--block", "2"]
    command += ["--set", "student_samples=320", "teacher_hidden=8", "--out", str(tmp_path)]
    assert command_line.main([*command, "--scheduler", machines.address]) == 0
    plan = Plan(
        "lab",
        {"student_samples": "320", "teacher_hidden": "8"},
        {"temperature": ["1", "8"]},
        seeds=4,
        block=2,
    )
    here = {cell.number: train_cells("lab", [cell.texts])[0] for cell in plan.cells()}
    from pyarrow import parquet

    table = parquet.read_table(tmp_path / "results.parquet")
    assert table.to_pydict() == figures_by_seed(plan, here)


# ------------------------------------------------------------------------------- progress and Stop


def test_a_learner_sees_how_far_a_run_on_a_worker_has_got_and_stops_it(pool: JobPool) -> None:
    job = pool.submit(TEMPERATURE.run, LONG)
    eventually(lambda: job.look().fraction > 0 and bool(job.look().stage))
    seen: dict[str, float] = {}

    def gets_further() -> bool:
        look = job.look()  # each stage begins at 0
        return look.fraction > seen.setdefault(look.stage, look.fraction)

    eventually(gets_further)
    assert job.look().state == "running"
    running = len(pool._running)
    pool.release(job)
    assert job.look().state == "stopped"
    # Its worker is free again: at most one exchange and one batch later.
    seconds = eventually(lambda: len(pool._running) < running)
    assert seconds < 5 * cluster_module.EXCHANGE_SECONDS + 1


def test_the_curve_is_heard_of_as_it_stood(pool: JobPool) -> None:
    job = pool.submit(draw_a_curve, "of two points")
    eventually(lambda: job.look().curve is not None)
    curve = job.look().curve
    assert curve is not None
    assert curve.samples_seen == [32]
    assert torch.equal(curve.accuracy[0], torch.tensor([[0.5]]))
    assert done(job) == "drawn"


def draw_a_curve(settings: str, monitor: Monitor) -> str:
    monitor.report("students", 0.5, LearningCurve([32], [torch.tensor([[0.5]])]))
    time.sleep(1)
    return "drawn"


def test_what_a_run_refuses_is_said_as_it_is_here(pool: JobPool) -> None:
    job = pool.submit(fail, "on purpose")
    assert job.wait(PATIENCE)
    with pytest.raises(ValueError, match=r"^on purpose$"):
        job.result()


def fail(settings: str, monitor: Monitor) -> None:
    raise ValueError(settings)


# --------------------------------------------------------------------------- machines that are lost


def test_what_a_lost_worker_was_at_is_done_again_by_another(
    machines: Machines, pool: JobPool, tmp_path: Path
) -> None:
    note = tmp_path / "who"
    job = pool.submit(die_once, str(note))
    assert done(job) != int(note.read_text())
    machines.processes.append(machines.start_worker())
    eventually(lambda: pool.workers == 2)  # one that comes later is used


def die_once(note: str, monitor: Monitor) -> int:
    """End the process of the first worker that gets it, as a power cut would."""
    try:
        with open(note, "x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_lost_scheduler_is_said_and_runs_train_here_from_then_on(
    mother: Mother,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    doomed = Machines(mother, tmp_path, 1)
    monkeypatch.setenv("KDCORE_SCHEDULER", doomed.address)
    monkeypatch.setattr(jobs, "_shared", None)
    monkeypatch.setattr(jobs, "_shared_is_lost", None)
    pool = jobs.shared_pool()
    assert jobs.shared_pool() is pool
    running = pool.submit(TEMPERATURE.run, LONG)
    waiting = pool.submit(LAB.run, SMALL)
    eventually(lambda: running.look().fraction > 0)
    with caplog.at_level(logging.ERROR, "kdcore"):
        doomed.kill()
        assert running.wait(PATIENCE)
    # Who watched a run that is lost is told; who waited only, is served by the next pool.
    with pytest.raises(ClusterLost, match=r"cannot be reached any more\. Ask for it once more"):
        running.result()
    eventually(lambda: waiting.look().state == "stopped")
    assert f"The cluster at {doomed.address} is lost" in caplog.text
    here = jobs.shared_pool()
    assert here is not pool
    assert jobs.shared_pool() is here
    assert done(here.submit(LAB.run, SMALL)).rows
    assert here._lends  # threads of this process
    here.shutdown()


def test_a_worker_stops_what_it_does_for_an_app_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_module, "SILENCE_SECONDS", 0.05)
    with pytest.raises(Cancelled):
        cluster_module._run_there("gone", work_on, (cluster_module.RemoteMonitor("gone", 1),))
    assert cluster_module._reports == {}


def work_on(monitor: Monitor) -> None:
    for _ in range(1000):
        monitor.report("students", 0.5, LearningCurve())
        if monitor.is_cancelled():
            raise Cancelled
        time.sleep(0.01)


# ------------------------------------------------------------------------------ where none is there


def test_without_a_scheduler_the_log_says_so_and_runs_train_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KDCORE_SCHEDULER", "tcp://127.0.0.1:9")
    monkeypatch.setattr(cluster_module, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(jobs, "_shared", None)
    monkeypatch.setattr(jobs, "_shared_is_lost", None)
    pool = jobs.shared_pool()
    assert "No cluster: no scheduler answers at tcp://127.0.0.1:9" in caplog.text
    assert pool._lends
    pool.shutdown()


def test_workers_with_another_source_are_not_trained_on(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = cluster_module.kind()._replace(source="another")
    monkeypatch.setattr(cluster_module, "kind", KindOf(other))
    with pytest.raises(NoCluster, match="has another version"):
        Cluster(machines.address)


class KindOf:
    """Says one kind here, and on a worker the worker's own."""

    def __init__(self, here: cluster_module.Kind) -> None:
        self.here = here

    def __call__(self) -> cluster_module.Kind:
        return self.here

    def __reduce__(self) -> tuple[Any, ...]:
        return _kind_there, ()


def _kind_there() -> Any:
    return cluster_module.kind
