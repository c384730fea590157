"""Processes that train beside the one that draws the pages.

Drawing a page is Python, and a training asks for Python's lock at each of its small steps: in one
process each waits for the other, and two trainings wait for each other, too. So where a machine
has several cores its trainings have processes of their own.

They are forked, not started: what was imported is shared with them, and one holds 20 to 50 MB of
its own. A process with threads should not fork, as locks that other threads hold would stay closed
in the child. So :func:`prepare` forks one process before anything else runs; it does nothing but
fork the workers, now and whenever one was lost.

A worker and this process talk over a socket. What goes there is a call, and numbers of jobs that
nobody waits for any more; what comes back are reports, and what the call gave.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import torch

from kdcore import store
from kdcore.monitor import LearningCurve
from kdcore.visit import machine
from kdcore.visit.elsewhere import (
    Followed,
    GivesWay,
    Numbered,
    Numbers,
    numbers_in,
    packed,
)
from kdcore.words import Refusal

#: How often a worker looks for messages before a batch, and tells how far each of its jobs is.
LISTEN_SECONDS = 0.01
REPORT_SECONDS = 0.2
#: How often it is looked whether anybody waits for what a worker is at.
ATTEND_SECONDS = 0.05
#: After a call so much memory may stay freed and not given back.
GIVE_BACK_SECONDS = 2.0
#: The settings of so many calls are remembered of each worker: it keeps what it trained for them.
REMEMBERED = 32

_log = logging.getLogger(__name__)


class WorkerLost(Refusal):
    """A run's process was ended twice, by whoever sees to the machine's memory."""

    def __init__(self) -> None:
        super().__init__("worker_lost")


class _Report(NamedTuple):
    number: int
    stage: str
    fraction: float
    curve: LearningCurve


class _Ended(NamedTuple):
    result: Any
    error: BaseException | None


# -------------------------------------------------------------------------------- a worker's side


class _Link:
    """A worker's end of the line, while it is at a call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._unwanted: set[int] = set()
        self._next_look = 0.0
        self._next_report: dict[int, float] = {}

    def report(self, report: _Report) -> None:
        """Tell how far a job is, unless that was told just now."""
        now = time.monotonic()
        if now >= self._next_report.get(report.number, 0.0):
            self._next_report[report.number] = now + REPORT_SECONDS
            self._connection.send_bytes(packed(report))

    def is_unwanted(self, number: int) -> bool:
        """Say whether nobody waits for a job any more."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LISTEN_SECONDS
            while self._connection.poll():
                self._unwanted.add(pickle.loads(self._connection.recv_bytes()))
        return number in self._unwanted


#: The line of this process, if it is a worker and at a call.
_link: _Link | None = None


class LinkedMonitor(Numbered):
    """What a job reports to and asks in a worker."""

    def __init__(self, number: int) -> None:
        self.number = number

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        if _link is not None:
            _link.report(_Report(self.number, stage, fraction, curve.so_far()))

    def is_cancelled(self) -> bool:
        return _link is not None and _link.is_unwanted(self.number)


def _serve(connection: Connection) -> None:
    """Do what comes over a line, one call after another, until it ends."""
    global _link
    torch.set_num_threads(1)
    with suppress(OSError):  # where memory ends, better a run than the server with everybody's
        Path("/proc/self/oom_score_adj").write_text("500")
    connection.send_bytes(packed(os.getpid()))
    next_give_back = 0.0
    while True:
        message = pickle.loads(connection.recv_bytes())
        if isinstance(message, int):
            continue  # about a job that has ended meanwhile
        function, arguments = message
        _link = _Link(connection)
        try:
            ended = _Ended(function(*arguments), None)
        except Exception as error:
            ended = _Ended(None, error)
        _link = None
        try:
            said = packed(ended)
        except Exception as error:
            said = packed(_Ended(None, RuntimeError(f"{ended!r:.200}: {error!r}")))
        del message, arguments, ended
        connection.send_bytes(said)
        del said
        if time.monotonic() >= next_give_back:
            next_give_back = time.monotonic() + GIVE_BACK_SECONDS
            gc.collect()
            machine.give_back()


def _fork_for_ever(control: socket.socket) -> None:
    """Fork a worker for each line that is handed over, until nobody can ask for one any more."""
    while True:
        message, lines, *_ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            _serve(Connection(lines[0]))
            return
        os.close(lines[0])


def _live(control: socket.socket) -> None:
    """Be the process that forks, or one of the workers that it forks; never return."""
    try:
        # Ctrl-C is for the app, which then hangs up; who is killed leaves nothing to wait for.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        # The server's own sockets among them: its port must be free when it has gone.
        kept = control.fileno()
        os.closerange(3, kept)
        os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
        _fork_for_ever(control)
    except (EOFError, OSError):
        pass  # the app has hung up
    finally:
        os._exit(0)


# --------------------------------------------------------------------------- this process's side


@dataclass(eq=False)
class _Worker:
    """A worker process as it is seen from here."""

    connection: Connection | None = None
    pid: int = 0
    calls: SimpleQueue[_Call | None] = field(default_factory=SimpleQueue)
    #: Calls that it has not done yet, without one that gives way to others.
    waiting: int = 0
    known: deque[Hashable] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


@dataclass(eq=False)
class _Call:
    """A function that runs on a worker."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    #: Whether it ends by itself as soon as there is another for its worker.
    gives_way: bool = False
    future: Future[Any] = field(default_factory=Future)


