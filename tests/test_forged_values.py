"""What comes back from a component is checked: a forged value changes and breaks nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.testing.v1 import AppTest

from kdcore.words import Refusal
from pages.common import answer, boundaries, components, drawing, frame, keep, live_bars, visit
from pages.common.answer import Answer
from pages.common.live_bars import ExampleDigit

ROOT = Path(__file__).resolve().parents[1]

FORGED: list[Any] = [
    None,
    "",
    "1e999",
    "NaN",
    math.nan,
    math.inf,
    -1,
    10**400,
    2.5,
    True,
    [],
    [[]],
    {"digit": 1},
    "0" * 10,
    "<b>",
    {"temperature": {"temperature": 4}},
]

Callback = Callable[[], None]


class Browser:
    """Keeps what a component was given to call, and speaks in its place."""

    def __init__(self) -> None:
        self.calls: dict[str, Callback] = {}
        self.key = ""

    def __call__(self, key: str, data: Any, **callbacks: Callback) -> None:
        self.key, self.calls = key, callbacks

    def say(self, name: str, value: Any) -> None:
        st.session_state[self.key] = {name: value}
        self.calls[f"on_{name}_change"]()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr(st, "session_state", {})
    one = Browser()
    for module, name in (
        (live_bars, "_slider"),
        (live_bars, "_bars"),
        (drawing, "_board"),
        (boundaries, "_component"),
    ):
        monkeypatch.setattr(module, name, one)
    monkeypatch.setattr(keep, "component", lambda _: one)
    return one


@pytest.mark.parametrize("forged", FORGED, ids=repr)
def test_a_temperature_that_is_not_on_offer_is_not_taken(browser: Browser, forged: Any) -> None:
    controls: Any = {"temperature": 4.0}
    live_bars.temperature_slider(controls)
    browser.say("temperature", 8)
    assert controls == {"temperature": 8.0}
    browser.say("temperature", forged if forged is not True and forged != 2.5 else 0.75)
    assert controls == {"temperature": 8.0}


@pytest.mark.parametrize("forged", FORGED, ids=repr)
def test_a_digit_that_is_not_on_offer_is_not_taken(browser: Browser, forged: Any) -> None:
    controls: Any = {"temperature": 4.0, "digit": 346}
    offered = [ExampleDigit(index, 3, [0] * 64, {}) for index in (346, 703)]
    live_bars.live_bars(controls, offered, {}, stale=False, rows=[])
    browser.say("digit", 703)
    browser.say("digit", forged)
    assert controls["digit"] == 703


@pytest.mark.parametrize("forged", FORGED, ids=repr)
def test_a_drawing_of_another_size_is_not_taken(browser: Browser, forged: Any) -> None:
    drawing.drawing_board("board", {}, [])
    browser.say("ink", "1" * drawing.SIDE**2)
    browser.say("ink", forged)
    assert bool(drawing.drawing_board("board", {}, []).all())


@pytest.mark.parametrize("forged", FORGED, ids=repr)
def test_a_list_of_points_is_a_list(browser: Browser, forged: Any) -> None:
    heard: list[Any] = []
    boundaries.film(
        None,
        temperature=4,
        seed=0,
        own_points=[],
        words=dict.fromkeys(("teacher", "hard", "distilled", "no_points"), ""),
        stale=False,
        on_new_seed=lambda: None,
        on_own_points=heard.append,
    )
    browser.say("own_points", forged)
    assert heard[0] is None or type(heard[0]) is list


@pytest.mark.parametrize("forged", [*FORGED, '{"version": 1, "runs": [[]]}'], ids=repr)
def test_a_visit_that_was_forged_is_not_taken_in(
    browser: Browser, forged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(visit, "take_in", taken.append)
    keep._draw(st.container(), "", ask=True)
    browser.say("found", forged)
    assert not taken


def test_a_component_that_was_never_drawn_says_nothing(browser: Browser) -> None:
    assert components.said("nowhere", "digit", int) is None


def test_what_is_refused_is_nothing_said(browser: Browser) -> None:
    def refuse(_: Any) -> None:
        raise Refusal("file_not_ours")

    st.session_state["keep"] = {"found": ""}
    assert components.said("keep", "found", refuse) is None


@pytest.mark.parametrize("forged", ["zzz", "", "256,256,256,256,256", "1e999", "<b>"])
def test_what_a_list_does_not_offer_is_not_taken(
    forged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ask(_: Any, settings: Callable[[], Any], *__: Any, **___: Any) -> Answer[Any, Any]:
        asked.append(settings())
        return Answer(None)

    monkeypatch.setattr(answer, "ask", ask)
    page = AppTest.from_file(str(ROOT / "pages" / "lab.py"), default_timeout=60)
    page.session_state["frame.navigated"] = True
    page.run()
    before = asked[-1]
    for box in page.selectbox:
        message = WidgetStates()
        message.widgets.append(WidgetState(id=box.proto.id, string_value=forged))
        page._run(widget_state=message)
        assert not page.exception, box.label
        assert asked[-1] == before, box.label


def test_a_page_is_done_when_its_own_end_was_reached_and_by_nothing_else(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "component", lambda _: browser)
    st.session_state.update({"frame.page": "lab", "frame.open": False})
    frame._watch_for_end("lab")
    for forged in [*FORGED, "temperature", "start"]:
        browser.say("reached", forged)
        assert not visit.kept().done
    browser.say("reached", "lab")
    assert visit.kept().done == {"lab"}


@pytest.mark.parametrize(("name", "is_open"), [("lab", True), ("temperature", False)])
def test_the_end_of_a_lesson_or_of_a_page_that_waits_is_not_watched_for(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, name: str, is_open: bool
) -> None:
    monkeypatch.setattr(frame, "component", lambda _: browser)
    st.session_state.update({"frame.page": name, "frame.open": is_open})
    frame._watch_for_end(name)
    assert browser.calls == {}
