"""Distillation today, as a learner meets it: noise, inputs, and pens that can be stopped."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from pages.common.words import words
from tests.browser.conftest import GoOn, look_at
from tests.browser.walk import fits_a_phone, wait_for_result

PEN = words("on_policy")["pens"]["words"]
FEW = "v=1&seeds=5&prediction=skipped"


def points_drawn(page: Page) -> list[int]:
    """Return how many places each pen has been at."""
    count: list[int] = page.eval_on_selector_all(
        ".pen .path", "paths => paths.map(p => p.getAttribute('points').split(' ').length)"
    )
    return count


def switch(page: Page, name: str) -> None:
    page.get_by_test_id("stCheckbox").get_by_text(name).click()


def test_the_pens_draw(go_on: GoOn) -> None:
    page = go_on("on_policy", f"?{FEW}&steps=500", still=False)
    wait_for_result(page)
    they_draw_together_and_can_be_stopped(page)
    look_at(page, 390, 844)
    a_click_puts_them_there_and_less_motion_gets_the_whole_drawing(page)


def they_draw_together_and_can_be_stopped(page: Page) -> None:
    assert points_drawn(page) == [1, 1, 1, 1]
    button = page.locator(".pen button")
    button.click()
    expect(button).to_have_text(PEN["stop"])
    moved = re.compile(r"(\S+ ){5,}")
    expect(page.locator(".pen .path").first).to_have_attribute("points", moved)
    button.click()
    expect(button).to_have_text(PEN["draw"])
    stopped = points_drawn(page)
    assert len(set(stopped)) == 1
    assert 5 < stopped[0] < 61
    page.wait_for_timeout(300)
    assert points_drawn(page) == stopped


def a_click_puts_them_there_and_less_motion_gets_the_whole_drawing(page: Page) -> None:
    plane = page.locator(".pen svg").first
    box = plane.bounding_box()
    assert box is not None
    plane.click(position={"x": box["width"] * 0.9, "y": box["height"] / 2})
    expect(page.locator(".pen output")).to_have_text(re.compile(r"1\.7[0-9]"))
    assert points_drawn(page) == [61, 61, 61, 61]
    expect(page.locator(".pen .said")).not_to_be_empty()
    fits_a_phone(page)


def test_noise_stands_beside_the_digits_and_can_be_taken_apart(go_on: GoOn) -> None:
    text = words("secret_in_noise")
    page = go_on("secret_in_noise", f"?{FEW}&student_samples=3000")
    wait_for_result(page)
    expect(page.get_by_role("img", name=text["pictures"]["noise_image"])).to_have_count(8)
    expect(page.get_by_role("img", name=re.compile("^A handwritten"))).to_have_count(8)
    claims = page.locator(".claim").count()
    switch(page, text["parts"]["switch"])
    expect(page.locator(".claim")).to_have_count(claims + 1)


def test_images_are_invented_on_request(go_on: GoOn) -> None:
    text = words("without_data")
    page = go_on("without_data", f"?{FEW}&student_samples=3000&steps=1")
    wait_for_result(page)
    invented = page.get_by_role("img", name=re.compile("^The image invented for the digit"))
    expect(invented).to_have_count(0)
    switch(page, text["invented"]["switch"])
    expect(page.get_by_text(text["invented"]["film"])).to_be_visible()
    expect(invented).to_have_count(10)
