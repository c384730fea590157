"""What this process and whatever trains elsewhere for it both know: worker processes, a cluster.

A job goes there as its function, its settings and a monitor, all of them pickled. The monitor
carries a number, by which the two sides talk of the job while it runs.
"""

from __future__ import annotations

import copyreg
import io
import itertools
import pickle
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any, Protocol

import torch
from torch import Tensor

from kdcore import experiments
from kdcore.experiments.result import Experiment
from kdcore.monitor import LearningCurve, Monitor


class _Pickler(pickle.Pickler):
    """Writes of a tensor what it shows: not all the memory that it is a view of, as torch does."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not Tensor or value.requires_grad or not value.numel():
            return NotImplemented
        dense = value.clone()  # it lies in memory as the other does: sums are rounded alike
        numbers = dense.as_strided((dense.numel(),), (1,)).numpy().tobytes()
        return _tensor_of, (numbers, dense.dtype, tuple(dense.shape), dense.stride())


def _tensor_of(
    numbers: bytes, dtype: torch.dtype, shape: tuple[int, ...], strides: tuple[int, ...]
) -> Tensor:
    return torch.frombuffer(bytearray(numbers), dtype=dtype).as_strided(shape, strides)


def packed(value: object) -> bytes:
    """Return a value as bytes, for ``pickle.loads`` in another process of this machine."""
    packed = io.BytesIO()
    _Pickler(packed, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return packed.getvalue()


class Followed(Protocol):
    """A job, as far as those are concerned who run it elsewhere."""

    def wait(self, seconds: float) -> bool:
        """Return whether it has ended: with nothing more to wait for, it is to stop."""
        ...

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        """Hear how far it has got."""
        ...


class GivesWay:
    """Something that is done ahead of need: it ends as soon as others want its worker."""


class Numbered(Monitor):
    """The monitor of a job that runs elsewhere."""

    number: int


class Numbers:
    """The jobs that run elsewhere, by the numbers of their monitors."""

    def __init__(self) -> None:
        self._next = itertools.count()
        self._lock = Lock()
        self._followed: dict[int, Followed] = {}

    def add(self, job: Followed) -> int:
        """Give a job a number."""
        number = next(self._next)
        with self._lock:
            self._followed[number] = job
        return number

    def followed(self) -> dict[int, Followed]:
        """Return all jobs that have a number now."""
        with self._lock:
            return dict(self._followed)

    def forget(self, numbers: Iterable[int]) -> None:
        """Take the numbers of jobs back that have ended."""
        with self._lock:
            for number in numbers:
                self._followed.pop(number, None)


def numbers_in(arguments: object) -> Iterator[int]:
    """Give the numbers of the monitors among arguments, also of those in tuples and lists."""
    if isinstance(arguments, Numbered):
        yield arguments.number
    elif isinstance(arguments, tuple | list):
        for argument in arguments:
            yield from numbers_in(argument)


def _named(name: str) -> Experiment[Any, Any]:
    return experiments.EXPERIMENTS[name]


def _by_name(experiment: Experiment[Any, Any]) -> tuple[Any, ...]:
    if experiments.EXPERIMENTS.get(experiment.name) is experiment:
        return _named, (experiment.name,)
    return experiment.__reduce_ex__(4)  # type: ignore[return-value]  # not one that has a name


# The experiment of a result that comes back is the one that is here, not a copy of it.
copyreg.pickle(Experiment, _by_name)
