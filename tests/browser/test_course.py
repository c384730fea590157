"""The way through the course, and what a reload leaves of it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from pages.common import course
from pages.common.words import words
from tests.browser.conftest import Visit
from tests.browser.test_lessons import wait_for_result


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words(name)["title"])


def in_the_way(page: Page, name: str) -> str:
    """Return what the sidebar says of a page."""
    link = page.locator(".st-key-way a").filter(has_text=words(name)["menu"]).first
    expect(link).to_be_visible()
    return link.inner_text()


def test_next_leads_through_the_first_pages_and_each_is_ticked_behind_one(
    app: str, visit: Visit
) -> None:
    page = visit(app)
    first, second, third = (entry.name for entry in course.pages()[:3])
    heading(page, first)
    for name in (second, third):
        # The foot of the page before may still stand there: the way on names where it leads.
        page.locator(".st-key-way-next a").filter(has_text=words(name)["menu"]).click()
        heading(page, name)
    for name in (first, second):
        link = page.locator(".st-key-way a").filter(has_text=words(name)["menu"]).first
        expect(link).to_contain_text("✓")
    assert "✓" not in in_the_way(page, third)
    page.locator(".st-key-way-previous a").click()
    heading(page, second)


def test_the_whole_course_is_in_view_at_800_pixels(app: str, visit: Visit) -> None:
    page = visit(f"{app}/my_runs")
    in_the_way(page, course.pages()[-1].name)
    bottoms = page.eval_on_selector_all(
        ".st-key-way a", "links => links.map(link => link.getBoundingClientRect().bottom)"
    )
    assert len(bottoms) == len(course.pages()) + 1
    assert max(bottoms) <= 800


def test_a_reload_in_the_middle_loses_nothing(app: str, visit: Visit) -> None:
    page = visit(f"{app}/temperature?v=1&seeds=5&prediction=low")
    wait_for_result(page)
    expect(page.locator(".st-key-way a").filter(has_text="✓")).to_have_count(1)
    page.wait_for_function("() => localStorage.getItem('dark-knowledge-lab.visit')")
    page.goto(f"{app}/the_end")
    text = words("the_end")
    heading(page, "the_end")
    chosen = next(o for o in words("temperature")["predict"]["options"] if o["key"] == "low")
    expect(page.get_by_text(text["predictions"]["heading"])).to_be_visible()
    expect(page.get_by_test_id("stTable")).to_contain_text(chosen["text"])
    assert "✓" in in_the_way(page, "temperature")


def test_in_presenter_type_the_arrow_keys_turn_the_pages(app: str, visit: Visit) -> None:
    page = visit(f"{app}/my_runs?present=1", width=1280, height=720)
    heading(page, "my_runs")
    expect(page.locator(".st-key-way-next a")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    page.wait_for_timeout(1_000)  # the keys are heard when their component is there
    page.keyboard.press("ArrowRight")
    heading(page, "takeaways")
    page.wait_for_url(re.compile("present=1"))
