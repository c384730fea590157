"""The queue that trains for many people on few cores."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

import torch

from kdcore.monitor import LearningCurve, Monitor
from kdcore.training import Cancelled

Settings = TypeVar("Settings", bound=Hashable)
ResultT = TypeVar("ResultT")


class QueueFull(RuntimeError):
    """Too many jobs wait already; the message is fit for a learner."""


@dataclass(eq=False)
class Job(Monitor, Generic[ResultT]):
    """One computation that a page waits for. Pages read it; the worker writes to it."""

    key: Hashable
    future: Future[ResultT] = field(init=False)
    #: What is going on, such as ``"teacher"``; empty while waiting in the queue.
    stage: str = ""
    #: Share of the stage that is done.
    fraction: float = 0.0
    curve: LearningCurve | None = None
    _stop: bool = False
    _waiting: int = 1

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.stage, self.fraction, self.curve = stage, fraction, curve

    def is_cancelled(self) -> bool:
        return self._stop

    @property
    def is_done(self) -> bool:
        """Whether there is a result, or an error instead of one."""
        return self.future.done()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; return whether the job is done."""
        try:
            self.future.exception(seconds)
        except FutureTimeoutError:
            return False
        except CancelledError:
            return True
        return True

    def result(self) -> ResultT:
        """Return the result of a job that is done, or raise what it failed with."""
        return self.future.result(timeout=0)


class JobPool:
    """Runs pure functions of frozen settings on a few workers.

    Identical jobs are one job, whoever asks, and the last results are kept.

    Parameters
    ----------
    workers
        Jobs that run at the same time; one per core unless said otherwise.
    kept
        Finished jobs that are kept.
    longest_queue
        Jobs that may wait; one more raises :class:`QueueFull`.
    executor
        What runs the jobs; threads of this process unless given.
    """

    def __init__(
        self,
        workers: int | None = None,
        kept: int = 64,
        longest_queue: int = 64,
        executor: Executor | None = None,
    ) -> None:
        self._executor = executor or ThreadPoolExecutor(
            workers or os.cpu_count() or 1, "kdcore-job", initializer=_use_one_thread
        )
        self._kept = kept
        self._longest_queue = longest_queue
        self._jobs: OrderedDict[Hashable, Job[Any]] = OrderedDict()
        self._lock = Lock()
        # A stopped server must not wait for a training. The interpreter joins the workers before
        # it calls atexit's functions; this hook, private but old, comes before that.
        threading._register_atexit(self._stop_all)  # type: ignore[attr-defined]

    def submit(
        self, function: Callable[[Settings, Monitor], ResultT], settings: Settings
    ) -> Job[ResultT]:
        """Return the job that computes ``function(settings, monitor)``, a known one if there is.

        Raises
        ------
        QueueFull
            If too many jobs wait already.
        """
        key = (function, settings)
        with self._lock:
            job = self._jobs.get(key)
            # A job that failed or is being stopped is nobody's result; run it anew.
            if job is not None and not job.is_cancelled() and not _failed(job):
                job._waiting += 1
                if job.is_done:  # a job that waits keeps its place
                    self._jobs.move_to_end(key)
                return job
            if self._queued() >= self._longest_queue:
                raise QueueFull(
                    f"{self._longest_queue} trainings are waiting already. "
                    "Try again in a few seconds."
                )
            job = Job(key)
            job.future = self._executor.submit(_run, job, function, settings)
            self._jobs[key] = job
            self._jobs.move_to_end(key)
            self._forget_oldest()
            return job

    def release(self, job: Job[Any]) -> None:
        """Say that one who asked for the job no longer waits; stop it if nobody else does."""
        with self._lock:
            job._waiting -= 1
            if job._waiting <= 0 and not job.is_done:
                job._stop = True
                job.future.cancel()

    def position(self, job: Job[Any]) -> int:
        """Return how many jobs wait in front of this one; 0 if it runs or is done."""
        if job.is_done or job.stage or job.future.running():
            return 0
        with self._lock:
            waiting = [other for other in self._jobs.values() if _is_queued(other)]
        return waiting.index(job) if job in waiting else 0

    def shutdown(self) -> None:
        """Stop all jobs within one batch and give the workers back."""
        self._stop_all()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _stop_all(self) -> None:
        with self._lock:
            for job in self._jobs.values():
                job._stop = True

    def _queued(self) -> int:
        return sum(_is_queued(job) for job in self._jobs.values())

    def _forget_oldest(self) -> None:
        finished = [key for key, job in self._jobs.items() if job.is_done]
        for key in finished[: max(0, len(finished) - self._kept)]:
            del self._jobs[key]


def _run(job: Job[ResultT], function: Callable[[Any, Monitor], ResultT], settings: Any) -> ResultT:
    if job.is_cancelled():
        raise Cancelled
    return function(settings, job)


def _is_queued(job: Job[Any]) -> bool:
    return not job.future.running() and not job.is_done


def _failed(job: Job[Any]) -> bool:
    return job.is_done and (job.future.cancelled() or job.future.exception() is not None)


def _use_one_thread() -> None:
    # Two workers with two threads each stall one another at the barriers of every product.
    torch.set_num_threads(1)
