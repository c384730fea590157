"""The runs of a visit, and what they say of the six claims."""

from __future__ import annotations

import csv
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from kdcore.visit.evidence import CLAIMS
from pages.common.words import words
from tests.browser.conftest import GO, GoOn, Theme, Visit, look_at, wait_for_rest
from tests.browser.walk import FEW, fits_a_phone, wait_for_result

runs, claims = words("my_runs"), words("takeaways")

#: What was run and deleted does not come back by itself; so these are runs that no other test has.
OWN = f"{FEW}&first_seed=9"

THEMES: tuple[Theme, ...] = ("light", "dark")


def go(page: Page, name: str) -> None:
    """Go to another page by the sidebar, in the same visit."""
    nav = page.locator(".st-key-way")
    # Behind its name a link says how long the page takes, or that it is done.
    menu = nav.get_by_role("link", name=re.compile("^" + re.escape(words(name)["menu"])))
    unfold = page.get_by_test_id("stExpandSidebarButton")
    expect(menu.or_(unfold).first).to_be_visible()
    if unfold.is_visible():
        unfold.click()
    menu.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(words(name)["title"])


def count(page: Page, tested: int) -> None:
    text = claims["count"].format(tested=tested, claims=len(CLAIMS))
    said = page.get_by_test_id("stSidebar").get_by_text(text, exact=True)
    expect(said.filter(visible=True)).to_be_visible()


def card(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-claim-{name}")


def listed(page: Page) -> list[dict[str, str]]:
    """Return the runs as the page gives them away, one line a condition."""
    with page.expect_download() as download:
        page.get_by_role("button", name=runs["manage"]["download"]).click()
    with download.value.path().open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def delete(page: Page, name: str) -> None:
    """Delete the oldest run of an experiment."""
    choice = page.get_by_role("combobox", name=runs["manage"]["choose"], exact=True)
    option = page.get_by_role("option").filter(has_text=name).last
    for _ in range(20):
        choice.press("ArrowDown")  # the page may still be drawn anew, and take the list away
        page.wait_for_timeout(300)
        if option.is_visible():
            break
    option.click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=runs["manage"]["delete"], exact=True).click()


def kept(page: Page, number: int) -> None:
    expect(page.get_by_text(f"Runs: {number}.")).to_be_visible()


def run(page: Page, name: str, query: str = "") -> None:
    """Go to a lesson by an address, in the same visit, and take its run without a prediction."""
    app = page.url.split("?")[0].rsplit("/", 1)[0]
    page.evaluate(GO, f"{app}/{name}?v=1&{OWN}&prediction={query}")
    wait_for_rest(page, name)
    page.get_by_role("button", name=words("lesson")["skip"]).click()
    wait_for_result(page)


@pytest.fixture
def nothing_run(go_on: GoOn) -> Page:
    """My runs, without any."""
    page = go_on("my_runs")
    clear = page.get_by_role("button", name=runs["manage"]["clear"])
    empty = page.get_by_text(runs["empty"])
    expect(clear.or_(empty).first).to_be_visible()
    if clear.is_visible():
        clear.click()
        page.get_by_role("button", name=runs["manage"]["clear_yes"]).click()
    expect(empty).to_be_visible()
    return page


def test_runs_of_all_pages_are_listed_compared_and_deleted_and_nobody_elses(
    app: str, nothing_run: Page, go_on: GoOn, other: Visit
) -> None:
    page = go_on("temperature", f"?v=1&{OWN}&prediction=low")
    wait_for_result(page)
    count(page, 1)
    run(page, "balance")
    count(page, 2)
    go(page, "my_runs")
    kept(page, 2)
    rows = listed(page)
    assert {row["experiment"] for row in rows} == {"temperature", "balance"}
    predicted = {o["key"]: o["text"] for o in words("temperature")["predict"]["options"]}
    assert rows[0]["prediction"] == predicted["low"]
    assert rows[0]["outcome"] in predicted.values()
    another_visitor_has_only_runs_of_their_own(other(f"{app}/my_runs"))
    expect(page.get_by_text("Paired over 5 seeds")).to_be_visible()
    differing = runs["compare"]["differing"].strip("*")
    expect(page.get_by_text(differing, exact=True)).to_be_visible()
    page.get_by_role("link", name=runs["compare"]["reopen"]).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(words("temperature")["title"])
    page.wait_for_url(re.compile("seeds=5.*prediction=low"))
    go(page, "my_runs")
    kept(page, 2)
    delete(page, words("balance")["experiments"]["balance"]["name"])
    kept(page, 1)
    count(page, 1)
    # Looking at the page of a deleted run does not bring it back; another setting is another run.
    go(page, "balance")
    wait_for_result(page)
    go(page, "my_runs")
    kept(page, 1)
    page.get_by_role("button", name=runs["manage"]["clear"]).click()
    page.get_by_role("button", name=runs["manage"]["clear_yes"]).click()
    expect(page.get_by_text(runs["empty"])).to_be_visible()
    count(page, 0)


