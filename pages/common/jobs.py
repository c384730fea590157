"""Runs a page's training on the shared pool and follows it without blocking the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from kdcore.monitor import Monitor
from kdcore.visit.jobs import Job, JobPool, shared_pool
from pages.common import turns
from pages.common.words import words

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

ResultT = TypeVar("ResultT")

#: Streamlit fades what a run of the page has not drawn yet, but takes its time over it.
_OLD_FADES = "<style>[data-stale='true'] { transition: opacity 0.2s !important; }</style>"

#: A run that is done within this time appears at once; of a longer one something is shown.
PATIENCE_SECONDS = 0.8
#: So long a page that has a result on the screen already leaves it there and waits for the next
#: one: to draw it once more as it was costs as much as to draw what is to come.
STAY_SECONDS = 10.0
#: How often it looks meanwhile, and hears of another click.
LOOK_SECONDS = 0.5
POLL_SECONDS = 0.5
#: A run that takes longer is announced.
LONG_SECONDS = 5.0
#: In the queue there is less to see, and thirty who look twice a second cost as much as a training.
POLL_SECONDS_IN_QUEUE = 1.5


def pool() -> JobPool:
    """Return the one pool of this process."""
    return shared_pool(_is_connected)


def visitor() -> str:
    """Return who runs this page: one session, in one tab."""
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""


def request(
    page: str,
    function: Callable[[Any, Monitor], ResultT],
    settings: Any,
    patience: float = PATIENCE_SECONDS,
) -> Job[ResultT]:
    """Return the job of these settings; what the page asked for before is released.

    A job that is new is waited for, ``patience`` seconds at most. Take one ``look()`` at it and
    decide by that: one that was stopped has neither result nor error. One that failed is returned
    once; asking again runs it anew.

    Raises
    ------
    kdcore.visit.jobs.QueueFull
        If too many of this visitor, or of all, wait already.
    kdcore.visit.jobs.DoesNotFit
        If there is not the memory for it.
    """
    slot = f"{page}.job"
    current: Job[ResultT] | None = st.session_state.get(slot)
    if current is not None and current.key == (function, settings):
        state = current.look().state
        if state == "failed":
            st.session_state.pop(slot)
        if state != "stopped":
            pool().touch(visitor())
            return current
    st.session_state.pop(slot, None)
    job = pool().submit(function, settings, visitor(), page)
    with turns.lent():
        job.wait(patience)
    if job.look().state in ("waiting", "running", "done"):
        st.session_state[slot] = job
    return job


def about_seconds(function: Callable[[Any, Monitor], Any], settings: Hashable) -> int | None:
    """Return about how long a run takes here, if that is known and long enough to be said."""
    seconds = pool().expected_seconds(function, settings)
    if seconds is None or seconds < LONG_SECONDS:
        return None
    return 5 * round(seconds / 5)


def stay(job: Job[Any], place: DeltaGenerator) -> None:
    """Wait for a job on a page that stands on the screen, with its progress in a place of its own.

    What this run of the page has not drawn yet stays as the last one drew it, and faded. A click
    ends the wait: the page is then run anew.
    """
    until = time.monotonic() + STAY_SECONDS
    with turns.lent():
        while job.look().is_under_way and time.monotonic() < until:
            with place.container(gap=None):
                show_progress(job)
                st.html(_OLD_FADES)
            job.wait(LOOK_SECONDS)
    place.empty()


def follow(job: Job[Any], show: Callable[[Job[Any]], None]) -> None:
    """Call ``show`` now and, while the job runs, again and again; then run the page once more."""
    times, look = count(), job.look()

    def polled() -> None:
        pool().touch(visitor())
        state = job.look().state
        # A job that was stopped is asked for anew, but not at once: whoever stopped it while this
        # page is drawn has asked for another already.
        if state in ("done", "failed") or (next(times) and state == "stopped"):
            st.rerun()
        show(job)

    waits = look.position > 0
    st.fragment(polled, run_every=POLL_SECONDS_IN_QUEUE if waits else POLL_SECONDS)()


def show_progress(job: Job[Any], stages: Mapping[str, str] | None = None) -> None:
    """Say where a training stands; ``stages`` name its stages where the usual words do not fit."""
    look, text = job.look(), words("lesson")["progress"]
    if look.stage:
        stage = (stages or text["stages"]).get(look.stage, look.stage)
        line = text["running"].format(stage=stage, percent=round(100 * look.fraction))
        if (seconds := about_seconds(*job.key)) is not None:
            line += text["about"].format(seconds=seconds)
    elif look.position:
        line = text["queued"].format(position=look.position)
    else:
        line = text["starting"]
    st.progress(min(1.0, look.fraction), line)


def _is_connected(visitor: Hashable) -> bool:
    """Say whether a visitor's tab is open: Streamlit keeps a closed one's session for a while."""
    if not runtime.exists():  # a page under test
        return True
    return runtime.get_instance().is_active_session(str(visitor))
