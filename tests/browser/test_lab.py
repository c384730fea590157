"""The Lab as a learner meets it: opened by its address, dragged, changed, on any screen."""

from __future__ import annotations

import math
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from kdcore.experiments.lab import LabSettings, lab
from kdcore.losses import entropy, soft_labels
from tests.browser.conftest import GoOn, Visit, look_at, wait_for_rest
from tests.browser.walk import fits_a_phone


def wait_for_result(page: Page) -> None:
    """Wait until the figures on screen belong to the settings on screen."""
    expect(page.locator(".cards:not(.stale) .gain .number")).to_be_visible()
    expect(page.locator(".live-bars:not(.stale):not(.empty)")).to_be_visible()


def accuracy(page: Page, who: str) -> str:
    return page.locator(f'.accuracy[data-who="{who}"] .big').inner_text()


def bars(page: Page, who: str) -> list[str]:
    return page.locator(f'.row[data-who="{who}"] .value').all_inner_texts()


def shown_entropy(page: Page, who: str) -> float:
    text = page.locator(f'.row[data-who="{who}"] .entropy').inner_text()
    return float(text.removeprefix("entropy "))


def table_row(page: Page, row: int) -> list[float]:
    cells = page.locator(".live-bars tbody tr").nth(row).locator("td").all_text_contents()
    return [float(cell.removesuffix(" %")) for cell in cells]


def temperature_slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Temperature T")


def drag_temperature(page: Page, share: float, release: bool = True) -> None:
    box = temperature_slider(page).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + share * box["width"], y, steps=5)
    if release:
        page.mouse.up()


def press(page: Page, slider: str, key: str) -> None:
    page.get_by_role("slider", name=slider).press(key)


def settled(page: Page, part: Locator) -> float:
    """Return where something stands once styles and components have come."""
    expect(page.locator(".live-bars")).to_be_visible()
    places: list[float] = []
    while len(places) < 2 or places[-1] != places[-2]:
        page.wait_for_timeout(250)
        box = part.bounding_box()
        assert box is not None
        places.append(box["y"])
    return places[-1]


def test_the_lab_opens_cold_by_its_own_address_and_nothing_jumps(
    cold_app: str, visit: Visit
) -> None:
    # Streamlit runs the page without the app's own script then; tests/test_pages.py does so with
    # each of them.
    page = visit(f"{cold_app}/lab?v=1&temperature=9&student_hidden=16")
    heading = page.get_by_text("How soft are the teacher's labels?")
    expect(heading).to_be_visible()
    before = settled(page, heading)
    wait_for_result(page)
    assert abs(settled(page, heading) - before) <= 12
    assert temperature_slider(page).input_value() == "9"
    assert "student_hidden=16" in page.url
    assert float(accuracy(page, "teacher")) > 90


def test_a_visit_to_the_lab(app: str, visit: Visit) -> None:
    page = visit(f"{app}/lab")
    wait_for_result(page)
    wait_for_rest(page, "lab")
    all_is_on_the_first_screen(page)
    each_chart_has_its_table_and_its_text(page)
    dragging_t_moves_the_bars_before_the_slider_is_released(page)
    arrow_keys_move_t(page)
    the_hardest_digit_can_be_chosen(page)
    another_teacher_width_trains_other_teachers(page)
    without_the_teachers_voice_there_is_no_difference(page)
    quick_changes_are_all_kept(page)
    what_t_is_for_is_said_to_pointer_and_keyboard(page)
    on_a_phone_in_the_dark_nothing_is_cut_off(page)
    on_a_phone_the_knobs_the_bars_and_the_result_are_one_screen(page)
    what_t_is_for_is_said_to_a_finger(page)


def each_chart_has_its_table_and_its_text(page: Page) -> None:
    charts = page.locator('[data-testid="stPlotlyChart"]')
    expect(charts).to_have_count(2)
    expect(page.get_by_label(re.compile("entropy of the teacher's soft labels"))).to_have_count(1)
    expect(page.get_by_label(re.compile("Line chart of test accuracy"))).to_have_count(1)
    expect(page.get_by_text("Table", exact=True)).to_have_count(3)


