"""The course: each page from its first line to its last, the way on, what a reload leaves of it.

A new page is walked unasked. Every walk also asks axe, light and dark, and looks at a phone: what
costs is to open a page and to bring it to its end, so it is done once.
"""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.common import course
from pages.common.words import words
from tests.browser.axe import COLOURS, grave_findings
from tests.browser.conftest import CHART, GoOn, Tab, Theme, look_at, wait_for_rest
from tests.browser.walk import FEW, figures, fits_a_phone, option, predict, wait_for_result

NAMES = [entry.name for entry in course.pages()]
STEPS = ("Compare", "Explain", "Try")
#: The lesson that trains six teachers a seed trains them for a sixth of the usual time.
SOONER = {"teacher_size": "&teacher_epochs=5"}
#: Not done at its end: in one a run tests a claim, whose question waits; the other asks in cases.
OPEN = ("takeaways", "broken")
#: Done once there was a run to be seen on it; and so short that its end may be on the first screen.
OF_RUNS = ("my_runs", "the_end")

#: A lesson, and what is predicted there.
ANSWERED, CHOSEN = "temperature", "low"

SCREENS: tuple[tuple[int, int, Theme], ...] = ((1280, 800, "light"), (390, 844, "dark"))


@pytest.fixture(scope="module")
def strangers(tabs: list[Tab]) -> None:
    """Let the first who comes here be somebody who has done no page yet."""
    for tab in tabs:
        tab.app = ""


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words(name)["title"])


def in_the_way(page: Page, name: str) -> Locator:
    """Return the link to a page beside all of them, which says whether it is done."""
    return page.locator(".st-key-way a").filter(has_text=words(name)["menu"]).first


# ------------------------------------------------------------------------------- page for page


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_walked_to_its_end(strangers: None, go_on: GoOn, name: str) -> None:
    asked = "predict" in words(name)
    prediction = "&prediction=" if asked else ""
    if name in OF_RUNS:
        wait_for_result(go_on(ANSWERED, f"?v=1&{FEW}&prediction={CHOSEN}"))
    page = go_on(name, f"?v=1&{FEW}{SOONER.get(name, '')}{prediction}")
    if name == NAMES[0]:
        the_whole_course_is_in_view_at_800_pixels(page)
        each_step_of_the_first_page_is_one_screen_and_its_bars_can_be_read(page)
    if name not in OF_RUNS:
        expect(in_the_way(page, name)).not_to_contain_text("✓")
    if asked:
        nothing_is_given_away(page, name)
        chosen = words(name)["predict"]["options"][-1]
        predict(page, chosen["text"])
        assert f"prediction={chosen['key']}" in page.url
        it_is_compared_with_what_the_runs_say(page, name, chosen["text"])
        assert figures(page)
    it_is_done_at_its_end(page, name)
    the_way_on_leads_to_the_next_page(page, name)
    # What stands beside every page is asked about once.
    found = grave_findings(page, beside=name == NAMES[0])
    look_at(page, theme="dark")
    found += [f"dark: {each}" for each in grave_findings(page, COLOURS, beside=name == NAMES[0])]
    look_at(page, 390, 844, "dark")
    fits_a_phone(page)
    if asked:
        the_code_can_be_read(page)
    assert found == []


def each_step_of_the_first_page_is_one_screen_and_its_bars_can_be_read(page: Page) -> None:
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


def the_whole_course_is_in_view_at_800_pixels(page: Page) -> None:
    bottoms = page.eval_on_selector_all(
        ".st-key-way a",
        "links => links.filter(link => link.offsetParent)"
        ".map(link => link.getBoundingClientRect().bottom)",
    )
    assert len(bottoms) == len(NAMES) + 1
    assert max(bottoms) <= 800


