"""One example taken apart, as a learner does it: step, play, pause, reset, other logits."""

from __future__ import annotations

import re

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from kdcore.views.anatomy import Example, descend, loss_of
from pages.common.words import words
from tests.browser.conftest import GoOn, look_at, wait_for_rest
from tests.browser.walk import fits_a_phone

TEACHER = (0, 1, 2, 8, -2, 4, 0, 1, 5, 2)
STUDENT = (1, 0, -1, 2, 0.5, 3, 0, -2, 1, 0)
BY_HAND = (
    f"?v=1&source=hand&label=2&teacher_logits={','.join(map(str, TEACHER))}"
    f"&student_logits={','.join(map(str, STUDENT))}"
)

#: Counts what the page says to the server from now on.
LISTEN = """() => {
  const send = WebSocket.prototype.send
  window.sent = 0
  WebSocket.prototype.send = function (...message) { window.sent += 1; send.apply(this, message) }
}"""


def opened(go_on: GoOn, query: str) -> Page:
    page = go_on("anatomy", query)
    expect(stepper(page)).to_have_attribute("data-step", "0")
    expect(page.locator(".st-key-sizes .js-plotly-plot")).to_be_visible()
    return page


def stepper(page: Page) -> Locator:
    return page.locator(".stepper")


def button(page: Page, name: str) -> Locator:
    return stepper(page).get_by_role("button", name=name, exact=True)


def steps(page: Page) -> int:
    return int(stepper(page).get_attribute("data-step") or "-1")


def loss(page: Page) -> float:
    found = re.search(r"loss ([\d.]+)", page.locator(".stepped").inner_text())
    assert found is not None
    return float(found[1])


def students_logits(page: Page) -> list[float]:
    return [float(z) for z in (stepper(page).get_attribute("data-logits") or "").split(",")]


def longest_arrow(page: Page, who: str) -> float:
    """Return the height in pixels of the longest arrow in somebody's colour."""
    script = "(lines) => Math.max(0, ...lines.map((line) => line.getBBox().height))"
    height: float = page.locator(f".pulls .line[style*='{who}']").evaluate_all(script)
    return height


def test_an_example_of_the_lab_is_taken_apart(go_on: GoOn) -> None:
    page = opened(go_on, "?v=1")
    a_step_moves_the_logits_downhill_and_reset_restores_them(page)
    play_steps_by_itself_until_it_is_paused_and_says_nothing_to_the_server(page)
    another_alpha_does_not_start_anew_and_another_digit_does(page)
    logits_can_be_set_by_hand_and_nonsense_changes_nothing(page)
    the_code_beside_it_is_the_engines(page)


def a_step_moves_the_logits_downhill_and_reset_restores_them(page: Page) -> None:
    before, high = students_logits(page), loss(page)
    assert before == [0.0] * 10
    button(page, "Step").click()
    expect(page.locator(".stepped strong")).to_have_text("step 1")
    assert loss(page) < high
    moved = students_logits(page)
    assert moved[8] > 0.5
    assert abs(sum(moved)) < 1e-3
    # Some steps later the two differ most on another class: the line stays with its own.
    for _ in range(13):
        button(page, "Step").click()
        assert page.locator(".stepper .note").inner_text().startswith("Class 8, ")
    button(page, "Reset").click()
    expect(page.locator(".stepped strong")).to_have_text("step 0")
    assert loss(page) == high
    assert students_logits(page) == before


def play_steps_by_itself_until_it_is_paused_and_says_nothing_to_the_server(page: Page) -> None:
    page.emulate_media(reduced_motion="no-preference")
    wait_for_rest(page)
    page.evaluate(LISTEN)
    button(page, "Play").click()
    expect(page.locator(".stepped strong")).to_have_text(re.compile(r"step ([4-9]|\d\d+)"))
    expect(button(page, "Step")).to_be_disabled()
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()
    stood = steps(page)
    page.wait_for_timeout(600)  # two steps would have been taken
    assert steps(page) == stood
    assert page.evaluate("window.sent") == 0
    look_at(page)


def another_alpha_does_not_start_anew_and_another_digit_does(page: Page) -> None:
    stood = steps(page)
    assert stood > 0
    page.get_by_role("slider", name="Balance α").press("ArrowRight")
    page.wait_for_url(re.compile(r"alpha=0\.35"))
    expect(page.locator(".stepped")).to_contain_text("0.35 · ")
    assert steps(page) == stood
    page.get_by_role("button", name="digit 5").click()
    expect(page.locator(".stepped strong")).to_have_text("step 0")