def dragging_t_moves_the_bars_before_the_slider_is_released(page: Page) -> None:
    before, sure = bars(page, "teacher"), shown_entropy(page, "teacher")
    drag_temperature(page, 0.9, release=False)
    expect(page.locator(".live-bars .temperature")).not_to_have_text("4.0")
    assert bars(page, "teacher") != before
    assert sure < shown_entropy(page, "teacher") < math.log(10)
    assert "temperature=4" in page.url, "the server need not hear of T while it is dragged"
    distilled = accuracy(page, "distilled")
    page.mouse.up()
    expect(page.locator('.accuracy[data-who="distilled"] .big')).not_to_have_text(distilled)
    wait_for_result(page)
    assert "temperature=4" not in page.url


def arrow_keys_move_t(page: Page) -> None:
    here = float(temperature_slider(page).input_value())
    press(page, "Temperature T", "ArrowLeft")
    press(page, "Temperature T", "ArrowLeft")
    page.wait_for_url(re.compile(f"temperature={here - 1:g}&"))
    expect(temperature_slider(page)).to_have_attribute("aria-valuetext", f"T = {here - 1:.1f}")
    wait_for_result(page)


def the_hardest_digit_can_be_chosen(page: Page) -> None:
    before = bars(page, "teacher")
    page.get_by_role("button", name="hardest").click()
    page.wait_for_url(re.compile(r"digit=(?!755)\d+"))
    assert bars(page, "teacher") != before


def another_teacher_width_trains_other_teachers(page: Page) -> None:
    teacher, student = accuracy(page, "teacher"), accuracy(page, "distilled")
    hard = accuracy(page, "hard")
    press(page, "Teacher layers", "Home")
    page.wait_for_url(re.compile("teacher_hidden=8&"))
    expect(page.locator('.accuracy[data-who="teacher"] .big')).not_to_have_text(teacher)
    wait_for_result(page)
    assert float(accuracy(page, "teacher")) < float(teacher)
    assert accuracy(page, "distilled") != student
    assert accuracy(page, "hard") == hard, "the hard-label student has no teacher"


def without_the_teachers_voice_there_is_no_difference(page: Page) -> None:
    press(page, "Balance α", "End")
    page.wait_for_url(re.compile("alpha=1&"))
    expect(page.locator(".gain .verdict")).to_contain_text("makes no clear difference: +0.0 ± 0.0")
    assert accuracy(page, "distilled") == accuracy(page, "hard")


def quick_changes_are_all_kept(page: Page) -> None:
    press(page, "Temperature T", "PageUp")
    press(page, "Balance α", "Home")
    page.wait_for_url(re.compile("alpha=0&"))
    wait_for_result(page)
    wait_for_rest(page, "lab")
    temperature = re.search(r"temperature=[\d.]+", page.url)
    assert temperature is not None
    # Faster than the address bar follows: each comes with an address that is out of date.
    for slider in ("Balance α", "Teacher layers", "Balance α", "Balance α", "Teacher layers"):
        press(page, slider, "ArrowRight")
    page.wait_for_url(re.compile(r"alpha=0\.15&teacher_hidden=32&"))
    wait_for_result(page)
    wait_for_rest(page, "lab")
    assert "alpha=0.15&teacher_hidden=32&" in page.url
    assert f"{temperature[0]}&" in page.url


def on_a_phone_in_the_dark_nothing_is_cut_off(page: Page) -> None:
    look_at(page, 390, 844, "dark")
    fits_a_phone(page)
    boxes = [part.bounding_box() for part in parts(page)]
    tops = [box["y"] for box in boxes if box is not None]
    assert len(tops) == len(boxes)
    assert tops == sorted(tops)
    for box in (boxes[0], *boxes[3:]):
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def on_a_phone_the_knobs_the_bars_and_the_result_are_one_screen(page: Page) -> None:
    in_short = page.locator(".short")
    expect(in_short).to_be_in_viewport(ratio=1)  # already where the page begins
    knobs = page.locator(".st-key-controls")
    knobs.evaluate("knobs => knobs.scrollIntoView()")
    main = "document.querySelector('[data-testid=stMain]')"
    page.evaluate(f"{main}.scrollBy(0, -60)")  # what stays at the top of a phone
    boxes = [part.bounding_box() for part in (knobs, page.locator(".live-bars .rows"), in_short)]
    edges = [edge for box in boxes if box for edge in (box["y"], box["y"] + box["height"])]
    assert edges == sorted(edges), "the result stands over no bar"
    assert edges[0] >= 59 and edges[-1] <= 844
    expect(in_short).to_contain_text(page.locator(".gain .number").inner_text())


