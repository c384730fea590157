"""The lesson on two directions as a learner meets it: dragged first, then run."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from kdcore.views.humps import Divergence, landscape
from pages.common.words import words
from tests.browser.conftest import GoOn, look_at
from tests.browser.walk import FEW, fits_a_phone, wait_for_result


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


def choose(page: Page, name: str) -> None:
    page.locator(".measures label").get_by_text(name, exact=True).click()


def test_the_humps_are_dragged_and_the_students_run(go_on: GoOn) -> None:
    page = go_on("directions", f"?v=1&{FEW}&prediction=")
    expect(page.locator(".humps[data-mean]")).to_be_visible()
    a_change_of_direction_moves_the_student_off_the_middle(page)
    beta_has_a_slider_and_the_plain_directions_have_none(page)
    the_browser_finds_the_student_that_the_engine_finds(page, "forward", "forward KL")
    the_browser_finds_the_student_that_the_engine_finds(page, "reverse", "reverse KL")
    the_browser_finds_the_student_that_the_engine_finds(page, "jsd", "generalised JSD", 0.9)
    the_browser_finds_the_student_that_the_engine_finds(page, "skewed", "skewed KL", 0.3)
    what_was_written_stands_beside_the_claim(page)


def a_change_of_direction_moves_the_student_off_the_middle(page: Page) -> None:
    mirror = words("directions")["humps"]["mirror"]
    assert shown(page)["mean"] == 0
    expect(humps(page)).not_to_contain_text(mirror)
    choose(page, "reverse KL")
    expect(humps(page)).to_have_attribute("data-mean", "3")
    expect(humps(page)).to_contain_text(mirror)
    drag(page, "separation", 5)
    expect(humps(page)).to_have_attribute("data-mean", "0")


def beta_has_a_slider_and_the_plain_directions_have_none(page: Page) -> None:
    share = page.locator(".humps .share")
    expect(share).to_be_hidden()
    choose(page, "generalised JSD")
    expect(share).to_be_visible()
    expect(page.locator(".ends .end")).to_have_count(2)
    expect(page.locator(".ends .open")).to_have_count(2)


def the_browser_finds_the_student_that_the_engine_finds(
    page: Page, measure: Divergence, name: str, share: float | None = None
) -> None:
    choose(page, name)
    drag(page, "separation", 7)
    if share is not None:
        drag(page, "share", share)
    best = landscape(7, measure, share or 0.5)
    mean, spread = best.best[-1]
    expect(humps(page)).to_have_attribute("data-mean", f"{abs(mean):g}")
    found = shown(page)
    assert found["spread"] == spread
    assert found["divergence"] == pytest.approx(best.divergence.min().item(), abs=2e-6)


def what_was_written_stands_beside_the_claim(page: Page) -> None:
    page.get_by_role("button", name=words("lesson")["skip"]).click()
    wait_for_result(page)
    expect(page.locator(".claim").first).to_be_visible()
    expect(page.locator(".written section")).to_have_count(3)
    expect(page.locator(".written .invalid").first).to_be_visible()
    look_at(page, 390, 844)
    fits_a_phone(page)
