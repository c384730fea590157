"""A Dask cluster that trains in place of this process's own threads.

``KDCORE_SCHEDULER=tcp://host:8786`` names its scheduler; Dask's package is imported only then. A
job goes to a worker as its function, its settings and a monitor, all of them pickled. Then the two
sides talk by :func:`_exchange`, which this process runs on every worker a few times a second: it
says whom nobody waits for any more, and hears how far the others have got. So nothing is stored on
the scheduler, and a run asks its own process only whether it is to stop.

- A run gives the same figures to the last bit as here, if the worker has the same PyTorch, the
  same source and a processor of the same kind. The first two are checked, of the third the log
  tells.
- What a lost worker was at is done again by another: that is Dask's own doing.
- A lost scheduler loses what was under way. The cluster is given up then, for good.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import CancelledError, Executor, Future
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from kdcore.monitor import LearningCurve
from kdcore.visit import machine
from kdcore.visit.elsewhere import Followed, Numbered, Numbers, numbers_in
from kdcore.visit.jobs import JobPool
from kdcore.words import Refusal

if TYPE_CHECKING:
    from distributed import Client

#: How long a scheduler and a first worker are waited for.
CONNECT_SECONDS = 10.0
#: How often workers are talked to while they are at work, and otherwise.
EXCHANGE_SECONDS = 0.2
IDLE_SECONDS = 2.0
#: How long a cluster may have no workers at all before it counts as lost.
EMPTY_SECONDS = 10.0
#: A run stops if its app is not heard of for so long: it has ended, or cannot be reached.
SILENCE_SECONDS = 30.0
#: What a worker holds before it trains anything.
WORKER_BASE_BYTES = 320 * 2**20

_log = logging.getLogger(__name__)


class NoCluster(ValueError):
    """There is no cluster to train on; the message says why."""


class ClusterLost(Refusal):
    """The cluster went while it was at work."""

    def __init__(self, *_: object) -> None:  # pickled and back: by what it is, not by its word
        super().__init__("cluster_lost")


# ----------------------------------------------------------------------------- what both sides know


class Kind(NamedTuple):
    """What decides the figures of a run, down to their last bits."""

    torch: str
    #: Of the engine's source.
    source: str
    #: The vector instructions that PyTorch uses.
    processor: str


@lru_cache(maxsize=1)
def kind() -> Kind:
    """Return of what kind this process is."""
    engine = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(engine.rglob("*.py")):
        digest.update(f"{file.relative_to(engine).as_posix()}\0".encode())
        digest.update(file.read_bytes())
    return Kind(torch.__version__, digest.hexdigest(), torch.backends.cpu.get_cpu_capability())


# ------------------------------------------------------------------------------- a worker's side

#: What this worker's runs have reported since it was last asked, by app and number.
_reports: dict[tuple[str, int], tuple[str, float, LearningCurve]] = {}
#: The runs that each app wants no more, and when it was last heard.
_unwanted: dict[str, frozenset[int]] = {}
_heard: dict[str, float] = {}


class RemoteMonitor(Numbered):
    """What a run on a worker reports to and asks: the memory of its own process."""

    def __init__(self, app: str, number: int) -> None:
        self.app = app
        self.number = number

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        # The run goes on writing to its curve while another thread sends what is here.
        _reports[self.app, self.number] = stage, fraction, curve.so_far()

    def is_cancelled(self) -> bool:
        silence = time.monotonic() - _heard.get(self.app, 0.0)
        return self.number in _unwanted.get(self.app, ()) or silence > SILENCE_SECONDS


def _run_there(app: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Run a function on a worker."""
    torch.set_num_threads(1)  # it holds for this thread only
    _heard[app] = time.monotonic()
    try:
        return function(*arguments)
    finally:
        for number in numbers_in(arguments):
            _reports.pop((app, number), None)


def _exchange(app: str, unwanted: frozenset[int]) -> dict[int, tuple[str, float, LearningCurve]]:
    """Hear which runs an app wants no more, and tell what its runs have reported."""
    _unwanted[app], _heard[app] = unwanted, time.monotonic()
    own = [key for key in list(_reports) if key[0] == app]
    told = [(key[1], _reports.pop(key, None)) for key in own]
    return {number: report for number, report in told if report is not None}