def another_visitor_has_only_runs_of_their_own(another: Page) -> None:
    expect(another.get_by_text(runs["empty"])).to_be_visible()
    count(another, 0)
    go(another, "lab")
    expect(another.locator(".cards .big").first).not_to_have_text("–")
    go(another, "my_runs")
    kept(another, 1)
    assert {row["experiment"] for row in listed(another)} == {"lab"}


def test_a_claim_is_tested_answered_and_printed(nothing_run: Page, go_on: GoOn) -> None:
    page = go_on("takeaways")
    expect(page.locator(".claim")).to_have_count(len(CLAIMS))
    a_claim_is_tested_by_its_button(page)
    it_counts_when_its_question_is_answered_and_the_answer_is_kept(page)
    for theme in THEMES:
        it_looks_right_on_paper(page, theme)
    both_pages_fit_a_phone(page)
    without_the_run_there_is_no_verdict(page)


def a_claim_is_tested_by_its_button(page: Page) -> None:
    factor = card(page, "factor")
    expect(factor.locator(".claim .verdict")).to_have_text(claims["verdicts"]["none"])
    factor.get_by_role("button", name=claims["buttons"]["run"]).click()
    expect(factor.locator(".claim .verdict")).to_have_text(re.compile(r"Your one run on it: "))
    expect(factor.get_by_role("cell", name=re.compile(r"±")).first).to_be_visible()
    expect(factor.get_by_role("button", name=claims["buttons"]["ran"])).to_be_disabled()
    expect(page.get_by_role("button", name=claims["summary"]["all"])).to_be_enabled()
    count(page, 0)


def it_counts_when_its_question_is_answered_and_the_answer_is_kept(page: Page) -> None:
    factor, lesson = card(page, "factor"), words("anatomy")
    chosen, *others = lesson["claims"]["factor"]["answers"]
    factor.locator("label").filter(has_text=chosen["text"]).click()
    expect(factor).to_contain_text(chosen["feedback"])
    for other in others:
        expect(factor).not_to_contain_text(other["feedback"])
    count(page, 1)
    go(page, "my_runs")
    kept(page, 1)
    go(page, "takeaways")
    expect(factor).to_contain_text(chosen["feedback"])


def it_looks_right_on_paper(page: Page, theme: Theme) -> None:
    look_at(page, theme=theme)
    wait_for_rest(page, "takeaways")
    page.emulate_media(media="print", color_scheme=theme)
    for absent in ("stSidebar", "stButton", "stPageLink", "stHeader"):
        for part in page.get_by_test_id(absent).all():
            expect(part).to_be_hidden()
    expect(page.locator(".printed")).to_be_visible()
    expect(page.locator(".claim")).to_have_count(len(CLAIMS))
    ink = page.eval_on_selector_all(
        ".claim .text, .st-key-claim-factor td, [role=radiogroup] label",
        "nodes => [...new Set(nodes.map(node => getComputedStyle(node).color))]",
    )
    assert ink == ["rgb(17, 17, 17)"]
    paper = page.eval_on_selector(
        "[data-testid=stApp]", "node => getComputedStyle(node).backgroundColor"
    )
    assert paper == "rgb(255, 255, 255)"
    # All of it is printed, not only what the window shows.
    assert page.pdf(format="A4").count(b"/Type /Page\n") >= 2


def both_pages_fit_a_phone(page: Page) -> None:
    for theme in THEMES:
        look_at(page, 390, 844, theme)
        fits_a_phone(page)
    go(page, "my_runs")
    expect(page.get_by_text(runs["manage"]["choose"]).first).to_be_visible()
    wait_for_rest(page, "my_runs")
    for theme in THEMES:
        look_at(page, 390, 844, theme)
        fits_a_phone(page)


def without_the_run_there_is_no_verdict(page: Page) -> None:
    look_at(page)
    wait_for_rest(page, "my_runs")
    page.get_by_role("button", name=runs["manage"]["clear"]).click()
    page.get_by_role("button", name=runs["manage"]["clear_yes"]).click()
    expect(page.get_by_text(runs["empty"])).to_be_visible()
    go(page, "takeaways")
    verdict = card(page, "factor").locator(".claim .verdict")
    expect(verdict).to_have_text(claims["verdicts"]["none"])