def logits_can_be_set_by_hand_and_nonsense_changes_nothing(page: Page) -> None:
    wait_for_rest(page)
    page.get_by_text("By hand", exact=True).click()
    field = page.get_by_role("textbox", name="Student's logits")
    field.fill("1, 2, 3, 4, 5, 6, 7, 8, 9, 10")
    field.press("Enter")
    page.wait_for_url(re.compile("student_logits=1"))
    expect(page.locator(".stepped strong")).to_have_text("step 0")
    expect(stepper(page)).to_have_attribute("data-logits", re.compile(r",10\.000000$"))
    field.fill("1, 2, three")
    field.press("Enter")
    expect(page.get_by_text("must be 10 numbers from −50 to 50")).to_be_visible()
    assert students_logits(page)[9] == 10


def the_code_beside_it_is_the_engines(page: Page) -> None:
    page.get_by_text(words("anatomy")["code"]["heading"]).first.click()
    expect(page.get_by_text("kl_divergence(teacher_logits.detach()").first).to_be_attached()
    page.get_by_role("tab", name="soft_gradient").click()
    expect(page.get_by_text("difference.mul_(temperature)").first).to_be_visible()


def test_logits_come_with_a_link_and_are_stepped_as_the_engine_does(go_on: GoOn) -> None:
    page = opened(go_on, f"{BY_HAND}&temperature=3&alpha=0.4&rate=2")
    assert students_logits(page) == list(STUDENT)
    after_some_steps_the_logits_are_those_of_the_engine(page)
    arrows_follow_the_temperature_on_an_axis_that_stays(page)
    who_asks_for_less_motion_gets_the_end_at_once(page)
    on_a_phone_nothing_is_cut_off(page)


def after_some_steps_the_logits_are_those_of_the_engine(page: Page) -> None:
    for _ in range(5):
        button(page, "Step").click()
    now = Example(torch.tensor(STUDENT).float(), torch.tensor(TEACHER).float(), 2)
    for _ in range(5):
        now = descend(now, 3.0, 0.4, 2.0)
    assert steps(page) == 5
    assert students_logits(page) == pytest.approx(now.student.tolist(), abs=1e-4)
    assert loss(page) == pytest.approx(loss_of(now, 3.0, 0.4).total.item(), abs=1e-3)
    page.locator(".stepper summary").click()
    column = page.locator(".stepper tbody tr td:nth-child(3)").all_inner_texts()
    table = [float(cell.replace("−", "-")) for cell in column]
    assert table == pytest.approx(now.student.tolist(), abs=1e-3)
    page.locator(".stepper summary").click()


def arrows_follow_the_temperature_on_an_axis_that_stays(page: Page) -> None:
    button(page, "Reset").click()
    slider = page.get_by_role("slider", name="Temperature T")
    slider.press("Home")
    slider.press("ArrowRight")
    expect(page.locator(".says .title")).to_have_text("What they say at T = 1")
    numbers = page.locator(".pulls text:not(.class)")
    axis, soft = numbers.all_inner_texts(), longest_arrow(page, "teacher")
    hard = longest_arrow(page, "hard")
    slider.press("PageUp")
    expect(page.locator(".says .title")).not_to_have_text("What they say at T = 1")
    assert longest_arrow(page, "teacher") > 1.2 * soft
    assert longest_arrow(page, "hard") == pytest.approx(hard)
    assert numbers.all_inner_texts() == axis


def who_asks_for_less_motion_gets_the_end_at_once(page: Page) -> None:
    wait_for_rest(page)
    page.emulate_media(reduced_motion="reduce")
    button(page, "Play").click()
    assert steps(page) > 20
    expect(button(page, "Play")).to_be_visible()


def on_a_phone_nothing_is_cut_off(page: Page) -> None:
    for theme in ("light", "dark"):
        look_at(page, 390, 844, theme)
        fits_a_phone(page)
        box = stepper(page).bounding_box()
        assert box is not None
        assert box["height"] < 844, "the buttons and all that moves are on one screen"


def test_playing_stops_by_itself_when_nothing_moves_any_more(go_on: GoOn) -> None:
    same = "0,0,0,9,0,0,0,0,0,0"
    page = opened(
        go_on, f"?v=1&source=hand&alpha=0&teacher_logits={same}&student_logits={same}&label=0"
    )
    page.emulate_media(reduced_motion="no-preference")
    button(page, "Play").click()
    expect(button(page, "Play")).to_be_visible()
    expect(page.locator(".stepper .note")).to_contain_text("At rest")
    assert steps(page) == 1
    expect(page.locator(".stepper [role=status]")).to_contain_text("step 1")
