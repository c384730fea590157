"""The pool that trains for many people on few cores."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import Any, Generic, Literal, TypeVar

import torch

from kdcore.memory import bytes_held, run_bytes, run_work
from kdcore.monitor import LearningCurve, Monitor
from kdcore.store import BoundedStore, clear_all
from kdcore.training import Cancelled
from kdcore.visit import machine
from kdcore.visit.line import Line
from kdcore.words import Refusal

Settings = TypeVar("Settings", bound=Hashable)
ResultT = TypeVar("ResultT")
State = Literal["waiting", "running", "done", "failed", "stopped"]

#: Multiply-adds up to which a run is small: a few seconds on one core.
SMALL_WORK = 1e11
#: Share of its worker's time that a large run gives to small ones while any wait.
LENT_SHARE = 0.8
#: How often it is looked whether visitors are still there.
SWEEP_SECONDS = 1.0
#: Freed memory is given back to the system after a run of so many bytes, and now and then.
LARGE_BYTES = 64 * 2**20
GIVE_BACK_SECONDS = 5.0

_log = logging.getLogger(__name__)


class QueueFull(Refusal):
    """Too many jobs wait already."""


class DoesNotFit(Refusal):
    """A run needs more memory than there is."""

    def __init__(self, needed: int, free: int) -> None:
        super().__init__("does_not_fit", needed=_mb(needed), free=_mb(free))


@dataclass(frozen=True)
class Look(Generic[ResultT]):
    """How a job stands at one moment. A page takes one look and decides everything by it."""

    state: State
    #: What is going on, such as ``"teacher"``; empty while waiting in the queue.
    stage: str = ""
    #: Share of the stage that is done.
    fraction: float = 0.0
    curve: LearningCurve | None = None
    #: How many jobs are served before this one; 0 if it is next, runs, or has ended.
    position: int = 0
    #: There if and only if it is done.
    result: ResultT | None = None
    #: There if and only if it failed.
    error: BaseException | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether something more will come of it: it waits or runs."""
        return self.state in ("waiting", "running")


