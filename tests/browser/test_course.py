"""The way through the course, and what a reload leaves of it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from pages.common import course
from pages.common.words import words
from tests.browser.conftest import GO, Visit, wait_for_rest
from tests.browser.test_lessons import FEW, predict


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words(name)["title"])


def in_the_way(page: Page, name: str) -> str:
    """Return what the sidebar says of a page."""
    link = page.locator(".st-key-way a").filter(has_text=words(name)["menu"]).first
    expect(link).to_be_visible()
    return link.inner_text()


#: Lessons that are predicted and run on the way; the others are passed by.
ANSWERED = {"temperature": "low", "dark_knowledge": "order"}
RELOADED = "unseen_digit"
#: Not done at its end: a run tests a claim, and the question on it waits.
OPEN = "takeaways"


def test_the_whole_course_is_walked_and_a_reload_in_the_middle_loses_nothing(
    app: str, visit: Visit
) -> None:
    page = visit(app)
    ticked = set()
    names = [entry.name for entry in course.pages()]
    for name in names:
        heading(page, name)
        if name in ANSWERED:
            # By a small run: what is looked at does not depend on how long a network has trained.
            page.evaluate(GO, f"{app}/{name}?v=1&{FEW}&prediction=")
            wait_for_rest(page, name)
            predict(page, words_of(name, ANSWERED[name]))
        if name in ANSWERED:
            ticked.add(name)
        if not course.is_lesson(name):
            the_page_is_done_at_its_end_and_not_before(page, name)
            ticked |= {name} - {OPEN}
        if name == RELOADED:
            # What the visit holds is written to the browser's storage now and then.
            kept = "key => (localStorage.getItem(key) || '').includes('temperature')"
            page.wait_for_function(kept, arg="dark-knowledge-lab.visit")
            page.reload()
            heading(page, name)
        if name != names[-1]:
            following = names[names.index(name) + 1]
            # The foot of the page before may still stand there: the way on names where it leads.
            onwards = page.locator(".st-key-way-next a")
            onwards.filter(has_text=words(following)["menu"]).click()
    text = words("the_end")
    expect(page.get_by_text(text["predictions"]["heading"])).to_be_visible()
    for name, key in ANSWERED.items():
        expect(page.get_by_test_id("stTable")).to_contain_text(words_of(name, key))
    for name in names:
        assert ("✓" in in_the_way(page, name)) == (name in ticked), name
    the_whole_course_is_in_view_at_800_pixels(page)
    page.locator(".st-key-way-previous a").click()
    heading(page, names[-2])


def the_page_is_done_at_its_end_and_not_before(page: Page, name: str) -> None:
    wait_for_rest(page, name)
    assert "✓" not in in_the_way(page, name)
    page.locator(".st-key-way-on").scroll_into_view_if_needed()
    if name != OPEN:
        link = page.locator(".st-key-way a").filter(has_text=words(name)["menu"]).first
        expect(link).to_contain_text("✓")


def words_of(name: str, key: str) -> str:
    """Return what a lesson's option says."""
    options = words(name)["predict"]["options"]
    return next(str(option["text"]) for option in options if option["key"] == key)


def the_whole_course_is_in_view_at_800_pixels(page: Page) -> None:
    bottoms = page.eval_on_selector_all(
        ".st-key-way a",
        "links => links.filter(link => link.offsetParent)"
        ".map(link => link.getBoundingClientRect().bottom)",
    )
    assert len(bottoms) == len(course.pages()) + 1
    assert max(bottoms) <= 800


def test_in_presenter_type_the_arrow_keys_turn_the_pages(app: str, visit: Visit) -> None:
    page = visit(f"{app}/my_runs?present=1", width=1280, height=720)
    heading(page, "my_runs")
    expect(page.locator(".st-key-way-next a")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    wait_for_rest(page, "my_runs")  # the keys are heard when their component is there
    page.keyboard.press("ArrowRight")
    heading(page, "takeaways")
    page.wait_for_url(re.compile("present=1"))
    wait_for_rest(page, "takeaways")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    page.wait_for_url(re.compile("^((?!present).)*$"))
