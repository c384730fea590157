"""The pool that trains for many people on few cores."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from statistics import median
from threading import Event, Lock
from typing import Any, Generic, Literal, Protocol, TypeVar

import torch

from kdcore.memory import LEAST_RUN_BYTES, bytes_held, run_bytes, run_work
from kdcore.monitor import LearningCurve, Monitor
from kdcore.store import BoundedStore, clear_all
from kdcore.training import Cancelled
from kdcore.visit import machine, processes
from kdcore.visit.elsewhere import Followed, GivesWay
from kdcore.visit.line import Line
from kdcore.words import Refusal

Settings = TypeVar("Settings", bound=Hashable)
ResultT = TypeVar("ResultT")
#: Something to be done ahead of need: a function like a job's, and its settings.
Preparation = tuple[Callable[[Any, Monitor], object], Hashable]
State = Literal["waiting", "running", "done", "failed", "stopped"]

#: Multiply-adds up to which a run is small: a few seconds on one core.
SMALL_WORK = 1e11
#: Runs by which it is judged how long the next one takes: what else goes on here changes.
PACES = 5
#: Multiply-adds up to which small runs are run together, so that nobody waits long for the others.
TOGETHER_WORK = 2 * SMALL_WORK
#: And the share of memory that they may take.
TOGETHER_SHARE = 1 / 8
#: Workers share what waits. With more than so many a run costs hardly less than with so many, and
#: with fewer it costs more.
TOGETHER_AT_LEAST = 8
#: Among so many of those that wait a run's company is chosen: it takes the square of their number.
COMPANY_CHOSEN_AMONG = 120
#: What may wait to be done ahead of need; the oldest makes room.
MOST_AHEAD = 16
#: Share of its worker's time that a large run gives to small ones while any wait.
LENT_SHARE = 0.8
#: How often it is looked whether visitors are still there.
SWEEP_SECONDS = 1.0
#: Freed memory is given back to the system after a run of so many bytes, and now and then.
LARGE_BYTES = 64 * 2**20
GIVE_BACK_SECONDS = 5.0
#: What a run may take that begins without asking whether there is room: as much as drawing a page.
LITTLE_BYTES = 48 * 2**20
#: So long others go first while the next in line finds no room beside them.
OVERTAKEN_SECONDS = 10.0

_log = logging.getLogger(__name__)


class QueueFull(Refusal):
    """Too many jobs wait already."""


class DoesNotFit(Refusal):
    """A run needs more memory than there is."""

    def __init__(self, needed: int, free: int) -> None:
        super().__init__("does_not_fit", needed=_mb(needed), free=_mb(free))


class RunsTogether(Protocol):
    """A job's function that can make several runs at once, for less than one after the other.

    What each finds is, to the last bit, what it would have found alone.
    """

    def __call__(self, settings: Any, monitor: Monitor) -> Any:
        """Make one run."""
        ...

    def kind(self, settings: Any) -> Hashable:
        """Return what runs have in common that are better made together; ``None`` if none are."""
        ...

    def traits(self, settings: Any) -> Sequence[Hashable]:
        """Return what runs of one kind may have in common, too: the more, the better together."""
        ...

    def together(
        self, settings: Sequence[Any], monitors: Sequence[Monitor]
    ) -> Sequence[Any | Exception]:
        """Make several runs; return what each has found, or why it has ended.

        A run whose monitor asks to stop leaves the others alone.
        """
        ...


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
    #: What it has in common with jobs that it is better run with; ``None`` if with none.
    kind: Hashable
    #: What jobs of its kind may have in common with it, each in its place.
    traits: Sequence[Hashable]
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
    def takes_little(self) -> bool:
        """Whether it is no more to a machine than a page that is drawn."""
        return not self.is_large and self.memory <= LITTLE_BYTES

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


@dataclass(eq=False)
class _Turn:
    """Jobs that run together on one worker, mostly a single one."""

    jobs: Sequence[Job[Any]]
    #: Whether the worker is that of another turn.
    is_lent: bool = False
    #: What is done ahead of need, with no job.
    ahead: Preparation | None = None

    @property
    def memory(self) -> int:
        """Bytes that all of them are expected to take."""
        if self.ahead is not None:
            return run_bytes(self.ahead[1])
        return LEAST_RUN_BYTES + sum(job.memory - LEAST_RUN_BYTES for job in self.jobs)

    @property
    def is_large(self) -> bool:
        return any(job.is_large for job in self.jobs)


class JobPool:
    """Runs pure functions of frozen settings on a few workers, and shares these fairly.

    - Identical jobs are one job, whoever asks, and the last results are kept. What failed or was
      stopped is nobody's result: who asks again has it run anew.
    - Visitors take turns, small runs first (:class:`~kdcore.visit.line.Line`). A large run lends
      its worker to small ones between two batches: its thread runs them itself. So nothing waits
      for anything, and there is nothing to lock up.
    - Small runs that wait and can be made together are, if their function :class:`RunsTogether`;
      nothing waits for company.
    - A worker with nothing else to do prepares what the next runs may need, as far as the function
      of a run that was done says so by ``ahead(settings)``: pairs of a function like a job's and
      its settings. One does so at a time; it stands still while any job runs, and stops within
      one batch when a job waits for its worker.
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
        What runs the jobs; threads of this process unless given. Others have their own processes
        or machines, so that large runs lend nothing there; one worker is left to small runs.
    monitor
        Makes what a job's function reports to, where the executor runs it elsewhere and it must
        be sent there; :meth:`Job.report` and :meth:`Job.look` are its other end.
    room
        The memory there is; the process's unless given.
    ahead
        Whether to prepare anything ahead of need; unless given what the environment says, and
        not where another executor runs the jobs.
    clear
        Forgets whatever can be computed again, when a run needs the memory; what this process
        keeps unless given.
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
        monitor: Callable[[Followed], Monitor] | None = None,
        room: machine.Room | None = None,
        ahead: bool | None = None,
        clear: Callable[[], None] = clear_all,
        silence: float = 8.0,
        is_present: Callable[[Hashable], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers = workers or machine.workers()
        self._lends = executor is None
        self._monitor: Callable[[Any], Monitor] = monitor or (lambda job: _Watch(self, job))
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
        self._prepares = self._lends and machine.trains_ahead() if ahead is None else ahead
        self._clear = clear
        self._silence = silence
        self._is_present = is_present
        self._clock = clock
        self._next_sweep = clock() + SWEEP_SECONDS
        self._next_give_back = clock() + GIVE_BACK_SECONDS

        # What follows is changed under the lock only, and nothing foreign is called under it.
        self._lock = Lock()
        self._line: Line[Job[Any]] = Line()
        self._wanted: dict[Hashable, Job[Any]] = {}
        #: Seconds a multiply-add in the last runs of each function: there are a few dozen.
        self._paces: dict[Hashable, deque[float]] = {}
        #: Which job each visitor waits for in each place.
        self._places: dict[tuple[Hashable, Hashable], Job[Any]] = {}
        #: What functions are still at work for, whether anybody wants it or not.
        self._running: set[_Turn] = set()
        #: What idle workers may do, in this order.
        self._ahead: OrderedDict[Preparation, None] = OrderedDict()
        self._heard: dict[Hashable, float] = {}
        #: Whether a small job waits; read without the lock, before every batch.
        self._small_waits = False
        #: Whether a job waits that has no worker or no room; read without the lock, too.
        self._cannot_start = False
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
        kind, traits = _kind(function, settings)
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
                    job = Job(key, work, memory, self._clock(), kind, traits, self)
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

    def expected_seconds(
        self, function: Callable[[Any, Monitor], Any], settings: Hashable
    ) -> float | None:
        """Return about how long a run would take, judged by the last ones of the same function.

        Time goes with the multiply-adds that the settings say, but how many a second differs from
        one function to another by orders of magnitude. ``None`` if none was made here yet.
        """
        with self._lock:
            paces = list(self._paces.get(function, ()))
        return median(paces) * run_work(settings) if paces else None

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

    def _choose(self, only_small: bool = False) -> _Turn | None:
        """Take the job out of the line that can start now, if there is one, and its company."""
        promised = sum(turn.memory for turn in self._running)
        larges = sum(turn.is_large for turn in self._running)
        order = self._line.order(self._clock())
        self._small_waits = any(not job.is_large for job in order)
        may_be_large = not only_small and (self._lends or larges < max(1, self.workers - 1))
        for job in order:
            if job.is_large and not may_be_large:
                continue
            alone = not self._running
            if not (alone and job.takes_little) and not self._fits(job, promised):
                if job is order[0] and (alone or (self._is_overdue(job) and not larges)):
                    return None  # nobody goes first any more
                # It waits for room. Small ones go on; another large one would only take it.
                may_be_large = False
                continue
            turn = _Turn(self._company(job, order, promised))
            for each in turn.jobs:
                self._line.serve(each)
                each._look = Look("running")
            self._running.add(turn)
            self._small_waits = any(not each.is_large for each in self._line)
            return turn
        return None

    def _choose_ahead(self) -> _Turn | None:
        """Take what can be done ahead of need, if nobody waits and nobody does any."""
        if self._line or not self._ahead or any(turn.ahead for turn in self._running):
            return None
        if self._running and not self._lends:
            return None  # it could not stand still there
        preparation, _ = self._ahead.popitem(last=False)
        turn = _Turn([], ahead=preparation)
        if not self._room.fits(turn.memory, sum(turn.memory for turn in self._running)):
            return None
        self._running.add(turn)
        return turn

    def _is_needed(self) -> bool:
        """Say whether a job waits for what something ahead of need has; without the lock."""
        return self._is_shut or self._cannot_start

    def _others_train(self) -> bool:
        """Say whether anything runs beside what is done ahead of need; without the lock."""
        return len(self._running) > 1

    def _company(
        self, first: Job[Any], order: Sequence[Job[Any]], promised: int
    ) -> Sequence[Job[Any]]:
        """Return a job that can start, and those that are better run with it.

        Each next one has most in common with one that goes already, such as its teacher: a worker
        that trains these spares the other workers the same. All else being equal the line's order
        holds.
        """
        company = [first]
        if first.kind is None or first.is_large:
            return company
        alike = [job for job in order if job.kind == first.kind and not job.is_large]
        most = max(TOGETHER_AT_LEAST, -(-len(alike) // self.workers))
        alike.remove(first)
        # What each has in common with whom it has most in common with among those who go.
        nearest = dict.fromkeys(alike[:COMPANY_CHOSEN_AMONG], 0)
        while nearest:
            for job in nearest:
                nearest[job] = max(nearest[job], _in_common(company[-1].traits, job.traits))
            job = max(nearest, key=nearest.__getitem__)
            del nearest[job]
            memory = _Turn([*company, job]).memory
            if (
                len(company) >= most
                or sum(each.work for each in company) + job.work > TOGETHER_WORK
                or memory > self._room.limit * TOGETHER_SHARE
                or not self._room.fits(memory, promised)
            ):
                break
            company.append(job)
        return company

    def _fits(self, job: Job[Any], promised: int) -> bool:
        return self._room.fits(job.memory, promised, job.is_large)

    def _is_overdue(self, job: Job[Any]) -> bool:
        return self._clock() - job.since > OVERTAKEN_SECONDS

    # ------------------------------------------------------------------ and this takes it itself

    def _start_what_can(self) -> None:
        """Start jobs while there are workers and room for them."""
        was_cleared = False
        while True:
            with self._lock:
                busy = sum(not turn.is_lent for turn in self._running)
                if self._is_shut or busy >= self.workers:
                    self._cannot_start = len(self._line) > 0
                    return
                turn = self._choose()
                self._cannot_start = turn is None and len(self._line) > 0
                turn = turn or self._choose_ahead()
                if turn is None and (self._running or not self._line):
                    return
                stuck = self._line.order(self._clock())[0] if turn is None else None
                if stuck is not None and was_cleared:
                    free = self._room.free(stuck.is_large)
                    self._end(stuck, Look("failed", error=DoesNotFit(stuck.memory, free)))
            if turn is not None:
                self._start(turn)
            elif not was_cleared:
                self._clear()
                machine.give_back()
                was_cleared = True

    def _start(self, turn: _Turn) -> None:
        try:
            future = self._executor.submit(*self._call(turn))
        except RuntimeError:  # the executor was shut down: the process ends
            self._stop_all()
            self._finish(turn, [Look("stopped")] * max(1, len(turn.jobs)))
        else:
            future.add_done_callback(
                lambda ended: self._finish(turn, _outcomes(ended, max(1, len(turn.jobs))))
            )

    def _call(self, turn: _Turn) -> tuple[Any, ...]:
        """Return what a worker is to call; the call gives a list, one outcome a job."""
        if turn.ahead is not None:
            until_needed = _UntilNeeded(self)
            monitor = until_needed if self._lends else self._monitor(until_needed)
            return _compute, turn.ahead[0], [turn.ahead[1]], [monitor]
        function = turn.jobs[0].key[0]
        settings = [job.key[1] for job in turn.jobs]
        return _compute, function, settings, [self._monitor(job) for job in turn.jobs]

    def _finish(self, turn: _Turn, looks: Sequence[Look[Any]]) -> None:
        """Hear that a function has returned."""
        if turn.ahead is not None:
            self._finish_ahead(turn, turn.ahead, looks[0])
            return
        for job, look in zip(turn.jobs, looks, strict=True):
            if look.error is not None:
                _note(look.error, job)
        held = [bytes_held(look.result) for look in looks]
        preparations = [
            preparation
            for job, look in zip(turn.jobs, looks, strict=True)
            if look.state == "done" and self._prepares
            for preparation in _preparations(*job.key)
        ]
        with self._lock:
            self._running.discard(turn)
            for job, look, size in zip(turn.jobs, looks, held, strict=True):
                if look.state == "done" and not job._ended.is_set():
                    job._held = size
                    self._kept.put(job.key, job)
                    if job.work and (seconds := getattr(look.result, "seconds", 0.0)):
                        paces = self._paces.setdefault(job.key[0], deque(maxlen=PACES))
                        paces.append(seconds / job.work)
                self._end(job, look)
            for preparation in preparations:
                self._ahead[preparation] = None
            while len(self._ahead) > MOST_AHEAD:
                self._ahead.popitem(last=False)
            now = self._clock()
            is_due = turn.memory > LARGE_BYTES or now > self._next_give_back
            if is_due:
                self._next_give_back = now + GIVE_BACK_SECONDS
        if is_due:
            machine.give_back()
        self._start_what_can()

    def _finish_ahead(self, turn: _Turn, ahead: Preparation, look: Look[Any]) -> None:
        with self._lock:
            self._running.discard(turn)
            if look.state == "stopped" and not self._is_shut:
                self._ahead[ahead] = None
                self._ahead.move_to_end(ahead, last=False)
        if look.error is not None:
            _log.warning("%s failed ahead of need", ahead[1], exc_info=look.error)
        self._start_what_can()

    def _lend(self) -> float:
        """Run a small job in the thread of a large one; return the seconds that it took."""
        started = self._clock()
        with self._lock:
            turn = None if self._is_shut else self._choose(only_small=True)
            if turn is not None:
                turn.is_lent = True
        if turn is not None:
            future: Future[Any] = Future()
            compute, *arguments = self._call(turn)
            try:
                # A training records nothing for autograd, but the other run is none of its own.
                with torch.enable_grad():
                    future.set_result(compute(*arguments))
            except BaseException as error:
                future.set_exception(error)
            self._finish(turn, _outcomes(future, len(turn.jobs)))
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


class _UntilNeeded(Monitor, GivesWay):
    """Holds what is done ahead of need while others train; stops it when its worker is needed.

    It has a worker of its own, but no core: pages are drawn, too. Where it is done elsewhere it
    cannot be held, and stops when others train.
    """

    HOLD_SECONDS = 0.01

    def __init__(self, pool: JobPool) -> None:
        self._pool = pool

    def is_cancelled(self) -> bool:
        while not (is_needed := self._pool._is_needed()) and self._pool._others_train():
            time.sleep(self.HOLD_SECONDS)
        return is_needed

    def wait(self, seconds: float) -> bool:
        """Say whether it is to stop, as a job that runs elsewhere is asked."""
        return self._pool._is_needed() or self._pool._others_train()


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
            _shared, _shared_is_lost = _pool_here(is_present), None
        return _shared


def _pool_here(is_present: Callable[[Hashable], bool] | None) -> JobPool:
    """Return a pool that trains on this machine: in processes if they were prepared, or threads."""
    workers = processes.workers()
    if workers is None:
        return JobPool(is_present=is_present)
    pool = JobPool(
        workers.count,
        executor=workers,
        monitor=workers.monitor,
        room=machine.Room(machine.memory_limit(), workers.held),
        ahead=machine.trains_ahead(),
        clear=workers.clear,
        is_present=is_present,
    )
    workers.attend(lambda: pool.touch(None))  # those who have gone are found
    return pool


def _kind(function: Any, settings: Any) -> tuple[Hashable, Sequence[Hashable]]:
    """Return the kind and the traits of a job; the kind of one that goes alone is ``None``."""
    if not hasattr(function, "together") or (own := function.kind(settings)) is None:
        return None, ()
    return (function, own), function.traits(settings)


def _in_common(traits: Sequence[Hashable], others: Sequence[Hashable]) -> int:
    return sum(one == other for one, other in zip(traits, others, strict=True))


def _preparations(function: Any, settings: Any) -> Iterable[Preparation]:
    """Return what a run that was done says that the next ones may need."""
    ahead = getattr(function, "ahead", None)
    return () if ahead is None else ahead(settings)


def _compute(
    function: Any, settings: Sequence[Any], monitors: Sequence[Monitor]
) -> list[Any | Exception]:
    """Run a job's function, or those of several jobs; return what each found or ended with.

    This is what an executor gets, and may send elsewhere.
    """
    wanted = [i for i, monitor in enumerate(monitors) if not monitor.is_cancelled()]
    outcomes: list[Any | Exception] = [Cancelled()] * len(settings)
    if len(settings) == 1 and wanted:
        return [function(settings[0], monitors[0])]
    if wanted:
        together = [settings[i] for i in wanted], [monitors[i] for i in wanted]
        for i, outcome in zip(wanted, function.together(*together), strict=True):
            outcomes[i] = outcome
    return outcomes


def _outcomes(ended: Future[list[Any]], jobs: int) -> list[Look[Any]]:
    """Return how each of some jobs ended that ran together."""
    if ended.cancelled():
        return [Look("stopped")] * jobs
    if (error := ended.exception()) is not None:
        return [_outcome(error)] * jobs
    return [_outcome(each) for each in ended.result()]


def _outcome(found: Any) -> Look[Any]:
    if isinstance(found, Cancelled):
        return Look("stopped")
    if isinstance(found, BaseException):
        return Look("failed", error=found)
    return Look("done", fraction=1.0, result=found)


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
