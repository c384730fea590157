"""The way through the course, and what a reload leaves of it."""

from __future__ import annotations

import re
from itertools import pairwise

from playwright.sync_api import Page, expect

from pages.common import course
from pages.common.words import words
from tests.browser.conftest import GO, GoOn, Theme, Visit, look_at, wait_for_rest
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

SCREENS: tuple[tuple[int, int, Theme], ...] = ((1280, 800, "light"), (390, 844, "dark"))


def test_the_whole_course_is_walked_and_a_reload_in_the_middle_loses_nothing(
    app: str, visit: Visit
) -> None:
    page = visit(app)
    each_step_of_the_first_page_is_one_screen_and_its_bars_can_be_read(page)
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


def each_step_of_the_first_page_is_one_screen_and_its_bars_can_be_read(page: Page) -> None:
    wait_for_rest(page, "start")
    text = words("start")
    for width, height, theme in SCREENS:
        look_at(page, width, height, theme)
        page.wait_for_timeout(300)
        tops = page.eval_on_selector_all(
            "[data-testid=stMain] h2", "all => all.map(each => each.getBoundingClientRect().y)"
        )
        assert len(tops) == len(("one", "two", "three", "four", "five"))
        # What stays at the top of a phone takes 60 of its pixels.
        assert max(b - a for a, b in pairwise(tops)) <= height - (60 if width < 640 else 0)
        for place, least in (("label", 75), ("teacher", 90)):
            bar = page.locator(f".st-key-start-{place} .true-class .bar")
            assert bar.evaluate("bar => bar.offsetHeight") >= least, "the bar of 100 %"
        sizes = page.locator("img.digit").evaluate_all("all => all.map(each => each.width)")
        assert sizes == [144, 80]
        chosen = page.locator(".st-key-start-choice .thumbnails button[aria-pressed=true] canvas")
        others = page.locator(".st-key-start-choice .thumbnails button[aria-pressed=false] canvas")
        opacity = "all => all.map(each => Number(getComputedStyle(each).opacity))"
        assert chosen.evaluate_all(opacity) == [1]
        assert max(others.evaluate_all(opacity)) < 0.7
        train = page.get_by_role("button", name=text["three"]["train"])
        expect(train).to_be_disabled()
        assert train.evaluate_all(opacity) == [0.5]
    look_at(page)


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


def test_in_presenter_type_the_arrow_keys_turn_the_pages(go_on: GoOn) -> None:
    page = go_on("my_runs", "?present=1", width=1280, height=720)
    heading(page, "my_runs")
    expect(page.locator(".st-key-way-next a")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    # The way back stands in the margin, over nothing that is read.
    way_back = page.locator(".st-key-presenting-switch button").bounding_box()
    text = page.locator(".st-key-page-head").bounding_box()
    assert way_back and text
    assert way_back["x"] >= text["x"] + text["width"]
    page.keyboard.press("ArrowRight")
    heading(page, "takeaways")
    page.wait_for_url(re.compile("present=1"))
    wait_for_rest(page, "takeaways")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    page.wait_for_url(re.compile("^((?!present).)*$"))
