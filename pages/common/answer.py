"""What a page asks of the engine, and what it is answered: one look at a job, frozen.

A job may end at any moment. So a page looks at it once, in :func:`ask`, and all that it draws in
this run of its script is drawn from what was seen then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic

import streamlit as st

from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings, MeasuredLab
from kdcore.experiments.result import AnyResult, Experiment, M, M_co, Result, S, S_co
from kdcore.training import Cancelled
from kdcore.visit.jobs import Job, QueueFull
from kdcore.visit.runs import Run, summarise
from pages.common import frame, jobs, visit
from pages.common.widgets import Controls
from pages.common.words import say, words

_TAKEN = "runs.taken"


@dataclass(frozen=True)
class Answer(Generic[S_co, M_co]):
    """What a page knows of a run that it asked for."""

    #: The run; while a new one is under way, or was refused, the last one of its place.
    result: Result[S_co, M_co] | None
    #: What is under way, if anything is.
    running: Job[Any] | None = None

    @property
    def stale(self) -> bool:
        """Whether the result is not, or not yet, that of the settings on the page."""
        return self.running is not None

    def follow(self, show: Callable[[Job[Any]], None]) -> None:
        """Show what is under way, again and again; when it ends the page is run once more."""
        if self.running is not None:
            jobs.follow(self.running, show)


def ask(
    experiment: Experiment[S, M],
    settings: Callable[[], S],
    controls: Controls,
    place: str | None = None,
) -> Answer[S, M]:
    """Ask for a run and take one look at it.

    Where it cannot be run the learner is told why, and the last result of its place stays.

    Parameters
    ----------
    settings
        Builds the settings; what they refuse is said to the learner.
    place
        Where on the page the result stands: a new run takes the place of the last one there. The
        experiment's name unless given.
    """
    place = place or experiment.name
    slot = _slot(place, controls)
    job: Job[Result[S, M]] | None = None
    try:
        job = jobs.request(f"{controls.page}.{place}", experiment.run, settings())
        if job.is_done:
            st.session_state[slot] = job.result()
            _keep_once(slot, job, controls)
            job = None
    except Cancelled:
        # Stopped by another run of this page's script that wanted something else: ask anew.
        st.rerun()
    except (QueueFull, ValueError) as trouble:
        failed = words("lesson")["run"]["failed"]
        st.error(failed.format(reason=say(trouble)), icon=":material/error:")
        job = None
    return Answer(st.session_state.get(slot), job)


def ask_lab(
    settings: Callable[[], LabSettings], controls: Controls
) -> Answer[LabSettings, MeasuredLab]:
    """Ask for a run of the Lab."""
    return ask(LAB, settings, controls)


def keep(result: AnyResult, page: str, address: Mapping[str, str]) -> Run:
    """Keep a result as a run of this visit, and count the claims anew.

    ``page`` and ``address`` say where the run can be opened again.
    """
    run = visit.runs().add(summarise(result), page, address, datetime.now(UTC))
    frame.show_count()
    return run


def taken(place: str, controls: Controls) -> Run | None:
    """Return the run last taken at a place of :func:`ask`, unless it was deleted since."""
    _, number = st.session_state.get(_TAKEN, {}).get(_slot(place, controls), (None, 0))
    return next((run for run in visit.runs() if run.number == number), None)


def _keep_once(slot: str, job: Job[Any], controls: Controls) -> None:
    """Keep the run of a job that is done, once for each time that it comes to its slot.

    So a run deleted from the list does not come back by looking at the page.
    """
    known: dict[str, tuple[Any, int]] = st.session_state.setdefault(_TAKEN, {})
    if known.get(slot, (None, 0))[0] != job.key:
        run = keep(job.result(), controls.page, controls.address())
        known[slot] = job.key, run.number


def _slot(place: str, controls: Controls) -> str:
    return controls.key(f"result-{place}")