def nothing_is_given_away(page: Page, name: str) -> None:
    """Check that before the prediction there is a question, and no answer."""
    heading(page, name)
    expect(page.get_by_role("radiogroup")).to_be_visible()
    expect(page.get_by_role("button", name=words("lesson")["lock"])).to_be_disabled()
    # What others have published may stand before it; what runs here would give the answer away.
    elsewhere = ".st-key-introduction *, .st-key-elsewhere *"
    expect(page.locator(f"{CHART}:not({elsewhere})")).to_have_count(0)
    expect(page.locator(".st-key-results")).to_have_count(0)
    for step in ("Run", *STEPS):
        expect(page.locator("h2.step", has_text=step)).to_have_count(0)


def it_is_compared_with_what_the_runs_say(page: Page, name: str, chosen: str) -> None:
    for step in STEPS:
        expect(page.locator("h2.step", has_text=step)).to_be_visible()
    # Nothing would stand under it any more.
    expect(page.locator("h2.step", has_text="Run")).to_have_count(0)
    compare = page.locator(".st-key-compare")
    expect(compare).to_contain_text(words("lesson")["compare"]["you"])
    expect(compare).to_contain_text(chosen)
    outcome = compare.locator("strong").first.inner_text()
    assert outcome in [each["text"] for each in words(name)["predict"]["options"]]
    said = words("lesson")["compare"]["right" if outcome == chosen else "wrong"]
    expect(compare).to_contain_text(said)


def it_is_done_at_its_end(page: Page, name: str) -> None:
    page.locator(".st-key-way-on").scroll_into_view_if_needed()
    if name not in OPEN:
        expect(in_the_way(page, name)).to_contain_text("✓")
    # What is done is said while the page is still drawn.
    wait_for_rest(page, name)
    if name in OPEN:
        expect(in_the_way(page, name)).not_to_contain_text("✓")


def the_way_on_leads_to_the_next_page(page: Page, name: str) -> None:
    before, after = course.neighbours(name)
    for where, other in (("previous", before), ("next", after)):
        link = page.locator(f".st-key-way-{where} a")
        if other is None:
            expect(link).to_have_count(0)
            continue
        expect(link).to_contain_text(words(other.name)["menu"])
        expect(link).to_have_attribute("href", re.compile(rf"^(.*/)?{other.name}(\?.*)?$"))


def the_code_can_be_read(page: Page) -> None:
    code = page.get_by_test_id("stExpander").filter(has_text=words("lesson")["code"]["heading"])
    code.locator("summary").first.click()
    shown = code.locator('[data-testid="stCode"] code').first
    expect(shown).to_contain_text(re.compile(r"def \w+\("))


# ------------------------------------------------------------------------------- page to page

#: In the browser's storage: what is chosen there is written now and then.
KEPT = """name => {
  const visit = localStorage.getItem('dark-knowledge-lab.visit') || ''
  return visit.includes(name)
}"""


def test_a_reload_in_the_middle_loses_nothing(go_on: GoOn) -> None:
    # Another run than that of the walk.
    page = go_on(ANSWERED, f"?v=1&{FEW}&labels=60&prediction=")
    predict(page, option(ANSWERED, CHOSEN))
    expect(in_the_way(page, ANSWERED)).to_contain_text("✓")
    following = NAMES[NAMES.index(ANSWERED) + 1]
    page.locator(".st-key-way-next a").click()
    heading(page, following)
    page.wait_for_function(KEPT, arg=ANSWERED)
    page.reload()
    heading(page, following)
    expect(in_the_way(page, ANSWERED)).to_contain_text("✓")
    in_the_way(page, "the_end").click()
    heading(page, "the_end")
    expect(page.get_by_text(words("the_end")["predictions"]["heading"])).to_be_visible()
    expect(page.get_by_test_id("stTable")).to_contain_text(option(ANSWERED, CHOSEN))
    expect(in_the_way(page, OPEN[0])).not_to_contain_text("✓")
    page.locator(".st-key-way-previous a").click()
    heading(page, NAMES[-2])


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
