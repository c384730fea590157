"""Runs a page's training on the shared pool and follows it without blocking the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from kdcore.monitor import Monitor
from kdcore.visit.jobs import Job, JobPool
from pages.common import turns
from pages.common.words import words

ResultT = TypeVar("ResultT")

#: A run that is done within this time appears at once; a longer one is followed by polling.
PATIENCE_SECONDS = 0.8
POLL_SECONDS = 0.5
#: In the queue there is less to see, and thirty who look twice a second cost as much as a training.
POLL_SECONDS_IN_QUEUE = 1.5


@st.cache_resource
def pool() -> JobPool:
    """Return the one pool of this process."""
    return JobPool()


def request(
    page: str,
    function: Callable[[Any, Monitor], ResultT],
    settings: Any,
    patience: float = PATIENCE_SECONDS,
) -> Job[ResultT]:
    """Return the job of these settings; what the page asked for before is released.

    A job that is new is waited for, ``patience`` seconds at most.

    Raises
    ------
    kdcore.visit.jobs.QueueFull
        If too many others wait already.
    """
    slot = f"{page}.job"
    current: Job[ResultT] | None = st.session_state.get(slot)
    if current is not None and current.key == (function, settings) and not current.is_cancelled():
        return current
    if current is not None:
        pool().release(current)
        st.session_state.pop(slot)
    job = pool().submit(function, settings)
    st.session_state[slot] = job
    with turns.lent():
        job.wait(patience)
    return job


def follow(job: Job[Any], show: Callable[[Job[Any]], None]) -> None:
    """Call ``show`` now and, while the job runs, again and again; then run the page once more."""

    def polled() -> None:
        if job.is_done:
            st.rerun()
        show(job)

    waits = pool().position(job) > 0
    st.fragment(polled, run_every=POLL_SECONDS_IN_QUEUE if waits else POLL_SECONDS)()


def show_progress(job: Job[Any], stages: Mapping[str, str] | None = None) -> None:
    """Say where a training stands; ``stages`` name its stages where the usual words do not fit."""
    text = words("lesson")["progress"]
    if job.stage:
        stage = (stages or text["stages"]).get(job.stage, job.stage)
        line = text["running"].format(stage=stage, percent=round(100 * job.fraction))
    elif position := pool().position(job):
        line = text["queued"].format(position=position)
    else:
        line = text["starting"]
    st.progress(min(1.0, job.fraction), line)
