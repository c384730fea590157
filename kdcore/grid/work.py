"""Works through the cells of a grid, on processes of this machine or on a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TextIO

import torch

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import AnyResult
from kdcore.grid.journal import Journal
from kdcore.grid.plan import Cell, Plan
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.statistics import Interval, paired_difference
from kdcore.visit.tables import finite

#: Cells that are handed out beyond those that are worked on, so that nobody waits for the next.
AHEAD = 2

Train = Callable[[Cell], "Future[dict[str, Any]]"]


def train_cell(
    experiment: str, texts: Mapping[str, str], monitor: Monitor = SILENT
) -> dict[str, Any]:
    """Run an experiment and return what a grid keeps of it, as plain data.

    A run that is refused or diverges is a finding, too: it would do so again.
    """
    kind = EXPERIMENTS[experiment]
    try:
        result = kind.run(kind.settings.from_texts(texts), monitor)
        accuracy = result.accuracy
    except ValueError as refusal:
        return {"failed": str(refusal)}
    return {
        "rows": [{name: _plain(row[name]) for name in kind.named_by} for row in result.rows],
        "accuracy": accuracy.T.tolist(),
        "baselines": [_baseline(result, row) for row in range(len(result.rows))],
        "seconds": result.seconds,
    }


def _baseline(result: AnyResult, row: int) -> int | None:
    """Return the row that a row's gain was measured from: the one that gives just this gain."""
    own = result.rows[row]
    if own.get("gain") is None:
        return None
    said = Interval(own["gain"], own["gain_ci"], len(result.seeds))
    for other in range(len(result.rows)):
        difference = paired_difference(result.accuracy[:, row], result.accuracy[:, other])
        if other != row and difference == said:
            return other
    return None


def _plain(value: Any) -> Any:
    return finite(value) if isinstance(value, int | float | str | None) else str(value)


def work_through(
    plan: Plan, journal: Journal, train: Train, workers: int, progress: Progress
) -> None:
    """Train what the journal lacks, and keep each cell as soon as it is done."""
    missing = iter([cell for cell in plan.cells() if cell.number not in journal.done])
    under_way: dict[Future[dict[str, Any]], Cell] = {}
    progress.show(len(journal.done))
    while True:
        for cell in missing:
            under_way[train(cell)] = cell
            if len(under_way) >= workers + AHEAD:
                break
        if not under_way:
            return
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            journal.keep(under_way.pop(future).number, future.result())
            progress.show(len(journal.done))


# --------------------------------------------------------------------------------- who trains


@contextmanager
def local_processes(experiment: str, workers: int) -> Iterator[Train]:
    """Give what trains cells on processes of this machine; they are ended afterwards."""
    # A forked copy of a process with threads may hang; a new one is clean.
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin_process
    )
    try:
        yield lambda cell: executor.submit(train_cell, experiment, dict(cell.texts))
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    executor.shutdown()


def _begin_process() -> None:
    torch.set_num_threads(1)
    # Ctrl-C is for the first process, which ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if it was killed."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


class _Unless:
    """What a cluster asks of a cell: nobody stops waiting for one."""

    def wait(self, seconds: float) -> bool:
        return False

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        pass


@contextmanager
def cluster_workers(experiment: str, address: str) -> Iterator[tuple[Train, int]]:
    """Give what trains cells on a Dask cluster, and how many it trains at once.

    Raises
    ------
    kdcore.visit.cluster.NoCluster
        If there is none to train on.
    """
    from kdcore.visit.cluster import Cluster  # it takes what Dask takes

    cluster: Executor = (there := Cluster(address))
    try:
        yield (
            lambda cell: cluster.submit(
                train_cell, experiment, dict(cell.texts), there.monitor(_Unless())
            ),
            there.threads,
        )
    finally:
        cluster.shutdown()


# ----------------------------------------------------------------------------------- progress


class Progress:
    """A bar on standard error: rewritten on a terminal, a line each tenth elsewhere.

    Parameters
    ----------
    cells
        How many there are in all.
    stream
        Where it is shown.
    """

    WIDTH = 30

    def __init__(self, cells: int, stream: TextIO = sys.stderr) -> None:
        self._cells = cells
        self._stream = stream
        self._started = time.monotonic()
        self._before: int | None = None
        self._tenth = -1

    def show(self, done: int) -> None:
        """Show that so many cells are done."""
        if self._before is None:
            self._before = done
        share = done / self._cells
        left = ""
        if new := done - self._before:
            seconds = (time.monotonic() - self._started) / new * (self._cells - done)
            left = f", {_spell(seconds)} left" if done < self._cells else ""
        bar = ("#" * int(share * self.WIDTH)).ljust(self.WIDTH, "·")
        text = f"[{bar}] {done} of {self._cells} cells{left}"
        if self._stream.isatty():
            end = "\n" if done == self._cells else ""
            print(f"\r\x1b[K{text}", end=end, file=self._stream, flush=True)
        elif int(10 * share) > self._tenth:
            self._tenth = int(10 * share)
            print(text, file=self._stream, flush=True)


def _spell(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