def what_t_is_for_is_said_to_pointer_and_keyboard(page: Page) -> None:
    said, sign = page.locator(".slider .said"), page.locator(".slider .help")
    expect(said).to_be_hidden()
    sign.hover()
    expect(said).to_be_visible()
    page.mouse.move(0, 0)
    expect(said).to_be_hidden()
    temperature_slider(page).focus()
    page.keyboard.press("Shift+Tab")
    expect(sign).to_be_focused()
    expect(said).to_contain_text("softmax")
    expect(said).to_be_visible()
    page.keyboard.press("Escape")
    expect(said).to_be_hidden()
    page.keyboard.press("Tab")


def what_t_is_for_is_said_to_a_finger(page: Page) -> None:
    said, sign = page.locator(".slider .said"), page.locator(".slider .help")
    for shown in (True, False):
        # As a finger does it: it leaves before its tap counts.
        for event in ("pointerdown", "pointerup", "pointerleave"):
            sign.dispatch_event(event, {"pointerType": "touch"})
        sign.dispatch_event("click")
        expect(said).to_be_visible(visible=shown)


def all_is_on_the_first_screen(page: Page) -> None:
    for part in parts(page):
        box = part.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800


def parts(page: Page) -> list[Locator]:
    """Return what belongs on the first screen, from top to bottom."""
    return [
        temperature_slider(page),
        page.get_by_role("slider", name="Balance α"),
        page.get_by_role("slider", name="Teacher layers"),
        page.locator(".live-bars .rows"),
        page.locator(".cards"),
    ]


def test_a_link_reopens_the_same_run_and_its_bars_are_the_soft_labels_of_the_engine(
    go_on: GoOn, visit: Visit
) -> None:
    query = "?v=1&temperature=8.5&alpha=0.1&teacher_hidden=256&labels=100&digit=41"
    page = go_on("lab", f"{query}&student_hidden=32")
    wait_for_result(page)
    page.locator(".live-bars summary").click()
    settings = LabSettings(temperature=8.5, alpha=0.1, labels=100)
    logits = lab(settings).example_logits
    for row, who in ((1, "teacher"), (2, "hard"), (3, "distilled")):
        expected = soft_labels(logits[who][41:42], 8.5)[0]
        *shown, nats = table_row(page, row)
        assert shown == pytest.approx((100 * expected).tolist(), abs=0.006)
        assert nats == pytest.approx(entropy(expected).item(), abs=6e-4)
    measured = [accuracy(page, who) for who in ("teacher", "hard", "distilled")]
    said = bars(page, "teacher")
    again = visit(page.url)
    wait_for_result(again)
    assert [accuracy(again, who) for who in ("teacher", "hard", "distilled")] == measured
    assert bars(again, "teacher") == said
    expect(again.locator('.thumbnails [aria-pressed="true"]')).to_have_attribute("data-index", "41")


def test_nonsense_in_the_address_is_clamped_with_a_note(go_on: GoOn) -> None:
    nonsense = "v=7&temperature=1e9&alpha=abc&teacher_hidden=nan&labels=-3&digit=99999&x=1"
    nonsense += "&student_hidden=32"
    page = go_on("lab", f"?{nonsense}")
    wait_for_result(page)
    note = page.locator('[data-testid="stAlert"]')
    for said in (
        "v=7",
        "temperature=1e9",
        "alpha=abc",
        "teacher_hidden=nan",
        "labels=-3",
        "x in the address",
    ):
        expect(note).to_contain_text(said)
    assert "temperature=20&alpha=0.3&teacher_hidden=256&student_hidden=32&labels=20" in page.url
    press(page, "Balance α", "ArrowRight")
    page.wait_for_url(re.compile(r"alpha=0\.35&"))
    expect(note).to_have_count(0)
