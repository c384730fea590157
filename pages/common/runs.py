"""Takes the results of trainings, and keeps each as one of the runs of this visit."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import streamlit as st

from kdcore.experiments.lab import LabResult, LabSettings, lab
from kdcore.monitor import Monitor
from kdcore.visit.jobs import Job, QueueFull
from kdcore.visit.runs import Run, summarise
from pages.common import frame, jobs, visit
from pages.common.controls import Controls
from pages.common.words import words

ResultT = TypeVar("ResultT")

_TAKEN = "runs.taken"


def keep(result: object, page: str, address: Mapping[str, str]) -> Run:
    """Keep a result as a run of this visit, and count the claims anew.

    ``page`` and ``address`` say where the run can be opened again.
    """
    run = visit.runs().add(summarise(result), page, address, datetime.now(UTC))
    frame.show_count()
    return run


def taken(name: str, controls: Controls) -> Run | None:
    """Return the run last taken under a name of :func:`ask`, unless it was deleted since."""
    _, number = st.session_state.get(_TAKEN, {}).get(_slot(name, controls), (None, 0))
    return next((run for run in visit.runs() if run.number == number), None)


def ask(
    name: str,
    function: Callable[[Any, Monitor], ResultT],
    settings: Callable[[], Hashable],
    controls: Controls,
) -> tuple[Job[ResultT] | None, ResultT | None]:
    """Return the job of a run that a page asks for, and its result.

    While it is under way, the result is the last one of that name. Where it cannot be run, the
    learner is told why; there is no job then, and the last result stays.
    """
    slot = _slot(name, controls)
    job: Job[ResultT] | None
    try:
        job = jobs.request(f"{controls.page}.{name}", function, settings())
        if job.is_done:
            st.session_state[slot] = job.result()
            _keep_once(slot, job, controls)
    except (QueueFull, ValueError) as trouble:
        failed = words("lesson")["run"]["failed"]
        st.error(failed.format(reason=trouble), icon=":material/error:")
        job = None
    return job, st.session_state.get(slot)


def _keep_once(slot: str, job: Job[Any], controls: Controls) -> None:
    """Keep the run of a job that is done, once for each time that it comes to its slot.

    So a run deleted from the list does not come back by looking at the page.
    """
    known: dict[str, tuple[Any, int]] = st.session_state.setdefault(_TAKEN, {})
    if known.get(slot, (None, 0))[0] != job.key:
        run = keep(job.result(), controls.page, controls.address())
        known[slot] = job.key, run.number


def _slot(name: str, controls: Controls) -> str:
    return controls.key(f"result-{name}")


def ask_lab(
    settings: Callable[[], LabSettings], controls: Controls
) -> tuple[Job[LabResult], LabResult | None]:
    """Return the job of a run of the Lab, and its result; without it the page stops here."""
    job, result = ask("lab", lab, settings, controls)
    if job is None:
        st.stop()
    return job, result
