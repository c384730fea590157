"""The lesson on two directions as a learner meets it: dragged first, then run."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from kdcore.views.humps import Divergence, landscape
from tests.browser.conftest import Visit


def humps(page: Page) -> Locator:
    return page.locator(".humps")


def shown(page: Page) -> dict[str, float]:
    names = ("mean", "spread", "divergence")
    return {name: float(humps(page).get_attribute(f"data-{name}") or "nan") for name in names}


def drag(page: Page, slider: str, value: float) -> None:
    page.locator(f".{slider} input").evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }",
        str(value),
    )


@pytest.fixture
def lesson(app: str, visit: Visit) -> Page:
    page = visit(f"{app}/directions")
    expect(page.locator(".humps[data-mean]")).to_be_visible()
    return page


@pytest.mark.parametrize(
    ("measure", "name", "share"),
    [
        ("forward", "forward KL", None),
        ("reverse", "reverse KL", None),
        ("jsd", "generalised JSD", 0.9),
        ("skewed", "skewed KL", 0.3),
    ],
)
def test_the_browser_finds_the_student_that_the_engine_finds(
    lesson: Page, measure: Divergence, name: str, share: float | None
) -> None:
    lesson.locator(".measures label").get_by_text(name, exact=True).click()
    drag(lesson, "separation", 7)
    if share is not None:
        drag(lesson, "share", share)
    best = landscape(7, measure, share or 0.5)
    mean, spread = best.best[-1]
    expect(humps(lesson)).to_have_attribute("data-mean", f"{abs(mean):g}")
    found = shown(lesson)
    assert found["spread"] == spread
    assert found["divergence"] == pytest.approx(best.divergence.min().item(), abs=2e-6)


def test_a_change_of_direction_moves_the_student_off_the_middle(lesson: Page) -> None:
    assert shown(lesson)["mean"] == 0
    lesson.locator(".measures label").get_by_text("reverse KL", exact=True).click()
    expect(humps(lesson)).to_have_attribute("data-mean", "3")
    drag(lesson, "separation", 5)
    expect(humps(lesson)).to_have_attribute("data-mean", "0")


def test_beta_has_a_slider_and_the_plain_directions_have_none(lesson: Page) -> None:
    share = lesson.locator(".humps .share")
    expect(share).to_be_hidden()
    lesson.locator(".measures label").get_by_text("generalised JSD").click()
    expect(share).to_be_visible()
    expect(lesson.locator(".ends .end")).to_have_count(2)
    expect(lesson.locator(".ends .open")).to_have_count(2)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_lesson_is_walked_from_prediction_to_claims(app: str, visit: Visit, width: int) -> None:
    page = visit(f"{app}/directions?seeds=5", width=width)
    page.get_by_text("More valid words, but fewer different ones").click()
    page.get_by_role("button", name="Lock in my prediction").click()
    compare = page.locator(".st-key-compare")
    expect(compare.get_by_text("As you predicted.")).to_be_visible()
    expect(page.get_by_text("Reverse KL buys validity with variety.")).to_be_visible()
    written = page.locator(".written section")
    expect(written).to_have_count(3)
    assert written.nth(1).locator(".invalid").count() > written.nth(2).locator(".invalid").count()
    sideways: Any = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert sideways <= 0
