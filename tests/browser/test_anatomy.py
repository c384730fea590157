"""One example taken apart, as a learner does it: step, play, pause, reset, other logits."""

from __future__ import annotations

import re

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from kdcore.views.anatomy import Example, descend, loss_of
from tests.browser.conftest import Visit

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


def opened(visit: Visit, app: str, query: str = "", **screen: object) -> Page:
    page = visit(f"{app}/anatomy{query}", **screen)
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


def test_a_step_moves_the_logits_downhill_and_reset_restores_them(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    before, high = students_logits(page), loss(page)
    assert before == [0.0] * 10
    button(page, "Step").click()
    expect(page.locator(".stepped strong")).to_have_text("step 1")
    assert loss(page) < high
    moved = students_logits(page)
    assert moved[8] > 0.5
    assert abs(sum(moved)) < 1e-3
    button(page, "Reset").click()
    expect(page.locator(".stepped strong")).to_have_text("step 0")
    assert loss(page) == high
    assert students_logits(page) == before


def test_after_some_steps_the_logits_are_those_of_the_engine(app: str, visit: Visit) -> None:
    page = opened(visit, app, f"{BY_HAND}&temperature=3&alpha=0.4&rate=2")
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


def test_play_steps_by_itself_until_it_is_paused_and_says_nothing_to_the_server(
    app: str, visit: Visit
) -> None:
    page = opened(visit, app)
    page.wait_for_timeout(1500)
    page.evaluate(LISTEN)
    button(page, "Play").click()
    expect(page.locator(".stepped strong")).to_have_text(re.compile(r"step ([4-9]|\d\d+)"))
    expect(button(page, "Step")).to_be_disabled()
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()
    stood = steps(page)
    page.wait_for_timeout(1000)
    assert steps(page) == stood
    assert page.evaluate("window.sent") == 0


def test_playing_stops_by_itself_when_nothing_moves_any_more(app: str, visit: Visit) -> None:
    same = "0,0,0,9,0,0,0,0,0,0"
    query = f"?v=1&source=hand&alpha=0&teacher_logits={same}&student_logits={same}"
    page = opened(visit, app, query)
    button(page, "Play").click()
    expect(button(page, "Play")).to_be_visible()
    assert steps(page) == 1
    expect(page.locator(".stepper .note")).to_contain_text("At rest")
    expect(page.locator(".stepper [role=status]")).to_contain_text("step 1")


def test_who_asks_for_less_motion_gets_the_end_at_once(app: str, visit: Visit) -> None:
    page = opened(visit, app, BY_HAND)
    page.emulate_media(reduced_motion="reduce")
    button(page, "Play").click()
    assert steps(page) > 20
    expect(button(page, "Play")).to_be_visible()


def test_arrows_follow_the_temperature_on_an_axis_that_stays(app: str, visit: Visit) -> None:
    page = opened(visit, app, f"{BY_HAND}&temperature=1")
    numbers = page.locator(".pulls text:not(.class)")
    axis, soft = numbers.all_inner_texts(), longest_arrow(page, "teacher")
    hard = longest_arrow(page, "hard")
    page.get_by_role("slider", name="Temperature T").press("PageUp")
    expect(page.locator(".says .title")).not_to_have_text("What they say at T = 1")
    assert longest_arrow(page, "teacher") > 1.2 * soft
    assert longest_arrow(page, "hard") == pytest.approx(hard)
    assert numbers.all_inner_texts() == axis


def test_another_digit_starts_anew_and_another_alpha_does_not(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    button(page, "Step").click()
    expect(page.locator(".stepped strong")).to_have_text("step 1")
    page.get_by_role("slider", name="Balance α").press("ArrowRight")
    page.wait_for_url(re.compile(r"alpha=0\.35"))
    expect(page.locator(".stepped")).to_contain_text("0.35 · ")
    assert steps(page) == 1
    page.get_by_role("button", name="digit 5").click()
    expect(page.locator(".stepped strong")).to_have_text("step 0")


def test_logits_can_be_set_by_hand_and_nonsense_changes_nothing(app: str, visit: Visit) -> None:
    page = opened(visit, app)
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


def test_a_link_brings_the_logits_along(app: str, visit: Visit) -> None:
    logits = "0,0,9,0,0,0,0,0,0,0"
    query = f"?v=1&source=hand&label=2&teacher_logits={logits}&student_logits={logits}"
    page = opened(visit, app, query)
    assert students_logits(page) == [0, 0, 9, 0, 0, 0, 0, 0, 0, 0]


def test_the_code_beside_it_is_the_engines(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    expect(page.get_by_text("kl_divergence(teacher_logits.detach()").first).to_be_attached()
    page.get_by_role("tab", name="soft_gradient").click()
    expect(page.get_by_text("difference.mul_(temperature)").first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_nothing_is_cut_off(app: str, visit: Visit, theme: str) -> None:
    page = opened(visit, app, width=390, height=844, theme=theme)
    overflow = "document.querySelector('[data-testid=stMain]').scrollWidth"
    assert page.evaluate(overflow) <= 390
    box = stepper(page).bounding_box()
    assert box is not None
    assert box["height"] < 844, "the buttons and all that moves are on one screen"
