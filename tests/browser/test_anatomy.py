"""One example taken apart, as a learner does it: step, play, pause, reset, other logits."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit

FIRST = "step 0"


def opened(visit: Visit, app: str, query: str = "", **screen: object) -> Page:
    page = visit(f"{app}/anatomy{query}", **screen)
    expect(page.locator(".st-key-anatomy .js-plotly-plot")).to_be_visible()
    expect(page.locator(".st-key-sizes .js-plotly-plot")).to_be_visible()
    return page


def steps(page: Page) -> int:
    text = page.locator(".stepped strong").inner_text()
    return int(text.removeprefix("step "))


def loss(page: Page) -> float:
    found = re.search(r"loss ([\d.]+)", page.locator(".stepped").inner_text())
    assert found is not None
    return float(found[1])


def students_logits(page: Page) -> list[float]:
    """Read the logits from the chart itself: the last trace is the student now."""
    script = "plot => Array.from(plot.data[plot.data.length - 1].y)"
    chart = page.locator(".st-key-anatomy .js-plotly-plot")
    expect(chart).to_have_count(1)  # for a moment the old chart stands beside the new one
    return chart.evaluate(script)


def test_a_step_moves_the_logits_downhill_and_reset_restores_them(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    before, high = students_logits(page), loss(page)
    assert before == [0.0] * 10
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page.locator(".stepped strong")).to_have_text("step 1")
    assert loss(page) < high
    page.wait_for_function(
        "() => { const d = document.querySelector('.st-key-anatomy .js-plotly-plot').data;"
        " return Array.from(d[d.length - 1].y)[8] > 0.5 }"
    )
    moved = students_logits(page)
    assert abs(sum(moved)) < 1e-3
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".stepped strong")).to_have_text(FIRST)
    assert loss(page) == high
    page.wait_for_function(
        "() => { const d = document.querySelector('.st-key-anatomy .js-plotly-plot').data;"
        " return Array.from(d[d.length - 1].y)[8] === 0 }"
    )


def test_play_steps_by_itself_until_it_is_paused(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".stepped strong")).to_have_text(re.compile(r"step ([4-9]|\d\d+)"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.wait_for_timeout(700)
    stood = steps(page)
    page.wait_for_timeout(1500)
    assert steps(page) == stood


def test_another_digit_starts_anew_and_another_alpha_does_not(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page.locator(".stepped strong")).to_have_text("step 1")
    page.get_by_role("slider", name="Balance α").press("ArrowRight")
    page.wait_for_url(re.compile(r"alpha=0\.35"))
    expect(page.locator(".stepped")).to_contain_text("0.35 · ")
    assert steps(page) == 1
    page.get_by_role("button", name="digit 5").click()
    expect(page.locator(".stepped strong")).to_have_text(FIRST)


def test_logits_can_be_set_by_hand_and_nonsense_changes_nothing(app: str, visit: Visit) -> None:
    page = opened(visit, app)
    page.get_by_text("By hand", exact=True).click()
    field = page.get_by_role("textbox", name="Student's logits")
    field.fill("1, 2, 3, 4, 5, 6, 7, 8, 9, 10")
    field.press("Enter")
    page.wait_for_url(re.compile("student_logits=1"))
    expect(page.locator(".stepped strong")).to_have_text(FIRST)
    page.wait_for_function(
        "() => { const d = document.querySelector('.st-key-anatomy .js-plotly-plot').data;"
        " return Array.from(d[d.length - 1].y)[9] === 10 }"
    )
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
