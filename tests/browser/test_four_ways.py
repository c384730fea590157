"""Each of the four ways is drawn, trained and compared on its page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from pages.common.words import words
from tests.browser.conftest import Visit
from tests.browser.test_lessons import CHART, figures, wait_for_result

TEXT = words("four_ways")
VARIANTS = ("response", "feature", "self", "online")
VERDICT = re.compile(r"(helps|hurts|no clear difference), [+−]\d+\.\d ± \d+\.\d points")


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_way_has_its_picture_and_a_verdict(app: str, visit: Visit, variant: str) -> None:
    page = visit(f"{app}/four_ways?v=1&seeds=5&prediction=skipped")
    wait_for_result(page)
    page.get_by_role("radio", name=TEXT[variant]["name"]).click()
    page.wait_for_url(re.compile(f"variant={variant}"))
    picture = page.locator(f"svg[aria-labelledby^={variant}-title]")
    expect(picture).to_be_visible()
    expect(page.get_by_text(VERDICT).first).to_be_visible()
    wait_for_result(page)
    assert page.locator(CHART).count() >= 2


def test_the_comparison_names_every_way_with_its_verdict(app: str, visit: Visit) -> None:
    page = visit(f"{app}/four_ways?v=1&seeds=5&prediction=skipped")
    wait_for_result(page)
    (gains,) = [text for text in figures(page) if text.startswith("Paired gains")]
    for variant in (*VARIANTS, "dkd", "rkd", "ensemble"):
        assert re.search(
            re.escape(TEXT["names"][variant]) + r" [+−]\d+\.\d ± \d+\.\d: (helps|hurts|no clear)",
            gains,
        )


def test_generations_can_be_changed(app: str, visit: Visit) -> None:
    page = visit(f"{app}/four_ways?v=1&seeds=5&prediction=skipped&variant=self&generations=1")
    wait_for_result(page)
    expect(page.get_by_label(re.compile("generations 0 to 1 "))).to_have_count(1)
    box = page.get_by_role("combobox", name="Generations")
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # the list closes while the page scrolls
    box.click()
    page.get_by_role("option", name="5", exact=True).click()
    expect(page.get_by_label(re.compile("generations 0 to 5 "))).to_have_count(1)
