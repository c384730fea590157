"""Runs that are soon done: for tests of what is made of a run, not of what it finds."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kdcore.experiments import balance
from kdcore.experiments.result import Run, teacher_samples
from kdcore.methods import METHODS
from kdcore.practice import latency
from kdcore.reference.faults import memorise
from kdcore.today import invented
from kdcore.visit import jobs

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

#: What most experiments have of it.
LITTLE: dict[str, Any] = {"seeds": 2, "student_samples": 320, "teacher_epochs": 1}
#: And fewer rows, where no page expects those that it has asked for.
FEW: dict[str, Any] = LITTLE | {
    "inputs_seen": 100,
    "teachers": ((8,), (16, 8)),
    "student_widths": (4, 8),
    "map_teacher_labels": (60,),
    "map_label_noise": (0.0, 0.4),
}

#: The method that costs three times as much as all others together: it compares each image of a
#: batch with each other one.
DEAR = "rkd"


@contextmanager
def only(*names: str) -> Iterator[None]:
    """Compare some of the methods."""
    some = {name: method for name, method in METHODS.items() if name in names}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kdcore.experiments.variants.METHODS", some)
        yield


def as_small_as_can_be(settings: Any, values: Mapping[str, Any] = FEW) -> Any:
    """Return settings that call the same functions and are soon done."""
    known = settings.parameters()
    return replace(settings, **{name: values[name] for name in values if name in known})


@contextmanager
def own_pool() -> Iterator[None]:
    """Give pages a pool that is gone afterwards: what it kept is no run of those settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "_shared", None)
        yield
        if jobs._shared is not None:
            jobs._shared.shutdown()


def drawn_until(page: AppTest, is_there: Callable[[AppTest], bool]) -> AppTest:
    """Run a page until something is there; in between let its jobs come to an end.

    To draw it again and again meanwhile takes longer than most runs.
    """
    end = time.monotonic() + 300
    page.run()
    while not page.exception and not is_there(page):
        assert time.monotonic() < end
        pool = jobs._shared
        for job in [] if pool is None else list(pool._wanted.values()):
            job.wait(60)
        page.run()
    assert not page.exception
    return page


@contextmanager
def short_lessons(epochs: int = 1) -> Iterator[None]:
    """Let teachers whose time cannot be set train for so many passes.

    What fits the reference's random labels, invents images, or times a network is as soon done.
    """
    with pytest.MonkeyPatch.context() as patch, own_pool():
        patch.setattr(teacher_samples, "__defaults__", (epochs,))
        patch.setattr(balance, "TEACHER_EPOCHS", epochs)
        patch.setitem(inspect.unwrap(memorise).__kwdefaults__, "steps", 20)
        patch.setattr(invented, "IMPROVEMENTS", 30)
        patch.setattr(latency.measure_latency, "__defaults__", (3, time.perf_counter))
        yield


@contextmanager
def small_runs() -> Iterator[None]:
    """Make every run as small as can be, whatever settings it is asked for with."""
    make = Run.__call__

    def smaller(run: Run[Any, Any], settings: Any, *monitor: Any) -> Any:
        return make(run, as_small_as_can_be(settings), *monitor)

    with pytest.MonkeyPatch.context() as patch, short_lessons():
        patch.setattr(Run, "__call__", smaller)
        yield