# ----------------------------------------------------------------------------- this process's side


class Cluster(Executor):
    """Runs functions on the workers of a Dask cluster.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://10.0.0.5:8786``.
    patience
        Seconds to wait for the scheduler, and for a first worker.

    Raises
    ------
    NoCluster
        If Dask is not installed, nobody answers, there are no workers, or one of them has another
        PyTorch or another source: its figures would be others.
    """

    def __init__(self, address: str, patience: float = CONNECT_SECONDS) -> None:
        self.address = address
        self.is_lost = False
        self._app = uuid.uuid4().hex
        self._numbers = Numbers()
        self._calls = itertools.count()
        self._lock = threading.Lock()
        self._under_way: dict[Future[Any], Any] = {}
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._on_talk: Callable[[], None] | None = None
        self._client = _connect(address, patience)
        try:
            _check_kinds(self._client)
            self.threads = sum(self._client.nthreads().values())
            self.memory = _least_memory(self._client)
        except NoCluster:
            self._client.close()
            raise
        self._seen_workers = time.monotonic()
        threading.Thread(target=self._talk, name="kdcore-cluster", daemon=True).start()

    def monitor(self, job: Followed) -> RemoteMonitor:
        """Return what a job's function is to report to, on whatever worker it runs."""
        return RemoteMonitor(self._app, self._numbers.add(job))

    def submit(  # type: ignore[override]
        self, function: Callable[..., Any], /, *arguments: Any
    ) -> Future[Any]:
        """Run a function of picklable arguments on a worker.

        Its future cannot be cancelled; it stops when its monitor's job has ended.

        Raises
        ------
        RuntimeError
            If the cluster is lost or was shut down. What was under way has ended before.
        """
        if self.is_lost or self._closed.is_set():
            self._end_all()
            raise RuntimeError(f"the cluster at {self.address} is not there any more")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        key = f"kdcore-{self._app}-{next(self._calls)}"
        there = self._client.submit(_run_there, self._app, function, arguments, key=key, pure=False)
        with self._lock:
            self._under_way[future] = there
        self._wake.set()
        future.add_done_callback(lambda _: self._numbers.forget(numbers_in(arguments)))
        there.add_done_callback(lambda ended: self._hear_end(future, ended))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop what runs, within about a batch, and leave the cluster."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._wake.set()
        self._tell_to_stop()
        self._end_all()
        self._client.close(timeout=2)

    def follow(self, on_talk: Callable[[], None]) -> None:
        """Have a function called whenever workers have been talked to."""
        self._on_talk = on_talk

    # ---------------------------------------------------------------------- how functions end

    def _hear_end(self, future: Future[Any], there: Any) -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = there.result()
        except BaseException as failure:
            # What goes with its scheduler looks like what was cancelled, and nobody cancels here.
            if there.status == "cancelled" or self._client.status != "running":
                self._lose(repr(failure))
                return
            error = failure
        self._settle(future, result, error)

    def _settle(self, future: Future[Any], result: Any, error: BaseException | None) -> None:
        with self._lock:
            if self._under_way.pop(future, None) is None:
                return  # it has ended already
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _end_all(self) -> None:
        """Let all that was under way have ended."""
        while True:
            with self._lock:
                future = next(iter(self._under_way), None)
            if future is None:
                return
            self._settle(future, None, ClusterLost() if self.is_lost else CancelledError())

    def _lose(self, reason: str) -> None:
        """Give the cluster up."""
        with self._lock:
            if self.is_lost or self._closed.is_set():
                return
            self.is_lost = True
        _log.error("The cluster at %s is lost: %s. Runs train here now.", self.address, reason)
        self._closed.set()
        self._wake.set()
        self._end_all()
        threading.Thread(target=self._client.close, args=(1,), daemon=True).start()

    # ------------------------------------------------------------------------- talking to workers

    def _talk(self) -> None:
        """Talk to the workers again and again, until the cluster is lost or left."""
        while not self._closed.is_set():
            if self._under_way:
                self._closed.wait(EXCHANGE_SECONDS)
            else:
                self._wake.wait(IDLE_SECONDS)
            self._wake.clear()
            if self._closed.is_set():
                return
            try:
                self._look_at_workers()
                self._exchange()
            except Exception as trouble:
                if self._client.status != "running":
                    self._lose(repr(trouble))
                    return
                _log.debug("A word with the cluster's workers was lost", exc_info=True)
            if self._on_talk is not None:
                self._on_talk()

    def _look_at_workers(self) -> None:
        if self._client.status != "running":
            raise OSError(f"its client is {self._client.status}")
        threads = sum(self._client.nthreads().values())
        now = time.monotonic()
        if threads:
            self.threads, self._seen_workers = threads, now
        elif now - self._seen_workers > EMPTY_SECONDS:
            self._lose("it has no workers")

    def _exchange(self) -> None:
        followed = self._numbers.followed()
        unwanted = frozenset(number for number, job in followed.items() if job.wait(0))
        told = self._client.run(_exchange, self._app, unwanted, on_error="ignore")
        for reports in told.values():
            for number, (stage, fraction, curve) in reports.items():
                if number in followed and number not in unwanted:
                    followed[number].report(stage, fraction, curve)

    def _tell_to_stop(self) -> None:
        try:
            all_of_them = frozenset(self._numbers.followed())
            self._client.run(_exchange, self._app, all_of_them, on_error="ignore")
        except Exception:
            _log.debug("The cluster's workers were not reached", exc_info=True)


