"""What *Show the code* shows is what ran: each function in it was called by the run above it."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kdcore import losses
from kdcore.store import clear_all
from pages.common import answer, lesson
from pages.common.answer import Answer
from pages.common.widgets import Controls, Toggle
from tests.small import LITTLE, as_small_as_can_be, short_lessons

PAGES = Path(__file__).resolve().parents[1] / "pages"
SHOWING = sorted(
    file.stem
    for file in PAGES.glob("*.py")
    if any(word in file.read_text("utf-8") for word in ("explain(", "show_code(", "getsource("))
)
#: What the browser computes instead, by formulas that a test compares with what is shown.
IN_THE_BROWSER = {"anatomy": [losses.distillation_loss, losses.kl_divergence]}


@dataclass
class Seen:
    """What a page showed and what was called for it."""

    shown: list[Callable[..., Any]] = field(default_factory=list)
    differentiated: list[Callable[..., Any]] = field(default_factory=list)
    by_runs: set[CodeType] = field(default_factory=set)
    by_page: set[CodeType] = field(default_factory=set)
    running: bool = False

    def hear(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            (self.by_runs if self.running else self.by_page).add(frame.f_code)

    @contextmanager
    def run(self) -> Iterator[None]:
        self.running = True
        yield
        self.running = False


def codes(shown: Any) -> set[CodeType]:
    """Return the code of a function, or of the methods of a class."""
    if inspect.isclass(shown):
        return {f.__code__ for f in vars(shown).values() if inspect.isfunction(f)}
    return {inspect.unwrap(shown).__code__}


def open_page(name: str, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Open a page with all that it can train on it, each run done at once and listened to."""
    seen = Seen()

    def ask(experiment: Any, settings: Callable[[], Any], *_: Any, **__: Any) -> Answer[Any, Any]:
        with seen.run(), short_lessons():
            return Answer(experiment.run(as_small_as_can_be(settings(), LITTLE)))

    def show_code(
        code: Sequence[Callable[..., Any]], differentiated: Sequence[Callable[..., Any]] = ()
    ) -> None:
        seen.differentiated += differentiated
        original_show(code, differentiated)

    def getsource(function: Any) -> str:
        if getattr(function, "__module__", "").startswith("kdcore"):
            seen.shown.append(function)
        return original_source(function)

    def value(controls: Controls, key: str) -> Any:
        return isinstance(controls._controls[key], Toggle) or original_value(controls, key)

    original_show, original_source = lesson.show_code, inspect.getsource
    original_value = Controls.__getitem__
    monkeypatch.setattr(answer, "ask", ask)
    monkeypatch.setattr(lesson, "show_code", show_code)
    monkeypatch.setattr(inspect, "getsource", getsource)
    monkeypatch.setattr(Controls, "__getitem__", value)
    clear_all()  # what is remembered is not trained again
    page = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.query_params["seeds"] = "5"
    page.query_params["prediction"] = "skipped"
    threading.setprofile(seen.hear)
    try:
        page.run()
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]
        sys.setprofile(None)
    assert not page.exception
    return seen


@pytest.mark.parametrize("name", SHOWING)
def test_every_function_that_is_shown_was_called(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = open_page(name, monkeypatch)
    assert seen.shown
    elsewhere = [*seen.differentiated, *IN_THE_BROWSER.get(name, [])]
    ran = [f for f in seen.shown if f not in elsewhere]
    # The run calls it, or the page does to make its chart of the run.
    called = seen.by_runs | seen.by_page
    assert [f.__qualname__ for f in ran if not codes(f) & called] == []
    assert any(codes(f) & seen.by_runs for f in ran)
