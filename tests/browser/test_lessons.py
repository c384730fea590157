"""Every lesson, walked from prediction to explanation; a new lesson is walked unasked."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from pages.common import course
from pages.common.words import words
from tests.browser.axe import COLOURS, grave_findings
from tests.browser.conftest import CHART, GoOn, Visit, look_at, wait_for_rest

LESSONS = [entry.name for entry in course.pages() if "predict" in words(entry.name)]
STEPS = ("Compare", "Explain", "Try")
#: Small runs: what is looked at here does not depend on how long a network has trained.
FEW = "seeds=5&student_samples=3000"
#: The lesson that trains six teachers a seed trains them for a sixth of the usual time.
SOONER = {"teacher_size": "&teacher_epochs=5"}
#: Two of them; what every try does is held against its tables by tests/test_tries.py.
TRIED = ("balance", "secret_in_noise")


def wait_for_result(page: Page) -> None:
    expect(page.locator("h2.step", has_text="Try")).to_be_visible()
    # Plotly itself arrives late in the browser.
    expect(page.locator(CHART)).not_to_have_count(0)
    wait_for_rest(page)


def figures(page: Page) -> list[str]:
    """Return every figure that the page says in text: the alternative texts of its charts."""
    # Read in one go: charts come and go while a run is under way.
    labels: list[str] = page.eval_on_selector_all(
        f"{CHART}[aria-label], {CHART} [aria-label]",
        "nodes => nodes.map(node => node.getAttribute('aria-label'))",
    )
    return labels


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_walked_from_question_to_explanation(go_on: GoOn, name: str) -> None:
    page = go_on(name, f"?v=1&{FEW}{SOONER.get(name, '')}&prediction=")
    nothing_is_given_away(page, name)
    chosen = words(name)["predict"]["options"][-1]
    predict(page, chosen["text"])
    assert f"prediction={chosen['key']}" in page.url
    it_is_compared_with_what_the_runs_say(page, name, chosen["text"])
    assert figures(page)
    found = grave_findings(page)

    look_at(page, 390, 844, "dark")
    fits_a_phone(page)
    the_code_can_be_read(page)
    found += [f"dark: {each}" for each in grave_findings(page, COLOURS)]
    assert found == []


def test_on_a_phone_who_skips_the_prediction_sees_the_verdict(go_on: GoOn) -> None:
    wait_for_result(go_on("temperature", f"?v=1&{FEW}&prediction=skipped"))
    # Known by now, it comes in at once, above the foot of the page that is on the screen.
    # Whether a browser would keep that in its place is a matter of moments; so it is asked, too.
    page = go_on("temperature", f"?v=1&{FEW}&prediction=", width=390, height=844)
    main = page.get_by_test_id("stMain")
    main.evaluate("main => main.scrollTo(0, main.scrollHeight)")
    assert main.evaluate("main => getComputedStyle(main).overflowAnchor") == "none"
    page.get_by_role("button", name=words("lesson")["skip"]).click()
    wait_for_result(page)
    verdict = page.locator(".st-key-compare").bounding_box()
    assert verdict
    assert 0 <= verdict["y"] < 422


def predict(page: Page, text: str) -> None:
    """Choose a prediction by its words, lock it in, and wait for what the runs say."""
    page.locator("label").filter(has_text=text).click()
    page.get_by_role("button", name=words("lesson")["lock"]).click()
    wait_for_result(page)


def it_is_compared_with_what_the_runs_say(page: Page, name: str, chosen: str) -> None:
    for step in STEPS:
        expect(page.locator("h2.step", has_text=step)).to_be_visible()
    # Nothing would stand under it any more.
    expect(page.locator("h2.step", has_text="Run")).to_have_count(0)
    compare = page.locator(".st-key-compare")
    expect(compare).to_contain_text(words("lesson")["compare"]["you"])
    expect(compare).to_contain_text(chosen)
    outcome = compare.locator("strong").first.inner_text()
    assert outcome in [option["text"] for option in words(name)["predict"]["options"]]
    said = words("lesson")["compare"]["right" if outcome == chosen else "wrong"]
    expect(compare).to_contain_text(said)


@pytest.mark.parametrize("name", TRIED)
def test_a_try_sets_the_controls_and_runs_again(go_on: GoOn, name: str) -> None:
    page = go_on(name, f"?v=1&{FEW}&prediction=skipped")
    wait_for_result(page)
    before, address = figures(page), page.url
    idea = words(name)["tries"][0]
    page.get_by_role("button", name=idea["button"], exact=True).click()
    for setting, value in idea["set"].items():
        written = "%2C".join(map(str, value)) if isinstance(value, list) else f"{value}"
        number = re.escape(written.removesuffix(".0"))
        page.wait_for_url(re.compile(f"[?&]{setting}={number}(\\.0)?(&|$)"))
    wait_for_result(page)
    assert page.url != address
    assert figures(page) != before


def test_a_link_reopens_the_same_figures(go_on: GoOn, visit: Visit) -> None:
    page = go_on("temperature", f"?v=1&{FEW}&prediction=low&alpha=0.1&labels=50&first_seed=3")
    wait_for_result(page)
    before, address = figures(page), page.url
    assert "alpha=0.1" in address
    again = visit(address)
    wait_for_result(again)
    assert again.url == address
    assert figures(again) == before


def nothing_is_given_away(page: Page, name: str) -> None:
    """Check that before the prediction there is a question, and no answer."""
    expect(page.get_by_role("heading", level=1)).to_have_text(words(name)["title"])
    expect(page.get_by_role("radiogroup")).to_be_visible()
    expect(page.get_by_role("button", name=words("lesson")["lock"])).to_be_disabled()
    # What others have published may stand before it; what runs here would give the answer away.
    elsewhere = ".st-key-introduction *, .st-key-elsewhere *"
    expect(page.locator(f"{CHART}:not({elsewhere})")).to_have_count(0)
    expect(page.locator(".st-key-results")).to_have_count(0)
    for step in ("Run", *STEPS):
        expect(page.locator("h2.step", has_text=step)).to_have_count(0)


def fits_a_phone(page: Page) -> None:
    """Check that nothing is wider than a phone."""
    page.wait_for_function(
        """charts => document.querySelector('[data-testid=stMain]').scrollWidth <= 390
        && [...document.querySelectorAll(charts)].every(
            chart => chart.getBoundingClientRect().right <= 390)""",
        arg=CHART,
        polling=100,
    )


def the_code_can_be_read(page: Page) -> None:
    code = page.get_by_test_id("stExpander").filter(has_text=words("lesson")["code"]["heading"])
    code.locator("summary").first.click()
    shown = code.locator('[data-testid="stCode"] code').first
    expect(shown).to_contain_text(re.compile(r"def \w+\("))


def test_a_result_can_be_taken_along(go_on: GoOn) -> None:
    page = go_on("temperature", f"?v=1&{FEW}&prediction=skipped&alpha=0.3&temperatures=1,3,8")
    wait_for_result(page)
    expect(page.locator(".st-key-compare")).to_contain_text(words("lesson")["compare"]["skipped"])
    with page.expect_download() as table:
        page.get_by_role("button", name=words("lesson")["run"]["download"]).click()
    header, *rows = table.value.path().read_text().splitlines()
    assert "student_accuracy" in header
    assert "setting_seeds" in header
    assert len(rows) == 4
    with page.expect_download() as program:
        page.get_by_role("button", name=words("lesson")["run"]["script"]).click()
    script = program.value.path().read_text("utf-8")
    assert "SEEDS = 5\n" in script
    assert "STUDENTS = [(1.0, 0.3), (3.0, 0.3), (8.0, 0.3)]" in script


def test_a_run_that_cannot_be_written_as_a_script_offers_none(go_on: GoOn) -> None:
    page = go_on("dark_knowledge", f"?v=1&{FEW}&prediction=skipped")
    wait_for_result(page)
    expect(page.get_by_role("button", name=words("lesson")["run"]["script"])).to_have_count(0)
