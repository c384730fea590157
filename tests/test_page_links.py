"""The address of a lesson says all that is set there: a link opens the same settings elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import LabSettings
from pages.common import course
from pages.common.widgets import control_of, note
from pages.common.words import words

PAGES = Path(__file__).resolve().parents[1] / "pages"
LESSONS = [entry.name for entry in course.pages() if "predict" in words(entry.name)]


def opened(name: str, address: dict[str, str]) -> AppTest:
    page = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    for key, value in address.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def written(value: Any) -> str:
    """Return what a try sets as the address writes it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{int(value)}" if isinstance(value, bool) else f"{value}"


def shown(page: AppTest) -> dict[str, str]:
    """Return what the address bar says."""
    return {key: "".join(value) for key, value in page.query_params.items()}


def settings(page: AppTest, name: str, address: dict[str, str]) -> dict[str, Any]:
    """Return what the page's controls are set to, by their names in the address."""
    return {
        key: page.session_state[f"{name}.{key}"]
        for key in address
        if f"{name}.{key}" in page.session_state
    }


@pytest.mark.parametrize("name", LESSONS)
def test_what_a_try_sets_is_on_offer(name: str) -> None:
    kinds = [each.settings.parameters() for each in EXPERIMENTS.values() if each.page == name]
    for idea in words(name)["tries"]:
        for key, value in idea["set"].items():
            offering = [kind[key] for kind in kinds if key in kind and kind[key].offered]
            notes = [control_of(each).read(written(value))[1] for each in offering]
            assert not any(notes), f"{idea['button']}: {notes}"


@pytest.mark.parametrize(
    ("name", "asked", "used"),
    [
        ("student_samples", "13000", 12_000),
        ("student_samples", "1", 3_000),
        ("student_samples", "1e9", 120_000),
        ("teacher_hidden", "250", (256,)),
    ],
)
def test_what_a_list_does_not_offer_becomes_what_is_nearest_and_that_is_said(
    name: str, asked: str, used: Any
) -> None:
    control = control_of(LabSettings.parameters()[name])
    assert control.read(asked) == (used, note("not_offered", name, asked, control.write(used)))


@pytest.mark.parametrize("name", LESSONS)
def test_what_tries_set_is_said_by_the_address_and_set_again_by_it(name: str) -> None:
    asked = {"v": "1", "seeds": "10"}
    for idea in words(name)["tries"]:
        asked |= {key: written(value) for key, value in idea["set"].items()}
    page = opened(name, asked)
    address = shown(page)
    assert set(asked) <= set(address)
    assert not page.info, "nothing that a try sets is refused"
    again = opened(name, address)
    assert shown(again) == address
    assert settings(again, name, address) == settings(page, name, address)
    fresh = opened(name, {})
    assert settings(fresh, name, address) != settings(page, name, address)