@dataclass(eq=False)
class Job(Generic[ResultT]):
    """One computation that pages wait for. They look at it; the pool and its worker change it."""

    key: tuple[Callable[[Any, Monitor], ResultT], Any]
    #: Multiply-adds and bytes that it is expected to take.
    work: float
    memory: int
    #: When it was first asked for, in seconds of the pool's clock.
    since: float
    _pool: JobPool = field(repr=False)
    _look: Look[ResultT] = field(default_factory=lambda: Look("waiting"), repr=False)
    _ended: Event = field(default_factory=Event, repr=False)
    #: Who waits for it, and where.
    _claims: set[tuple[Hashable, Hashable]] = field(default_factory=set, repr=False)
    #: Bytes of its result.
    _held: int = 0

    @property
    def is_large(self) -> bool:
        """Whether it takes longer than anybody should wait for."""
        return self.work > SMALL_WORK

    @property
    def visitors(self) -> Iterable[Hashable]:
        """Who waits for it."""
        return {visitor for visitor, _ in self._claims}

    def look(self) -> Look[ResultT]:
        """Return how the job stands now, all of it at one moment."""
        look = self._look
        if look.state != "waiting":
            return look
        return replace(look, position=self._pool._position(self))

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        """Hear how far its function has got."""
        # The worker goes on writing to its curve; who looks has the points of this moment.
        self._pool._report(self, Look("running", stage, fraction, curve.so_far()))

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; return whether the job has ended: done, failed or stopped."""
        return self._ended.wait(seconds)

    @property
    def is_done(self) -> bool:
        """Whether there is a result, or an error instead of one; not if it was stopped."""
        return self._look.state in ("done", "failed")

    def result(self) -> ResultT:
        """Return the result of a job that is done.

        Raises
        ------
        Exception
            What it failed with; :class:`~kdcore.training.Cancelled` if it was stopped, and
            ``TimeoutError`` if it is under way: look before.
        """
        look = self._look
        if look.state == "done":
            return look.result  # type: ignore[return-value]
        if look.error is not None:
            raise look.error
        raise Cancelled if look.state == "stopped" else TimeoutError("the job is under way")

    def _settle(self, look: Look[ResultT]) -> None:
        self._look = look
        self._ended.set()


class JobPool:
    """Runs pure functions of frozen settings on a few workers, and shares these fairly.

    - Identical jobs are one job, whoever asks, and the last results are kept. What failed or was
      stopped is nobody's result: who asks again has it run anew.
    - Visitors take turns, small runs first (:class:`~kdcore.visit.line.Line`). A large run lends
      its worker to small ones between two batches: its thread runs them itself. So nothing waits
      for anything, and there is nothing to lock up.
    - A job stops within one batch when nobody waits for it any more: when all have released it,
      or have not been heard of for some seconds.
    - A run starts when its memory is there, by its settings' ``memory()`` in bytes.

    Parameters
    ----------
    workers
        Jobs that run at the same time; what the machine allows unless given.
    kept, kept_bytes
        Results that are kept, and what they may hold together; a sixteenth of the memory, but not
        more than 64 MB, unless given.
    waiting_each, waiting
        Jobs that may wait, of one visitor and in all; one more raises :class:`QueueFull`.
    executor
        What runs the jobs; threads of this process unless given. Others have their own threads
        or machines, so that large runs lend nothing there; one worker is left to small runs.
    monitor
        Makes what a job's function reports to, where the executor runs it elsewhere and it must
        be sent there; :meth:`Job.report` and :meth:`Job.look` are its other end.
    room
        The memory there is; the process's unless given.
    silence
        Seconds after which a visitor who is not heard of has gone.
    is_present
        Says whether a visitor is still connected, if that can be known: it counts as being heard.
        Called from any thread.
    clock
        Tells the time in seconds.
    """

    def __init__(
        self,
        workers: int | None = None,
        kept: int = 256,
        kept_bytes: int | None = None,
        waiting_each: int = 16,
        waiting: int = 4096,
        executor: Executor | None = None,
        monitor: Callable[[Job[Any]], Monitor] | None = None,
        room: machine.Room | None = None,
        silence: float = 8.0,
        is_present: Callable[[Hashable], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers = workers or machine.workers()
        self._lends = executor is None
        self._monitor = monitor or (lambda job: _Watch(self, job))
        self._executor = executor or ThreadPoolExecutor(
            self.workers, "kdcore-job", initializer=_use_one_thread
        )
        self._waiting_each = waiting_each
        self._most_waiting = waiting
        self._room = room or machine.Room(machine.memory_limit())
        if kept_bytes is None:
            kept_bytes = min(64 * 2**20, self._room.limit // 16)
        self._kept: BoundedStore[Hashable, Job[Any]] = BoundedStore(
            kept, kept_bytes, lambda job: job._held
        )
        self._silence = silence
        self._is_present = is_present
        self._clock = clock
        self._next_sweep = clock() + SWEEP_SECONDS
        self._next_give_back = clock() + GIVE_BACK_SECONDS

        # What follows is changed under the lock only, and nothing foreign is called under it.
        self._lock = Lock()
        self._line: Line[Job[Any]] = Line()
        self._wanted: dict[Hashable, Job[Any]] = {}
        #: Which job each visitor waits for in each place.
        self._places: dict[tuple[Hashable, Hashable], Job[Any]] = {}
        #: Jobs that a function is still at work for, whether anybody wants them or not.
        self._running: set[Job[Any]] = set()
        #: Those of them that run on the worker of another.
        self._lent: set[Job[Any]] = set()
        self._heard: dict[Hashable, float] = {}
        #: Whether a small job waits; read without the lock, before every batch.
        self._small_waits = False
        self._is_shut = False
        # A stopped server must not wait for a training. The interpreter joins the workers before
        # it calls atexit's functions; this hook, private but old, comes before that.
        threading._register_atexit(self._stop_all)  # type: ignore[attr-defined]

    # ------------------------------------------------------------------------- what pages call

    def submit(
        self,
        function: Callable[[Settings, Monitor], ResultT],
        settings: Settings,
        visitor: Hashable = None,
        place: Hashable = None,
    ) -> Job[ResultT]:
        """Return the job that computes ``function(settings, monitor)``, a known one if there is.

        Asking again for the same in the same place changes nothing.

        Parameters
        ----------
        visitor
            Who asks; ``None`` is someone who never goes away.
        place
            Where the visitor waits, such as a page: who asks for something else there no longer
            waits for what was asked for before. Each job has a place of its own unless given.

        Raises
        ------
        QueueFull
            If too many jobs wait already.
        DoesNotFit
            If the run needs more memory than this process could ever have.
        """
        key = (function, settings)
        work, memory = run_work(settings), run_bytes(settings)
        claim = (visitor, key if place is None else place)
        with self._lock:
            before = self._places.get(claim)
            if before is not None and before.key != key:
                self._drop(claim)
        job: Job[ResultT] | None = self._kept.get(key)
        if job is None:
            with self._lock:
                # What was done since the look at the store is there now.
                job = self._wanted.get(key) or self._kept.get(key)
                if job is None:
                    self._check_queue(visitor)
                    job = Job(key, work, memory, self._clock(), self)
                    if memory > (best := self._room.at_best(job.is_large)):
                        raise DoesNotFit(memory, best)
                    if self._is_shut:
                        job._settle(Look("stopped"))
                        return job
                    self._wanted[key] = job
                    self._line.join(job)
                    self._small_waits = self._small_waits or not job.is_large
                if not job._ended.is_set():
                    job._claims.add(claim)
                    self._places[claim] = job
                    if visitor is not None:
                        self._heard[visitor] = self._clock()
        self._sweep_if_due()
        self._start_what_can()
        return job

    def release(self, job: Job[Any], visitor: Hashable = None, place: Hashable = None) -> None:
        """Say that a visitor no longer waits in a place; stop the job if nobody else does."""
        claim = (visitor, job.key if place is None else place)
        with self._lock:
            if self._places.get(claim) is job:
                self._drop(claim)
        self._start_what_can()

    def touch(self, visitor: Hashable) -> None:
        """Hear of a visitor: call it whenever one asks for anything."""
        with self._lock:
            if visitor in self._heard:
                self._heard[visitor] = self._clock()
        self._sweep_if_due()

    def leave(self, visitor: Hashable) -> None:
        """Say that a visitor has gone, from wherever."""
        with self._lock:
            self._drop_all_of({visitor})
        self._start_what_can()

    def shutdown(self) -> None:
        """Stop all jobs within one batch and give the workers back."""
        self._stop_all()
        self._executor.shutdown(wait=True, cancel_futures=True)

    # --------------------------------------------------------------- all this is under the lock

    def _check_queue(self, visitor: Hashable) -> None:
        own = {job for (who, _), job in self._places.items() if who == visitor}
        waiting = sum(job._look.state == "waiting" for job in own)
        if visitor is not None and waiting >= self._waiting_each:
            raise QueueFull("own_queue_full", waiting=waiting)
        if len(self._line) >= self._most_waiting:
            raise QueueFull("queue_full", waiting=len(self._line))

    def _drop(self, claim: tuple[Hashable, Hashable]) -> None:
        """Let nobody wait there; stop the job if nobody waits for it elsewhere."""
        job = self._places.pop(claim)
        job._claims.discard(claim)
        if not job._claims:
            self._end(job, Look("stopped"))

    def _drop_all_of(self, visitors: set[Hashable]) -> None:
        for claim in [claim for claim in self._places if claim[0] in visitors]:
            self._drop(claim)
        for visitor in visitors:
            self._heard.pop(visitor, None)

    def _end(self, job: Job[Any], look: Look[Any]) -> None:
        """Let a job have ended so, unless it has ended already."""
        if job._ended.is_set():
            return
        self._line.leave(job)
        if self._wanted.get(job.key) is job:
            del self._wanted[job.key]
        for claim in job._claims:
            self._places.pop(claim, None)
        job._claims.clear()
        job._settle(look)

    def _choose(self, only_small: bool = False) -> Job[Any] | None:
        """Take the job out of the line that can start now, if there is one."""
        promised = sum(job.memory for job in self._running)
        larges = sum(job.is_large for job in self._running)
        order = self._line.order(self._clock())
        self._small_waits = any(not job.is_large for job in order)
        may_be_large = not only_small and (self._lends or larges < max(1, self.workers - 1))
        for job in order:
            if job.is_large and not may_be_large:
                continue
            # With nothing else under way there is as much room as there can be; a small run takes
            # no more than drawing a page.
            alone = not self._running
            if not (alone and not job.is_large) and not self._fits(job, promised):
                # It waits for room. Small ones go on; another large one would only take it.
                may_be_large = False
                continue
            self._line.serve(job)
            self._running.add(job)
            job._look = Look("running")
            return job
        return None

    def _fits(self, job: Job[Any], promised: int) -> bool:
        return self._room.fits(job.memory, promised, job.is_large)

    # ------------------------------------------------------------------ and this takes it itself

    def _start_what_can(self) -> None:
        """Start jobs while there are workers and room for them."""
        was_cleared = False
        while True:
            with self._lock:
                if self._is_shut or len(self._running - self._lent) >= self.workers:
                    return
                job = self._choose()
                if job is None and (self._running or not self._line):
                    return
                stuck = self._line.order(self._clock())[0] if job is None else None
                if stuck is not None and was_cleared:
                    free = self._room.free(stuck.is_large)
                    self._end(stuck, Look("failed", error=DoesNotFit(stuck.memory, free)))
            if job is not None:
                self._start(job)
            elif not was_cleared:
                clear_all()
                machine.give_back()
                was_cleared = True

    def _start(self, job: Job[Any]) -> None:
        function, settings = job.key
        try:
            future = self._executor.submit(_compute, function, settings, self._monitor(job))
        except RuntimeError:  # the executor was shut down: the process ends
            self._stop_all()
            self._finish(job, Look("stopped"))
        else:
            future.add_done_callback(lambda ended: self._finish(job, _outcome(ended)))

    def _finish(self, job: Job[Any], look: Look[Any]) -> None:
        """Hear that a function has returned."""
        if look.error is not None:
            _note(look.error, job)
        held = bytes_held(look.result)
        with self._lock:
            self._running.discard(job)
            self._lent.discard(job)
            if look.state == "done" and not job._ended.is_set():
                job._held = held
                self._kept.put(job.key, job)
            self._end(job, look)
            now = self._clock()
            is_due = job.memory > LARGE_BYTES or now > self._next_give_back
            if is_due:
                self._next_give_back = now + GIVE_BACK_SECONDS
        if is_due:
            machine.give_back()
        self._start_what_can()

    def _lend(self) -> float:
        """Run a small job in the thread of a large one; return the seconds that it took."""
        started = self._clock()
        with self._lock:
            job = None if self._is_shut else self._choose(only_small=True)
            if job is not None:
                self._lent.add(job)
        if job is not None:
            future: Future[Any] = Future()
            try:
                # A training records nothing for autograd, but the other run is none of its own.
                with torch.enable_grad():
                    future.set_result(_compute(*job.key, self._monitor(job)))
            except BaseException as error:
                future.set_exception(error)
            self._finish(job, _outcome(future))
        return self._clock() - started

    def _report(self, job: Job[Any], look: Look[Any]) -> None:
        with self._lock:
            if not job._ended.is_set():
                job._look = look

    def _position(self, job: Job[Any]) -> int:
        with self._lock:
            order = self._line.order(self._clock())
            return order.index(job) if job in order else 0

    def _sweep_if_due(self) -> None:
        """Release the jobs of those who have gone.

        Called by running jobs before each batch, so that no thread is needed for it: where nothing
        runs, nothing waits.
        """
        now = self._clock()
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_SECONDS
        with self._lock:
            visitors = list(self._heard)
        is_present = self._is_present or (lambda visitor: False)
        present = {visitor for visitor in visitors if is_present(visitor)}
        with self._lock:
            for visitor in present & self._heard.keys():
                self._heard[visitor] = now
            self._drop_all_of(
                {who for who, heard in self._heard.items() if now - heard > self._silence}
            )
            waiting = {visitor for visitor, _ in self._places}
            for visitor in self._heard.keys() - waiting:
                del self._heard[visitor]
        self._start_what_can()

    def _stop_all(self) -> None:
        with self._lock:
            self._is_shut = True
            for job in list(self._wanted.values()):
                self._end(job, Look("stopped"))


class _Watch(Monitor):
    """What a job's function reports to and asks, in this process."""

    def __init__(self, pool: JobPool, job: Job[Any]) -> None:
        self._pool = pool
        self._job = job
        self._thread = 0
        self._started = self._lent = 0.0

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self._job.report(stage, fraction, curve)

    def is_cancelled(self) -> bool:
        pool, job = self._pool, self._job
        if not self._thread:
            self._thread, self._started = threading.get_ident(), pool._clock()
        pool._sweep_if_due()
        if pool._small_waits and self._may_lend():
            self._lent += pool._lend()
        return job._ended.is_set()

    def _may_lend(self) -> bool:
        if not (self._pool._lends and self._job.is_large) or self._job._ended.is_set():
            return False
        own = self._pool._clock() - self._started - self._lent
        # The first second is lent in advance: who comes just now is served at once.
        is_its_own = threading.get_ident() == self._thread
        return is_its_own and self._lent <= 1 + own * LENT_SHARE / (1 - LENT_SHARE)


