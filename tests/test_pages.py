"""Every page starts without a traceback; a new file in ``pages/`` is tested without being listed.

The app itself is opened in a browser in ``tests/browser``; here the pages run without one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.visit import machine
from pages.common import course
from pages.common.words import words
from tests.small import small_runs

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def runs_are_small() -> Iterator[None]:
    """Let no page train for long: its training goes on while the next page is opened."""
    with small_runs():
        yield


PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


def test_every_page_is_in_the_navigation_and_nothing_else_is() -> None:
    listed = [entry.name for entries in course.chapters().values() for entry in entries]
    assert sorted(listed) == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_by_itself_as_on_a_cold_deep_link(name: str) -> None:
    page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.run()
    assert not page.exception
    assert words(name)["title"] in page.title[0].value


@pytest.mark.parametrize("name", PAGES)
def test_a_page_survives_nonsense_in_the_address(name: str) -> None:
    page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    for key in ("temperature", "alpha", "labels", "teacher_hidden", "student_hidden", "digit"):
        page.query_params[key] = "🙃 nonsense"
    page.query_params["v"] = "0"
    page.run()
    assert not page.exception
    assert page.query_params["v"] != "0"


def test_a_prediction_changed_and_locked_at_once_is_the_one_chosen_last() -> None:
    page = AppTest.from_file(str(ROOT / "pages" / "temperature.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.run()
    first, second = (option["key"] for option in words("temperature")["predict"]["options"][:2])
    page.radio[0].set_value(first).run()
    page.radio[0].set_value(second)  # both reach the server before it has drawn the page again
    (lock,) = [each for each in page.button if each.label == words("lesson")["lock"]]
    lock.click().run()
    assert page.query_params["prediction"] in (second, [second])


def test_whoever_draws_a_page_sees_to_the_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(machine.garbage, "collect", lambda: asked.append("now"))
    page = AppTest.from_file(str(ROOT / "door.py"), default_timeout=300).run()
    assert not page.exception
    assert asked == ["now"]


def test_streamlit_collects_no_garbage_of_its_own() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert settings["runner"]["postScriptGC"] is False
