"""What a page asks of the engine, and what it is answered: one look at a job, frozen.

A job may end at any moment. So a page looks at it once, in :func:`ask`, and all that it draws in
this run of its script is drawn from what was seen then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic

import streamlit as st

from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings, MeasuredLab
from kdcore.experiments.result import AnyResult, Experiment, M, M_co, Result, S, S_co
from kdcore.visit.jobs import Job
from kdcore.visit.runs import Run, summarise
from pages.common import frame, jobs, visit
from pages.common.widgets import Controls
from pages.common.words import say, words

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_TAKEN = "runs.taken"

log = logging.getLogger(__name__)


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
    seen: bool = True,
    progress: DeltaGenerator | None = None,
) -> Answer[S, M]:
    """Ask for a run and take one look at it.

    Where it cannot be run the learner is told why, and the last result of its place stays. Where
    the page stands on the screen with such a result, it is left there until the new one has come.

    Parameters
    ----------
    settings
        Builds the settings; what they refuse is said to the learner.
    place
        Where on the page the result stands: a new run takes the place of the last one there. The
        experiment's name unless given.
    seen
        Whether the learner has asked for it, so that it counts for the claims. What a page trains
        unasked counts once its question is answered.
    progress
        An empty place to say how far the run has got while the page is left as it stands; here
        unless given.
    """
    place = place or experiment.name
    progress = progress or st.empty()
    slot = _slot(place, controls)
    last: Result[S, M] | None = st.session_state.get(slot)
    try:
        wanted = settings()
        # What failed is shown once and waits to be asked for again: a click, or other settings.
        if st.session_state.get(f"{slot}-failed") == wanted:
            _offer_again(slot)
            return Answer(last)
        job = jobs.request(f"{controls.page}.{place}", experiment.run, wanted)
        if last is not None and frame.stands(controls.page):
            jobs.stay(job, progress)
        look = job.look()
        if look.state == "done":
            last = st.session_state[slot] = look.result
            if experiment.listed:
                _keep_once(slot, job, look.result, controls, seen)
            return Answer(last)
        if look.state != "failed":
            return Answer(last, job)
        if not isinstance(look.error, ValueError):
            raise look.error or RuntimeError("a job failed without an error")
        st.session_state[f"{slot}-failed"] = wanted
        _show(say(look.error))
        _offer_again(slot)
    except ValueError as trouble:  # what settings, the queue or the training refuse, in words
        _show(say(trouble))
    except Exception:  # anything else is ours to mend: the log has it, the learner a way on
        log.exception("%s failed on the page %s", experiment.name, controls.page)
        st.session_state[f"{slot}-failed"] = wanted
        _show(words("lesson")["run"]["unexpected"])
        _offer_again(slot)
    return Answer(last)


def _show(reason: str) -> None:
    failed = words("lesson")["run"]["failed"]
    st.error(failed.format(reason=reason), icon=":material/error:")


def _offer_again(slot: str) -> None:
    """Offer to run once more what has failed."""
    st.button(
        words("lesson")["run"]["again"],
        key=f"{slot}-again",
        icon=":material/replay:",
        on_click=st.session_state.pop,
        args=(f"{slot}-failed", None),
    )


def ask_lab(
    settings: Callable[[], LabSettings],
    controls: Controls,
    progress: DeltaGenerator | None = None,
) -> Answer[LabSettings, MeasuredLab]:
    """Ask for a run of the Lab."""
    return ask(LAB, settings, controls, progress=progress)


def keep(result: AnyResult, page: str, address: Mapping[str, str], seen: bool = True) -> Run:
    """Keep a result as a run of this visit, and count the claims anew.

    ``page`` and ``address`` say where the run can be opened again; ``seen`` whether the learner
    has had to do with it, so that it counts.
    """
    run = visit.runs().add(summarise(result), page, address, datetime.now(UTC), seen)
    frame.show_way()
    return run


def taken(place: str, controls: Controls) -> Run | None:
    """Return the run last taken at a place of :func:`ask`, unless it was deleted since."""
    _, number = st.session_state.get(_TAKEN, {}).get(_slot(place, controls), (None, 0))
    return next((run for run in visit.runs() if run.number == number), None)


def _keep_once(slot: str, job: Job[Any], result: Any, controls: Controls, seen: bool) -> None:
    """Keep the run of a job that is done, once for each time that it comes to its slot.

    So a run deleted from the list does not come back by looking at the page.
    """
    known: dict[str, tuple[Any, int]] = st.session_state.setdefault(_TAKEN, {})
    if known.get(slot, (None, 0))[0] != job.key:
        run = keep(result, controls.page, controls.address(), seen)
        known[slot] = job.key, run.number


def _slot(place: str, controls: Controls) -> str:
    return controls.key(f"result-{place}")
