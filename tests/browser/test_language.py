"""The lesson on a little language model as a learner meets it: run, listened to, played."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import GoOn, wait_for_rest
from tests.browser.walk import FEW

ADDRESS = f"?v=1&prediction=skipped&{FEW}"


def at(component: Locator) -> int:
    return int(component.get_attribute("data-at") or -1)


def button(component: Locator, name: str) -> Locator:
    return component.get_by_role("button", name=name, exact=True)


def test_both_runs_are_judged_played_and_continued(go_on: GoOn) -> None:
    page = go_on("language", f"{ADDRESS}")
    # Two runs, one after the other.
    expect(page.locator(".st-key-compare")).to_be_visible()
    expect(page.locator(".speculation .call")).to_have_count(2)
    wait_for_rest(page, "language")
    the_sampler_moves_and_can_be_stopped(page)
    a_prompt_is_continued_letter_by_letter_and_another_one_is_taken(page)


def the_sampler_moves_and_can_be_stopped(lesson: Page) -> None:
    for claim in (
        "From few words, soft labels teach more of the language than hard ones.",
        "A student taught by soft labels is the better speller.",
        "A distilled student is the better draft.",
    ):
        expect(lesson.get_by_text(claim)).to_be_visible()
    expect(lesson.get_by_text("by the formula")).to_have_count(2)
    lesson.emulate_media(reduced_motion="no-preference")
    sampler = lesson.locator(".speculation")
    button(sampler, "Play").click()
    expect(sampler).to_have_attribute("data-at", "3")
    button(sampler, "Stop").click()
    stopped = at(sampler)
    lesson.wait_for_timeout(1500)
    assert at(sampler) == stopped
    for draft in sampler.locator(".draft").all():
        expect(draft.locator(".call")).to_have_count(stopped)
        expect(draft.locator(".added")).to_have_count(stopped)
        # A call keeps what it keeps, rejects one at most, and throws the rest away.
        letters = draft.locator(".kept, .rejected, .unread").count()
        assert letters == 4 * stopped
    button(sampler, "One call").click()
    assert at(sampler) == stopped + 1
    button(sampler, "Back").click()
    assert at(sampler) == 0


def a_prompt_is_continued_letter_by_letter_and_another_one_is_taken(lesson: Page) -> None:
    writers = lesson.locator(".writers")
    expect(writers.locator(".row")).to_have_count(3)
    button(writers, "One letter").click()
    expect(writers).to_have_attribute("data-at", "1")
    for row in writers.locator(".row").all():
        assert row.locator(".column").count() == 20
        bars = row.locator(".column").evaluate_all(
            "all => all.map(column => Number(column.style.getPropertyValue('--p')))"
        )
        assert sum(bars) == pytest.approx(1, abs=0.01)
        expect(row.locator(".taken")).to_have_count(1)
    button(writers, "Play").click()
    expect(writers.locator(".verdict")).to_have_count(3)
    expect(button(writers, "Play")).to_be_visible()

    # A letter that nobody knows is said; then another prompt is taken.
    prompt = lesson.get_by_label("Begin a word")
    prompt.fill("qu")
    prompt.press("Enter")
    expect(lesson.get_by_text("Only these letters are known here")).to_be_visible()
    prompt.fill("six h")
    prompt.press("Enter")
    expect(lesson.locator(".writers .prompt").first).to_have_text("six h")


def test_words_of_ones_own_come_with_the_address(go_on: GoOn) -> None:
    page = go_on("language", f"{ADDRESS}&words=10&own_words=anna,bernd,carla,david,emma")
    expect(page.locator(".st-key-compare")).to_be_visible()
    expect(page.get_by_text("there are 5")).to_be_visible()
    names = page.locator(".written section").first.locator("li").all_inner_texts()
    assert set(names) & {"anna", "bernd", "carla", "david", "emma"}
