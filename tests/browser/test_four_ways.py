"""Each of the four ways is drawn, trained and compared on its page."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from pages.common.words import words
from tests.browser.conftest import CHART, GoOn, wait_for_rest
from tests.browser.walk import FEW, figures, wait_for_result

TEXT = words("four_ways")
NAMES = TEXT["experiments"]["variants"]["values"]
VARIANTS = ("response", "feature", "self", "online")
VERDICT = re.compile(r"(helps|hurts|no clear difference), [+−]\d+\.\d ± \d+\.\d points")


def test_four_ways_are_looked_at_one_by_one_and_side_by_side(go_on: GoOn) -> None:
    page = go_on("four_ways", f"?v=1&{FEW}&prediction=skipped&generations=1")
    wait_for_result(page)
    for variant in VARIANTS:
        each_way_has_its_picture_and_a_verdict(page, variant)
    the_comparison_names_every_way_with_its_verdict(page)
    generations_can_be_changed(page)


def each_way_has_its_picture_and_a_verdict(page: Page, variant: str) -> None:
    page.get_by_role("radio", name=TEXT[variant]["name"]).click()
    page.wait_for_url(re.compile(f"variant={variant}"))
    expect(page.locator(f"svg[aria-labelledby^={variant}-title]")).to_be_visible()
    expect(page.get_by_text(VERDICT).first).to_be_visible()
    wait_for_result(page)
    assert page.locator(CHART).count() >= 2


def the_comparison_names_every_way_with_its_verdict(page: Page) -> None:
    (gains,) = [text for text in figures(page) if text.startswith("Paired gains")]
    for variant in (*VARIANTS, "dkd", "rkd", "ensemble"):
        assert re.search(
            re.escape(NAMES[variant]) + r" [+−]\d+\.\d ± \d+\.\d: (helps|hurts|no clear)",
            gains,
        )


def generations_can_be_changed(page: Page) -> None:
    page.get_by_role("radio", name=TEXT["self"]["name"]).click()
    expect(page.get_by_label(re.compile("generations 0 to 1 "))).to_have_count(1)
    wait_for_rest(page)
    box = page.get_by_role("combobox", name="Generations")
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # the list closes while the page scrolls
    box.click()
    page.get_by_role("option", name="2", exact=True).click()
    expect(page.get_by_label(re.compile("generations 0 to 2 "))).to_have_count(1)