_shared: JobPool | None = None
#: Says whether the cluster that the shared pool trains on is lost; none if it trains here.
_shared_is_lost: Callable[[], bool] | None = None
_shared_lock = Lock()


def shared_pool(is_present: Callable[[Hashable], bool] | None = None) -> JobPool:
    """Return the one pool of this process, made when first asked for.

    It belongs to the process and to no cache: what anybody can clear must not make a second one.
    Where ``KDCORE_SCHEDULER`` names a cluster it trains there; if that cannot be reached, or is
    lost, it trains on threads of this process from then on, and the log says so.

    Parameters
    ----------
    is_present
        As in :class:`JobPool`; heard of when the pool is made.
    """
    global _shared, _shared_is_lost
    with _shared_lock:
        if _shared is None:
            machine.tame_malloc()
            if address := os.environ.get("KDCORE_SCHEDULER", "").strip():
                from kdcore.visit import cluster  # it takes what Dask takes

                try:
                    _shared, _shared_is_lost = cluster.pool_on(address, is_present)
                except cluster.NoCluster as trouble:
                    _log.error("No cluster: %s. Runs train in this process.", trouble)
        if _shared is None or (_shared_is_lost is not None and _shared_is_lost()):
            _shared, _shared_is_lost = JobPool(is_present=is_present), None
        return _shared


def _compute(
    function: Callable[[Any, Monitor], ResultT], settings: Any, monitor: Monitor
) -> ResultT:
    """Run a job's function; this is what an executor gets, and may send elsewhere."""
    if monitor.is_cancelled():
        raise Cancelled
    return function(settings, monitor)


def _outcome(ended: Future[Any]) -> Look[Any]:
    if ended.cancelled() or isinstance(ended.exception(), Cancelled):
        return Look("stopped")
    if (error := ended.exception()) is not None:
        return Look("failed", error=error)
    return Look("done", fraction=1.0, result=ended.result())


def _note(error: BaseException, job: Job[Any]) -> None:
    """Keep in the log what the learner is not to see, and nothing in memory."""
    if not isinstance(error, ValueError):  # those are meant for the learner
        _log.error("A run of %s failed", job.key[1], exc_info=error)
    seen: BaseException | None = error
    while seen is not None:
        # The frames of a failed training hold its networks.
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__


def _mb(count: int) -> str:
    return f"{count / 2**20:,.0f} MB"


def _use_one_thread() -> None:
    # Two workers with two threads each stall one another at the barriers of every product.
    torch.set_num_threads(1)