class _Elsewhere(machine.Room):
    """The memory of workers, each of which holds one run a thread."""

    def __init__(self, each: int) -> None:
        super().__init__(machine.memory_limit())
        self._each = each

    def fits(self, run: int, under_way: int, is_large: bool = False) -> bool:
        return run <= self._each

    def free(self, is_large: bool = False) -> int:
        return self._each

    def at_best(self, is_large: bool = False) -> int:
        return self._each


def pool_on(
    address: str, is_present: Callable[[Hashable], bool] | None = None
) -> tuple[JobPool, Callable[[], bool]]:
    """Return a pool whose jobs run on a cluster, and what says whether that is lost.

    Raises
    ------
    NoCluster
        As :class:`Cluster` does.
    """
    cluster = Cluster(address, CONNECT_SECONDS)
    pool = JobPool(
        cluster.threads,
        executor=cluster,
        monitor=cluster.monitor,
        room=_Elsewhere(cluster.memory),
        is_present=is_present,
    )

    def look_around() -> None:
        pool.workers = max(1, cluster.threads)
        pool.touch(None)  # those who have gone are found, as no run in this process does it

    cluster.follow(look_around)
    return pool, lambda: cluster.is_lost


def _connect(address: str, patience: float) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise NoCluster("a cluster needs Dask: pip install -r requirements-cluster.txt") from None
    try:
        client = Client(address, timeout=patience, set_as_default=False, name="kdcore")
    except (OSError, ValueError, TypeError) as trouble:
        reason = " ".join(str(trouble).split())[:200]
        raise NoCluster(f"no scheduler answers at {address[:100]}: {reason}") from None
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError:
        client.close()
        raise NoCluster(f"the scheduler at {address[:100]} has no workers") from None
    return client


def _check_kinds(client: Client) -> None:
    own = kind()
    try:
        kinds: Mapping[str, Kind | Exception] = client.run(kind, on_error="return")
    except Exception as trouble:
        raise NoCluster(f"its workers do not answer: {trouble!r}") from None
    for worker, other in kinds.items():
        if isinstance(other, Exception):
            raise NoCluster(f"the worker at {worker} cannot import this project: {other!r}")
        if (other.torch, other.source) != (own.torch, own.source):
            raise NoCluster(
                f"the worker at {worker} has another version: PyTorch {other.torch} and source "
                f"{other.source[:8]}, here {own.torch} and {own.source[:8]}"
            )
        if other.processor != own.processor:
            _log.warning(
                "The worker at %s computes with %s, this process with %s: the last digits of "
                "their figures may differ",
                worker,
                other.processor,
                own.processor,
            )


def _least_memory(client: Client) -> int:
    """Return the bytes that a run may take on the worker that has least."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [each["memory_limit"] // each["nthreads"] for each in workers if each["memory_limit"]]
    return max(0, min(limits, default=2**62) - WORKER_BASE_BYTES)
