"""Works through the cells of a grid, on processes of this machine or on a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TextIO

import torch

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import AnyResult, Experiment
from kdcore.grid.journal import Journal
from kdcore.grid.plan import Cell, Plan
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.statistics import Interval, paired_difference
from kdcore.visit.tables import finite

#: Cells that are handed out beyond those that are worked on, so that nobody waits for the next.
AHEAD = 2

#: Cells that are trained as one stack, at most.
TOGETHER = 8

Train = Callable[[Sequence[Mapping[str, str]]], "Future[list[dict[str, Any]]]"]


def train_cells(
    experiment: str, texts: Sequence[Mapping[str, str]], monitor: Monitor = SILENT
) -> list[dict[str, Any]]:
    """Run an experiment for several cells and return what a grid keeps of each, as plain data.

    They are trained as one stack if they can be; each has the figures of a run alone. A run that
    is refused or diverges is a finding, too: it would do so again.
    """
    started = time.perf_counter()
    kind = EXPERIMENTS[experiment]
    settings = [kind.settings.from_texts(each) for each in texts]
    found: Sequence[AnyResult | Exception]
    if len(settings) > 1 and kind.run.kind(settings[0]) is not None:
        found = kind.run.together(settings, [monitor] * len(settings))
    else:
        found = [_found(kind, each, monitor) for each in settings]
    seconds = (time.perf_counter() - started) / len(settings)
    return [_as_data(each) | {"seconds": seconds} for each in found]


def _found(kind: Experiment[Any, Any], settings: Any, monitor: Monitor) -> AnyResult | ValueError:
    try:
        return kind.run(settings, monitor)
    except ValueError as refusal:
        return refusal


def _as_data(found: AnyResult | Exception) -> dict[str, Any]:
    if isinstance(found, ValueError):
        return {"failed": str(found)}
    if isinstance(found, Exception):
        raise found
    if found.measured.accuracy is None:
        return {"failed": f"{found.name} has no accuracy per seed"}
    return {
        "rows": [
            {name: _plain(row[name]) for name in found.experiment.named_by} for row in found.rows
        ],
        "accuracy": found.accuracy.T.tolist(),
        "baselines": [_baseline(found, row) for row in range(len(found.rows))],
    }


def batches(plan: Plan, cells: Sequence[Cell], workers: int) -> list[list[Cell]]:
    """Return cells in batches, each for one worker at once: those that train as one stack.

    Larger batches train faster; a few for each worker, and none of more than so many cells, keep
    all at work and lose little when they are stopped.
    """
    most = max(1, min(TOGETHER, len(cells) // (3 * workers)))
    kind, settings = plan.kind.run.kind, plan.kind.settings
    parts: list[list[Cell]] = []
    before: object = None
    for cell in cells:
        own = kind(settings.from_texts(cell.texts))
        if own is None or own != before or len(parts[-1]) >= most:
            parts.append([])
        parts[-1].append(cell)
        before = own
    return parts


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
    cells = [cell for cell in plan.cells() if cell.number not in journal.done]
    missing = iter(batches(plan, cells, workers))
    under_way: dict[Future[list[dict[str, Any]]], list[Cell]] = {}
    progress.show(len(journal.done))
    while True:
        for batch in missing:
            under_way[train([cell.texts for cell in batch])] = batch
            if len(under_way) >= workers + AHEAD:
                break
        if not under_way:
            return
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            for cell, found in zip(under_way.pop(future), future.result(), strict=True):
                journal.keep(cell.number, found)
            progress.show(len(journal.done))


# --------------------------------------------------------------------------------- who trains


@contextmanager
def local_processes(experiment: str, workers: int) -> Iterator[Train]:
    """Give what trains cells on processes of this machine; they are ended afterwards."""
    # A forked copy of a process with threads may hang; a new one is clean.
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin_process
    )

    def train(texts: Sequence[Mapping[str, str]]) -> Future[list[dict[str, Any]]]:
        with _deaf_to_ctrl_c():  # processes are started by this, and are what this one is then
            return executor.submit(train_cells, experiment, texts)

    try:
        yield train
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    executor.shutdown()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Hear of Ctrl-C afterwards only; a process that is started meanwhile never does.

    It is for the first process, which ends the others: they would all print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_process() -> None:
    torch.set_num_threads(1)
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
            lambda texts: cluster.submit(train_cells, experiment, texts, there.monitor(_Unless())),
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
