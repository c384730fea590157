"""What this process may use of its machine: cores, memory, and how memory is given back.

A container that may use one core of sixteen still sees sixteen, and its memory ends long before
the machine's does. The truth stands in the control groups (cgroups) that the process is in.
"""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

#: What one more worker may be expected to hold at its peak.
WORKER_BYTES = 96 * 2**20

#: A parameter of glibc's ``mallopt`` (malloc.h) and what it is set to.
_M_ARENA_MAX = -8
ARENAS = 2

#: So long garbage may lie.
COLLECT_SECONDS = 2.0


def workers(root: Path = Path("/")) -> int:
    """Return how many runs may train at once: one a core, as far as memory reaches.

    ``KDCORE_WORKERS`` decides where it is set.
    """
    if (said := _setting("KDCORE_WORKERS")) is not None:
        return said
    spare = memory_limit(root) - resident_bytes()
    return max(1, min(cores(root), spare // WORKER_BYTES))


def trains_ahead() -> bool:
    """Return whether idle workers train what may be asked for next; not with ``KDCORE_AHEAD=0``."""
    text = os.environ.get("KDCORE_AHEAD", "").strip() or "1"
    if text not in ("0", "1"):
        raise ValueError(f"KDCORE_AHEAD must be 0 or 1, not {text[:40]!r}")
    return text == "1"


def has_processes() -> bool:
    """Return whether runs train in processes of their own: on several cores; see ``processes``.

    ``KDCORE_PROCESSES=0`` says no, ``1`` says yes on one core, too.
    """
    text = os.environ.get("KDCORE_PROCESSES", "").strip()
    if text not in ("", "0", "1"):
        raise ValueError(f"KDCORE_PROCESSES must be 0 or 1, not {text[:40]!r}")
    return text == "1" or (not text and workers() > 1)


def cores(root: Path = Path("/")) -> int:
    """Return the cores that this process may use: its affinity and quota, rounded down, 1 at least.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are found.
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        allowed = os.cpu_count() or 1
    quota = min(_quotas(root), default=float(allowed))
    return max(1, min(allowed, int(quota)))


def memory_limit(root: Path = Path("/")) -> int:
    """Return how many bytes this process may hold: the least of its cgroups and the machine.

    ``KDCORE_MEMORY_MB`` decides where it is set.
    """
    if (said := _setting("KDCORE_MEMORY_MB")) is not None:
        return said * 2**20
    limits = [
        *_numbers(_group_files(root, "memory", "memory.max")),
        *_numbers(_group_files(root, "memory", "memory.limit_in_bytes")),
    ]
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            limits.append(1024 * int(line.split()[1]))
    return min(limits, default=2**62)


def resident_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process holds now; 0 where the system does not say."""
    fields = _read(root / "proc/self/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def private_bytes(pid: int, root: Path = Path("/")) -> int:
    """Return the memory of a process that it shares with no other; 0 where that is not said."""
    lines = _read(root / f"proc/{pid}/smaps_rollup").splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


# --------------------------------------------------------------------------------- control groups


def _quotas(root: Path) -> Iterator[float]:
    """Give the cores that each group around this process may use."""
    for file in _group_files(root, "cpu", "cpu.max"):  # version 2: "150000 100000"
        quota, _, period = _read(file).strip().partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)
    for file in _group_files(root, "cpu", "cpu.cfs_quota_us"):  # version 1; −1 is no quota
        quota = _read(file).strip()
        period = _read(file.with_name("cpu.cfs_period_us")).strip()
        if quota.isdigit() and period.isdigit() and int(quota) and int(period):
            yield int(quota) / int(period)


def _group_files(root: Path, controller: str, name: str) -> Iterator[Path]:
    """Give a file of the groups that this process is in, from the innermost outwards.

    A group's limit holds for all inside it. In a container the innermost is often mounted as the
    root and the path that the kernel tells does not exist, so missing ones are passed over.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / controllers
        if controllers and not mount.exists():
            mount = root / "sys/fs/cgroup" / controller
        inside = Path(path.lstrip("/"))
        for group in (inside, *inside.parents):
            if (file := mount / group / name).is_file():
                yield file


def _numbers(files: Iterator[Path]) -> Iterator[int]:
    """Give what files say that hold a number; "max" is none."""
    for file in files:
        if (text := _read(file).strip()).isdigit():
            yield int(text)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _setting(name: str) -> int | None:
    """Return a whole number from the environment, if it is set."""
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} must be a whole number from 1, not {text[:40]!r}")
    return int(text)


# ----------------------------------------------------------------------------------------- malloc


def tame_malloc() -> bool:
    """Let glibc keep few arenas; return whether it could be told.

    By default each thread that allocates has an arena of its own, up to eight a core, and what is
    freed in one is not used by another. The environment would say the same with
    ``MALLOC_ARENA_MAX=2``, but not every host lets it be set. A low ``M_TRIM_THRESHOLD`` is left
    alone: it gives back no more than :func:`give_back` does now and then, and a training that
    fetches its memory anew for every evaluation takes a tenth to a fifth longer.
    """
    libc = _glibc()
    return libc is not None and bool(libc.mallopt(_M_ARENA_MAX, ARENAS))


@cache
def set_modules_aside() -> None:
    """Exempt what is there now, once, from the collection of garbage.

    The modules of torch, pandas and Plotly are a quarter of a million objects that never go; to
    look through them takes longer than to draw a page, and while it lasts nobody else runs.
    """
    gc.collect()
    gc.freeze()


class Collector:
    """Collects garbage now and then, whoever asks, however often.

    What visitors leave behind, tensors of their results with it, lies in circles that Python by
    itself would look for far too seldom: it counts objects, not bytes. To look for them after each
    page takes longer than to draw it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock() + COLLECT_SECONDS

    def collect(self) -> None:
        """Collect garbage, if that was not done just now."""
        if self._clock() < self._next:
            return
        gc.collect()
        self._next = self._clock() + COLLECT_SECONDS


garbage = Collector()


def give_back() -> None:
    """Give memory that was freed back to the system, from the middle of the heap, too."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):  # not on Windows
        return None
    return libc if hasattr(libc, "gnu_get_libc_version") else None


# ------------------------------------------------------------------------------------------- room


class Room:
    """Says whether a run still fits into memory beside those that are under way.

    What runs under way have not taken yet is promised to them. How much they have taken nobody
    measures; but what the process held before they started is known, and that it holds no less
    now, so they are promised all of their estimates on top of it.

    Parameters
    ----------
    limit
        Bytes that the process may hold.
    held
        Measures the bytes that it holds.
    """

    #: Shares of the limit that small and large runs leave: to drawing pages, and to small runs.
    SPARE, SPARE_OF_LARGE = 0.05, 0.15

    def __init__(self, limit: int, held: Callable[[], int] = resident_bytes) -> None:
        self.limit = limit
        self._held = held
        #: What the process holds beside its runs, and the least of it that was ever measured.
        self._beside = self._least = held()

    def fits(self, run: int, under_way: int, is_large: bool = False) -> bool:
        """Say whether a run fits now beside runs whose estimates are so much together, in bytes."""
        held = self._held()
        if under_way == 0:
            self._beside = held
            self._least = min(self._least, held)
        else:
            self._beside = max(self._beside, held - under_way)
        return max(held, self._beside + under_way) + run <= self._most(is_large)

    def free(self, is_large: bool = False) -> int:
        """Return the bytes that a run may take now if no other is under way."""
        return max(0, self._most(is_large) - self._held())

    def at_best(self, is_large: bool = False) -> int:
        """Return the bytes of the largest run that could ever fit."""
        return max(0, self._most(is_large) - self._least)

    def _most(self, is_large: bool) -> int:
        return int(self.limit * (1 - (self.SPARE_OF_LARGE if is_large else self.SPARE)))
