"""A page asks for a run, follows it, and shows a failure once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.visit import jobs as jobs_module
from kdcore.visit.jobs import JobPool

CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobPool]:
    """Give the pages a pool of their own."""
    own = JobPool(workers=1)
    monkeypatch.setattr(jobs_module, "_shared", own)
    CALLS.clear()
    yield own
    own.shutdown()


def page() -> None:
    import streamlit as st

    from pages.common import jobs
    from tests import test_page_jobs as these

    job = jobs.request("page", these.run, st.session_state.get("wish", "wish"), patience=5)
    look = job.look()
    st.text(f"{look.state}: {look.error or look.result}")


def run(settings: str, monitor: object) -> str:
    CALLS.append(settings)
    if settings == "fails":
        raise ValueError(f"failure {len(CALLS)}")
    return f"result of {settings}"


def shown(test: AppTest) -> str:
    test.run(timeout=20)
    assert not test.exception
    return str(test.text[0].value)


def test_a_page_shows_its_result_however_often_it_is_drawn() -> None:
    test = AppTest.from_function(page)
    assert [shown(test) for _ in range(3)] == ["done: result of wish"] * 3
    assert CALLS == ["wish"]


def test_a_failure_is_shown_once_and_then_the_run_is_tried_anew() -> None:
    test = AppTest.from_function(page)
    test.session_state["wish"] = "fails"
    assert shown(test) == "failed: failure 1"
    assert shown(test) == "failed: failure 2"
    test.session_state["wish"] = "works"
    assert shown(test) == "done: result of works"
    assert CALLS == ["fails", "fails", "works"]


def test_a_page_that_was_away_too_long_has_its_run_again(pool: JobPool) -> None:
    test = AppTest.from_function(page)
    assert shown(test) == "done: result of wish"
    pool._kept.clear()
    assert shown(test) == "done: result of wish"
    assert CALLS == ["wish"], "the page has its job still"
