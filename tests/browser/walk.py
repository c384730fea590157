"""What a learner does on every lesson, and how it is seen that it is done."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from pages.common.words import words
from tests.browser.conftest import CHART, wait_for_rest

#: Small runs: what is looked at here does not depend on how long a network has trained.
FEW = "seeds=5&student_samples=3000"


def option(name: str, key: str) -> str:
    """Return what a lesson's option says."""
    options = words(name)["predict"]["options"]
    return next(str(each["text"]) for each in options if each["key"] == key)


def predict(page: Page, text: str) -> None:
    """Choose a prediction by its words, lock it in, and wait for what the runs say."""
    page.locator("label").filter(has_text=text).click()
    page.get_by_role("button", name=words("lesson")["lock"]).click()
    wait_for_result(page)


def wait_for_result(page: Page) -> None:
    """Wait until the lesson has its result, with its charts."""
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


def fits_a_phone(page: Page) -> None:
    """Wait until nothing is wider than a phone; until then the test fails."""
    page.wait_for_function(
        """charts => document.querySelector('[data-testid=stMain]').scrollWidth <= 390
        && document.documentElement.scrollWidth <= 390
        && [...document.querySelectorAll(charts)].every(
            chart => chart.getBoundingClientRect().right <= 390)""",
        arg=CHART,
        polling=100,
    )
