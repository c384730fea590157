"""A page asks for a run, follows it, and shows a failure once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings
from kdcore.visit import jobs as jobs_module
from kdcore.visit.jobs import JobPool, Look
from pages.common import cards, frame, glossary, jobs
from pages.common.words import words
from tests.small import small_runs

ROOT = Path(__file__).resolve().parents[1]

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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such labels"), "no such labels"),
        (IndexError("ours to mend"), words("lesson")["run"]["unexpected"]),
    ],
)
def test_what_failed_waits_until_it_is_asked_for_again(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    class Failed:
        def look(self) -> Look[Any]:
            return Look("failed", error=error)

    def request(page: str, function: Any, settings: LabSettings) -> Failed:
        asked.append(settings.temperature)
        return Failed()

    monkeypatch.setattr(jobs, "request", request)
    test = AppTest.from_file(str(ROOT / "pages" / "lab.py"), default_timeout=60)
    test.session_state["frame.navigated"] = True
    test.run()
    (shown,) = test.error
    assert said in shown.value
    test.run()
    assert asked == [4.0], "it is not run again by looking at the page"
    next(b for b in test.button if b.label == words("lesson")["run"]["again"]).click().run()
    assert asked == [4.0, 4.0]
    test.session_state["lab.temperature"] = 5.0
    test.run()
    assert asked == [4.0, 4.0, 5.0]
    assert not test.exception


def test_a_run_that_takes_long_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    test = AppTest.from_file(str(ROOT / "pages" / "patience.py"), default_timeout=60)
    test.session_state["frame.navigated"] = True
    test.query_params["prediction"] = "skipped"
    said = words("lesson")["takes"].split("{")[0]
    with small_runs():
        for seconds, announced in ((12.6, "15 s"), (4.9, ""), (None, "")):
            monkeypatch.setattr(JobPool, "expected_seconds", lambda *_, known=seconds: known)
            takes = [each.value for each in test.run().caption if said in each.value]
            assert not test.exception
            assert bool(takes) == bool(announced)
            assert all(announced in each for each in takes)


def test_a_page_that_was_away_too_long_has_its_run_again(pool: JobPool) -> None:
    test = AppTest.from_function(page)
    assert shown(test) == "done: result of wish"
    pool._kept.clear()
    assert shown(test) == "done: result of wish"
    assert CALLS == ["wish"], "the page has its job still"


# ------------------------------------------------------- a page that stands on the screen is left


class Slow:
    """A job that is under way until it has been waited for a few times."""

    def __init__(self, waits: int, result: Any) -> None:
        self.waits, self.answer, self.key = waits, result, (self, waits)

    def look(self) -> Look[Any]:
        if self.waits > 0:
            return Look("running", "students", 0.5)
        return Look("done", fraction=1.0, result=self.answer)

    def wait(self, seconds: float) -> bool:
        self.waits -= 1
        return self.waits <= 0


class Drawn(NamedTuple):
    """How a run of the Lab's page went: whether what it drew was old, and what it waited for."""

    stale: list[bool]
    left: int
    bars: int


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Drawn]:
    """Draw the Lab's page while a job goes on for so many looks."""
    known = LAB.run(LabSettings(seeds=2, teacher_hidden=(8,), student_samples=320))
    test = AppTest.from_file(str(ROOT / "pages" / "lab.py"), default_timeout=60)
    test.session_state["frame.navigated"] = True
    stale: list[bool] = []
    shown: list[float] = []
    bars = st.progress

    def seen(result: Any, text: Any, old: bool) -> None:
        stale.append(old)

    def progress(fraction: float, text: str) -> Any:
        shown.append(fraction)
        return bars(fraction, text)

    monkeypatch.setattr(cards, "accuracies", seen)
    monkeypatch.setattr(st, "progress", progress)

    def drawn(waits: int, temperature: float, stands: bool = True) -> Drawn:
        stale.clear()
        shown.clear()
        job = Slow(waits, known)
        monkeypatch.setattr(jobs, "request", lambda *_: job)
        test.session_state["lab.temperature"] = temperature
        test.run()
        assert not test.exception
        if stands:
            test.session_state["frame.stands"] = "lab"  # as the navigation around it notes
        return Drawn(list(stale), max(0, job.waits), len(shown))

    return drawn


def test_a_page_with_a_result_is_left_as_it_stands_until_the_next_has_come(
    draw: Callable[..., Drawn],
) -> None:
    assert draw(0, 4.0).stale == [False]
    # It says three times how far the run has got, draws nothing anew, and then all that is new.
    assert draw(3, 5.0) == Drawn([False], 0, 3)


def test_a_page_that_does_not_stand_yet_is_drawn_at_once(draw: Callable[..., Drawn]) -> None:
    first = draw(1000, 4.0)
    assert first.stale == [True] and first.left == 1000


def test_a_page_is_not_left_for_longer_than_anybody_cares_to_look_at_it(
    draw: Callable[..., Drawn], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert draw(0, 4.0).stale == [False]
    monkeypatch.setattr(jobs, "STAY_SECONDS", 0.05)
    late = draw(10**9, 5.0)
    assert late.stale == [True] and late.left > 0


def test_what_is_drawn_to_its_end_stands_until_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "request", lambda *_: Slow(10**9, None))
    monkeypatch.setattr(jobs, "follow", lambda *_: None)
    test = AppTest.from_file(str(ROOT / "door.py"), default_timeout=60).run()
    assert not test.exception
    assert test.session_state["frame.stands"] == "start"
    test.session_state["frame.page"] = "lab"  # as if one came from there
    monkeypatch.setattr(frame, "_show_way_on", lambda: None)
    seen: list[bool] = []
    monkeypatch.setattr(glossary, "begin", lambda: seen.append(frame.stands("start")))
    test.run()
    assert seen == [False]


def test_who_leaves_a_page_holds_none_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "request", lambda *_: Slow(10**9, None))
    monkeypatch.setattr(jobs, "follow", lambda *_: None)
    test = AppTest.from_file(str(ROOT / "pages" / "lab.py"), default_timeout=60)
    test.session_state["frame.navigated"] = True
    test.session_state["frame.page"] = "patience"
    heavy = ("result-patience", "result-patience-failed", "drawn-gains", "patience.job")
    for key in heavy:
        test.session_state[f"patience.{key}"] = "tensors"
    test.session_state["patience.labels"] = "50"
    test.session_state["lab.result-lab"] = known = LAB.run(
        LabSettings(seeds=2, teacher_hidden=(8,), student_samples=320)
    )
    test.run()
    assert not test.exception
    assert not [key for key in heavy if f"patience.{key}" in test.session_state]
    assert test.session_state["patience.labels"] == "50"
    assert test.session_state["lab.result-lab"] is known
