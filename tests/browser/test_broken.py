"""The exam: one case answered wrong, answered right, and still there after a reload."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from kdcore.broken.recipes import BUGS
from kdcore.experiments.broken import CASES
from pages.common.words import words
from tests.browser.conftest import GoOn, wait_for_rest
from tests.browser.walk import fits_a_phone

TEXT = words("broken")
FEW = "v=1&seeds=5"


def suspect(page: Page, name: str) -> None:
    page.get_by_text(TEXT["suspects"][name]["text"], exact=True).click()
    page.get_by_role("button", name=TEXT["ask"]["lock"]).click()


def test_a_case_is_answered_wrong_then_right_and_a_reload_finds_the_score(go_on: GoOn) -> None:
    page = go_on("broken", f"?{FEW}&case=2")
    wrong, bug = CASES[0], CASES[1]
    names, symptom = TEXT["evidence"]["names"], TEXT["symptom"]["heading"]
    expect(page.locator(".st-key-results .provenance")).to_be_visible()
    assert names["healthy"] not in page.locator('[data-testid="stMain"]').inner_text()

    suspect(page, wrong)
    expect(page.get_by_text(TEXT["suspects"][wrong]["feedback"])).to_be_visible()
    expect(page.get_by_text(symptom)).to_have_count(0)

    suspect(page, bug)
    expect(page.get_by_text(symptom)).to_be_in_viewport()
    expect(page.locator(".st-key-verdict table")).to_contain_text(names["healthy"])
    score = TEXT["score"]["text"].format(found=1, cases=len(CASES), first=0).replace("**", "")
    expect(page.locator(".st-key-exam-head")).to_contain_text(score)
    assert "case=2" in page.url
    assert not any(name in page.url for name in BUGS)

    # A setting changes the run, and the symptom is measured anew.
    wait_for_rest(page)
    before = page.locator(".st-key-verdict table").inner_text()
    page.get_by_role("button", name=TEXT["cases"][bug]["button"], exact=True).click()
    expect(page.locator(".st-key-verdict table")).not_to_have_text(before, use_inner_text=True)
    page.get_by_role("button", name=TEXT["again"]["next"]).click()
    expect(page.locator(".st-key-exam-head")).to_be_in_viewport()
    expect(page.get_by_text(symptom)).to_have_count(0)

    page.wait_for_function("localStorage.getItem('dark-knowledge-lab.visit')?.includes('broken-2')")
    page.reload()
    expect(page.locator(".st-key-exam-head")).to_contain_text(score)
    page.get_by_text(TEXT["case"]["found"].format(case=2)).click()
    expect(page.get_by_text(symptom)).to_be_visible()


def test_the_exam_fits_a_phone(go_on: GoOn) -> None:
    page = go_on("broken", f"?{FEW}&case=3", width=390, height=844, theme="dark")
    expect(page.locator(".st-key-results .provenance")).to_be_visible()
    page.get_by_role("button", name=TEXT["ask"]["reveal"]).click()
    expect(page.get_by_text(TEXT["symptom"]["heading"])).to_be_visible()
    fits_a_phone(page)
