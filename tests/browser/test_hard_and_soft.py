"""Hard and soft labels as a learner meets them: a digit chosen, drawn, and looked up on the map."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit


def opened(visit: Visit, app: str, query: str = "", **screen: object) -> Page:
    page = visit(f"{app}/hard_and_soft{query}", **screen)
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


def test_a_drawn_one_is_read_as_a_one_and_clearing_leaves_nothing(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    empty = page.get_by_text("There is nothing to read yet")
    expect(empty).to_be_visible()
    draw(page, (0.5, 0.15), (0.5, 0.85))
    answers = page.locator(".st-key-drawn-answers")
    expect(answers).to_contain_text(re.compile(r"Teacher: 1 \(\d+ % at T = 4\)"))
    expect(page.locator(".st-key-drawn-bars .bar").first).to_be_visible()
    expect(empty).not_to_be_visible()
    clear = page.get_by_role("button", name="Clear")
    clear.focus()
    page.keyboard.press("Enter")
    expect(empty).to_be_visible()
    expect(answers).to_have_count(0)


def test_a_black_square_is_answered_with_a_warning(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    rows = [(x, 0.02 + 0.06 * i) for i in range(17) for x in ((0.0, 1.0), (1.0, 0.0))[i % 2]]
    draw(page, *rows)
    expect(page.get_by_text("Nothing that they learned from looks like this")).to_be_visible()


def test_a_test_image_can_be_put_on_the_board_without_a_pointer(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    button = page.get_by_role("button", name="Put a test image here")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-drawn-answers")).to_contain_text("Teacher: 0")


def test_the_drawing_survives_a_visit_to_another_page(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    draw(page, (0.5, 0.15), (0.5, 0.85))
    expect(page.locator(".st-key-drawn-answers")).to_contain_text("Teacher: 1")
    page.get_by_role("link", name=re.compile("^Lab")).first.click()
    expect(page.get_by_role("heading", name="The Lab")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Hard and soft labels")).first.click()
    expect(page.locator(".st-key-drawn-answers")).to_contain_text("Teacher: 1")
    inked = "canvas => canvas.getContext('2d').getImageData(160, 160, 1, 1).data[3]"
    expect(page.locator(".drawing canvas")).to_be_visible()
    assert page.locator(".drawing canvas").evaluate(inked) == 255


def test_the_bars_of_the_panels_move_with_t_and_those_at_a_fixed_t_do_not(
    app: str, visit: Visit
) -> None:
    page = opened(visit, app)
    rows = page.locator(".st-key-panel-temperature .row[data-who]")
    expect(rows).to_have_count(3)
    before = [row.locator(".value").all_inner_texts() for row in rows.all()]
    page.get_by_role("slider", name="Temperature T").press("End")
    expect(page.locator(".st-key-panel-temperature .temperature")).to_have_text("20.0")
    after = [row.locator(".value").all_inner_texts() for row in rows.all()]
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert after[1] == after[2] == before[2]


def test_another_digit_changes_all_three_panels(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    page.get_by_role("button", name="digit 5").click()
    page.wait_for_url(re.compile("digit=41"))
    for panel in ("chain", "hard_soft", "temperature"):
        expect(page.locator(f".st-key-panel-{panel} .axis .true-class")).to_have_text("5")
    expect(page.get_by_alt_text("Test image: a handwritten 5")).to_be_visible()


def test_a_click_on_the_map_shows_the_images_behind_the_cell(app: str, visit: Visit) -> None:
    page = opened(visit, app)
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


def test_a_link_brings_the_cell_along(app: str, visit: Visit) -> None:
    page = opened(visit, app, "?v=1&temperature=8&true_class=9&look_alike=3")
    expect(page.get_by_alt_text(re.compile("A 9; the teachers give .* to 3"))).to_have_count(10)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_nothing_is_cut_off(app: str, visit: Visit, theme: str) -> None:
    page = opened(visit, app, width=390, height=844, theme=theme)
    overflow = "document.querySelector('[data-testid=stMain]').scrollWidth"
    assert page.evaluate(overflow) <= 390
    for part in (".drawing canvas", ".chain"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