class Processes(Executor):
    """Runs functions on worker processes, one call at a time on each.

    Who calls with settings like those of an earlier call gets the same worker, if that is free: it
    still has what it trained for them. What a lost worker was at is done once more by a new one.

    Parameters
    ----------
    control
        The line to the process that forks.
    workers
        How many there are.
    """

    def __init__(self, control: socket.socket, workers: int) -> None:
        self._control = control
        self._numbers = Numbers()
        self._lock = threading.Lock()
        self._is_closed = False
        self._attend: Callable[[], None] = lambda: None
        self._workers = [_Worker() for _ in range(workers)]
        for worker in self._workers:
            self._renew(worker)
            threading.Thread(
                target=self._mind, args=(worker,), name="kdcore-worker", daemon=True
            ).start()

    @property
    def count(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    def monitor(self, job: Followed) -> LinkedMonitor:
        """Return what a job's function is to report to."""
        return LinkedMonitor(self._numbers.add(job))

    def attend(self, look: Callable[[], None]) -> None:
        """Have a function called again and again while workers are at work."""
        self._attend = look

    def submit(  # type: ignore[override]
        self, function: Callable[..., Any], /, *arguments: Any
    ) -> Future[Any]:
        """Run a function of picklable arguments on a worker.

        Its future cannot be cancelled; it stops when its monitors' jobs have ended.

        Raises
        ------
        RuntimeError
            If this was shut down.
        """
        followed, numbers = self._numbers.followed(), list(numbers_in(arguments))
        gives_way = any(isinstance(followed[number], GivesWay) for number in numbers)
        call, settings = _Call(function, arguments, gives_way), list(_settings_in(arguments))
        call.future.set_running_or_notify_cancel()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the workers have been sent home")
            least = min(worker.waiting for worker in self._workers)
            free = [worker for worker in self._workers if worker.waiting == least]
            worker = max(free, key=lambda each: _likeness(settings, each.known))
            worker.waiting += not gives_way
            worker.known.extend(settings)
        worker.calls.put(call)
        return call.future

    def held(self) -> int:
        """Return the bytes that this process and its workers hold, what they share once."""
        return machine.resident_bytes() + sum(
            machine.private_bytes(worker.pid) for worker in self._workers
        )

    def clear(self) -> None:
        """Let all who are free forget what they keep: a run needs the memory more."""
        with self._lock:
            free = [worker for worker in self._workers if worker.waiting == 0]
            for worker in free:
                worker.waiting += 1
                worker.known.clear()
        calls = [_Call(_forget_all, ()) for _ in free]
        for worker, call in zip(free, calls, strict=True):
            call.future.set_running_or_notify_cancel()
            worker.calls.put(call)
        for call in calls:
            call.future.result()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Send the workers home; what they are at ends with them."""
        with self._lock:
            self._is_closed = True
        for worker in self._workers:
            worker.calls.put(None)
        self._control.close()

    # ------------------------------------------------------------------- one thread for each

    def _mind(self, worker: _Worker) -> None:
        """Hand one call after another to a worker."""
        while (call := worker.calls.get()) is not None:
            ended = self._run(worker, call)
            self._numbers.forget(numbers_in(call.arguments))
            with self._lock:
                worker.waiting -= not call.gives_way
            if ended.error is None:
                call.future.set_result(ended.result)
            else:
                call.future.set_exception(ended.error)
        if worker.connection is not None:
            worker.connection.close()

    def _run(self, worker: _Worker, call: _Call) -> _Ended:
        try:
            message = packed((call.function, call.arguments))
        except Exception as error:
            return _Ended(None, error)
        for attempt in (1, 2):
            try:
                assert worker.connection is not None
                worker.connection.send_bytes(message)
                return self._follow(worker.connection, call)
            except (EOFError, OSError):
                _log.warning("A worker was lost, %d", worker.pid)
                if attempt == 1 and self._is_closed:
                    break
                try:
                    self._renew(worker)
                except (EOFError, OSError) as trouble:
                    return _Ended(None, trouble)
        return _Ended(None, WorkerLost())

    def _follow(self, connection: Connection, call: _Call) -> _Ended:
        """Hear a worker until its call has ended, and tell it what nobody waits for."""
        mine, told = set(numbers_in(call.arguments)), set[int]()
        while True:
            if connection.poll(ATTEND_SECONDS):
                message = pickle.loads(connection.recv_bytes())
                if isinstance(message, _Ended):
                    return message
                if (job := self._numbers.followed().get(message.number)) is not None:
                    job.report(message.stage, message.fraction, message.curve)
            followed = self._numbers.followed()
            for number in mine - told:
                if followed[number].wait(0):
                    connection.send_bytes(packed(number))
                    told.add(number)
            self._attend()

    def _renew(self, worker: _Worker) -> None:
        """Have a new process forked for a worker."""
        if worker.connection is not None:
            worker.connection.close()
        ours, theirs = socket.socketpair()
        with self._lock:
            socket.send_fds(self._control, [b"w"], [theirs.fileno()])
        theirs.close()
        worker.connection = Connection(ours.detach())
        worker.known.clear()
        worker.pid = pickle.loads(worker.connection.recv_bytes())


def _forget_all() -> None:
    store.clear_all()
    gc.collect()
    machine.give_back()


def _settings_in(arguments: object) -> Iterator[Hashable]:
    """Give what runs are defined by among arguments."""
    if isinstance(arguments, tuple | list):
        for argument in arguments:
            yield from _settings_in(argument)
    elif hasattr(arguments, "__dataclass_fields__"):
        yield arguments


def _likeness(settings: list[Hashable], known: deque[Hashable]) -> int:
    """Return in how many fields settings are as some that are known, at best."""
    return max(
        (
            sum(vars(other).get(name) == value for name, value in vars(one).items())
            for one in settings
            for other in known
        ),
        default=0,
    )


def nursery() -> socket.socket:
    """Fork the process that forks workers; return the line to it, which it lives as long as."""
    ours, theirs = socket.socketpair()
    gc.freeze()  # what the collection of garbage does not touch stays shared
    if os.fork() == 0:
        ours.close()
        _live(theirs)
    theirs.close()
    return ours


_prepared: socket.socket | None = None


def prepare() -> None:
    """Fork the process that forks the workers, where that can be done and is of use.

    To be called before this process has threads of its own that do anything, and after everything
    was imported that workers need. On one core nothing is forked: trainings share it better as
    threads, where a large one lends its own to small ones between two batches.
    """
    global _prepared
    if _prepared is None and sys.platform == "linux" and machine.has_processes():
        _prepared = nursery()


def workers() -> Processes | None:
    """Return the workers that were prepared for, started now; none if nothing was prepared."""
    return None if _prepared is None else Processes(_prepared, machine.workers())
