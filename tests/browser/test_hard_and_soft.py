"""Hard and soft labels as a learner meets them: a digit chosen, drawn, and looked up on the map."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import GoOn, wait_for_rest
from tests.browser.walk import fits_a_phone


def opened(go_on: GoOn, query: str, **screen: object) -> Page:
    page = go_on("hard_and_soft", query, **screen)
    expect(page.locator(".st-key-similarity .js-plotly-plot")).to_be_visible()
    return page


def draw(page: Page, *points: tuple[float, float]) -> None:
    """Draw one stroke, in shares of the board."""
    board = page.locator(".drawing canvas")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def test_a_digit_is_drawn_and_stays_until_it_is_cleared(go_on: GoOn) -> None:
    page = opened(go_on, "?v=1")
    empty = page.get_by_text("There is nothing to read yet")
    expect(empty).to_be_visible()
    draw(page, (0.5, 0.15), (0.5, 0.85))
    answers = page.locator(".st-key-drawn-answers")
    expect(answers).to_contain_text(re.compile(r"Teacher: 1 \(\d+ % at T = 4\)"))
    expect(page.locator(".st-key-drawn-bars .bar").first).to_be_visible()
    expect(empty).not_to_be_visible()
    # A visit to another page leaves it there.
    page.get_by_role("link", name=re.compile("^Lab")).first.click()
    expect(page.get_by_role("heading", name="The Lab")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Hard and soft labels")).first.click()
    expect(answers).to_contain_text("Teacher: 1")
    wait_for_rest(page, "hard_and_soft")
    inked = "canvas => canvas.getContext('2d').getImageData(160, 160, 1, 1).data[3]"
    expect(page.locator(".drawing canvas")).to_be_visible()
    assert page.locator(".drawing canvas").evaluate(inked) == 255
    clear = page.get_by_role("button", name="Clear")
    clear.focus()
    page.keyboard.press("Enter")
    expect(empty).to_be_visible()
    expect(answers).to_have_count(0)
    # Without a pointer a test image can be put on the board.
    page.get_by_role("button", name="Put a test image here").focus()
    page.keyboard.press("Enter")
    expect(answers).to_contain_text("Teacher: 0")
    # What is no digit is answered with a warning.
    clear.click()
    expect(answers).to_have_count(0)
    rows = [(x, 0.02 + 0.06 * i) for i in range(17) for x in ((0.0, 1.0), (1.0, 0.0))[i % 2]]
    draw(page, *rows)
    expect(page.get_by_text("Nothing that they learned from looks like this")).to_be_visible()


def test_the_bars_move_with_t_and_with_the_digit_and_the_map_with_a_click(
    go_on: GoOn,
) -> None:
    page = opened(go_on, "?v=1&temperature=4&true_class=1&look_alike=8")
    rows = page.locator(".st-key-panel-temperature .row[data-who]")
    expect(rows).to_have_count(3)
    before = [row.locator(".value").all_inner_texts() for row in rows.all()]
    slider = page.get_by_role("slider", name="Temperature T")
    slider.press("End")
    expect(rows.locator(".name")).to_have_text(["at T = 1.0", "at your T = 20.0", "at T = 20.0"])
    # One large T under bars of three would say that all have it.
    expect(page.locator(".st-key-panel-temperature .temperature")).to_be_hidden()
    expect(page.locator(".st-key-panel-chain .temperature")).to_have_text("20.0")
    after = [row.locator(".value").all_inner_texts() for row in rows.all()]
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert after[1] == after[2] == before[2]
    page.get_by_role("button", name="digit 5").click()
    page.wait_for_url(re.compile("digit=41"))
    for panel in ("chain", "hard_soft", "temperature"):
        expect(page.locator(f".st-key-panel-{panel} .axis .true-class")).to_have_text("5")
    expect(page.get_by_alt_text("Test image: a handwritten 5")).to_be_visible()
    a_click_on_the_map_shows_the_images_behind_the_cell(page)


def a_click_on_the_map_shows_the_images_behind_the_cell(page: Page) -> None:
    expect(page.get_by_alt_text(re.compile("A 1; the teachers give .* to 8"))).to_have_count(10)
    plot = page.locator(".st-key-similarity .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    first, second, *_ = page.locator(".st-key-similarity .js-plotly-plot").evaluate(
        "plot => plot.layout.xaxis.ticktext"
    )
    page.mouse.click(box["x"] + 0.15 * box["width"], box["y"] + 0.05 * box["height"])
    page.wait_for_url(re.compile(f"true_class={first}&look_alike={second}"))
    behind = re.compile(f"A {first}; the teachers give .* to {second}")
    expect(page.get_by_alt_text(behind)).to_have_count(10)


def test_a_link_brings_the_cell_along_and_on_a_phone_nothing_is_cut_off(
    go_on: GoOn,
) -> None:
    address = "?v=1&temperature=8&true_class=9&look_alike=3"
    page = opened(go_on, address, width=390, height=844, theme="dark")
    expect(page.get_by_alt_text(re.compile("A 9; the teachers give .* to 3"))).to_have_count(10)
    fits_a_phone(page)
    for part in (".drawing canvas", ".chain"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
