"""Every lesson, walked from prediction to explanation; a new lesson is walked unasked."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from pages.common import course
from pages.common.words import words
from tests.browser.conftest import Visit

LESSONS = [entry.name for entry in course.pages() if "predict" in words(entry.name)]
STEPS = ("Run", "Compare", "Explain", "Try")
CHART = '[data-testid="stPlotlyChart"]'


def wait_for_result(page: Page) -> None:
    expect(page.locator("h2.step", has_text="Try")).to_be_visible()
    expect(page.locator('[data-testid="stProgress"]')).to_have_count(0)
    # Plotly itself arrives late in the browser; a chart is there when it has its marks.
    expect(page.locator(CHART)).not_to_have_count(0)
    drawn = (
        "charts => [...document.querySelectorAll(charts)].every(c => c.querySelector('.main-svg'))"
    )
    page.wait_for_function(drawn, arg=CHART)


def figures(page: Page) -> list[str]:
    """Return every figure that the page says in text: the alternative texts of its charts."""
    # Read in one go: charts come and go while a run is under way.
    labels: list[str] = page.eval_on_selector_all(
        f"{CHART}[aria-label], {CHART} [aria-label]",
        "nodes => nodes.map(node => node.getAttribute('aria-label'))",
    )
    return labels


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_walked_from_question_to_try(app: str, visit: Visit, name: str) -> None:
    page = visit(f"{app}/{name}?v=1&seeds=5")
    nothing_is_given_away(page, name)

    # Predict, and lock it in.
    chosen = words(name)["predict"]["options"][-1]
    page.locator("label").filter(has_text=chosen["text"]).click()
    page.get_by_role("button", name=words("lesson")["lock"]).click()
    wait_for_result(page)
    assert f"prediction={chosen['key']}" in page.url

    # Compare with what the runs say.
    for step in STEPS:
        expect(page.locator("h2.step", has_text=step)).to_be_visible()
    compare = page.locator(".st-key-compare")
    expect(compare).to_contain_text(words("lesson")["compare"]["you"])
    expect(compare).to_contain_text(chosen["text"])
    outcome = compare.locator("strong").first.inner_text()
    assert outcome in [option["text"] for option in words(name)["predict"]["options"]]
    said = words("lesson")["compare"]["right" if outcome == chosen["text"] else "wrong"]
    expect(compare).to_contain_text(said)
    before, address = figures(page), page.url
    assert before

    # The link reopens the same figures, also on a phone in the dark.
    again = visit(address, width=390, height=844, theme="dark")
    wait_for_result(again)
    assert again.url == address
    assert figures(again) == before
    expect(again.locator(".st-key-compare")).to_contain_text(chosen["text"])
    fits_a_phone(again)
    again.get_by_text(words("lesson")["code"]["heading"]).first.click()
    code = again.locator('[data-testid="stCode"] code').first
    expect(code).to_contain_text(re.compile(r"def \w+\("))

    # A “try” sets the controls and runs again.
    idea = words(name)["tries"][0]
    page.get_by_role("button", name=idea["button"], exact=True).click()
    for setting, value in idea["set"].items():
        written = "%2C".join(map(str, value)) if isinstance(value, list) else f"{value}"
        number = re.escape(written.removesuffix(".0"))
        page.wait_for_url(re.compile(f"[?&]{setting}={number}(\\.0)?(&|$)"))
    end = time.monotonic() + 300
    while figures(page) == before and time.monotonic() < end:
        page.wait_for_timeout(250)
    wait_for_result(page)
    assert page.url != address
    assert figures(page) != before


def nothing_is_given_away(page: Page, name: str) -> None:
    """Check that before the prediction there is a question, and no answer."""
    expect(page.get_by_role("heading", level=1)).to_have_text(words(name)["title"])
    expect(page.get_by_role("radiogroup")).to_be_visible()
    expect(page.get_by_role("button", name=words("lesson")["lock"])).to_be_disabled()
    # What others have published may stand before it; what runs here would give the answer away.
    expect(page.locator(f"{CHART}:not(.st-key-introduction *)")).to_have_count(0)
    expect(page.locator(".st-key-results")).to_have_count(0)
    for step in STEPS:
        expect(page.locator("h2.step", has_text=step)).to_have_count(0)


def fits_a_phone(page: Page) -> None:
    """Check that nothing is wider than a phone."""
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    for chart in page.locator(CHART).all():
        box = chart.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390


def test_a_lesson_opens_cold_by_its_address(cold_app: str, visit: Visit) -> None:
    # Streamlit runs the page without the app's own script then; one server shows it for all.
    first, *others = LESSONS
    nothing_is_given_away(visit(f"{cold_app}/{first}"), first)
    for name in others:
        expect(visit(f"{cold_app}/{name}").get_by_role("heading", level=1)).to_have_text(
            words(name)["title"]
        )


def test_a_result_can_be_taken_along(app: str, visit: Visit) -> None:
    page = visit(f"{app}/temperature?v=1&seeds=5&prediction=skipped")
    wait_for_result(page)
    expect(page.locator(".st-key-compare")).to_contain_text(words("lesson")["compare"]["skipped"])
    with page.expect_download() as table:
        page.get_by_role("button", name=words("lesson")["run"]["download"]).click()
    header, *rows = table.value.path().read_text().splitlines()
    assert "student_accuracy" in header
    assert "setting_seeds" in header
    assert len(rows) == 7
    with page.expect_download() as program:
        page.get_by_role("button", name=words("lesson")["run"]["script"]).click()
    script = program.value.path().read_text("utf-8")
    assert "SEEDS = 5\n" in script
    assert "STUDENTS = [(1.0, 0.3), (2.0, 0.3), (3.0, 0.3)" in script


def test_a_run_that_cannot_be_written_as_a_script_offers_none(app: str, visit: Visit) -> None:
    page = visit(f"{app}/dark_knowledge?v=1&seeds=5&prediction=skipped")
    wait_for_result(page)
    expect(page.get_by_role("button", name=words("lesson")["run"]["script"])).to_have_count(0)
