"""The digit it never saw, as a learner meets it: take digits out, see the recall, play with it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from pages.common.words import words
from tests.browser.conftest import GoOn
from tests.browser.walk import predict, wait_for_result

WORDS = words("unseen_digit")
FEW = "v=1&seeds=5&student_samples=36000"


def digit(page: Page, which: int) -> Locator:
    pills = page.locator('.st-key-control-row [data-testid="stButtonGroup"]')
    return pills.get_by_role("button", name=str(which), exact=True)


def recalls(page: Page) -> tuple[float, float, float]:
    """Return what the page says below its chart: hard, soft, and soft corrected."""
    line = page.locator("p", has_text=re.compile(r"^Hard labels: [\d.]+ ± .* with the bias"))
    hard, soft, corrected = re.findall(r"([\d.]+) ± [\d.]+ %", line.inner_text())
    return float(hard), float(soft), float(corrected)


def metric(page: Page, name: str) -> float:
    value = page.locator('[data-testid="stMetric"]', has_text=WORDS["look"][name])
    return float(value.locator('[data-testid="stMetricValue"]').inner_text().removesuffix(" %"))


def test_digits_are_taken_out_and_put_back(go_on: GoOn) -> None:
    page = go_on("unseen_digit", f"?{FEW}&omit=3&prediction=&taught_by=2")
    expect(digit(page, 3)).to_have_attribute("aria-pressed", "true")
    predict(page, WORDS["predict"]["options"][0]["text"])
    without_the_3_hard_labels_recognise_none_and_soft_labels_most(page)
    the_bias_slider_and_the_rule_bring_the_digit_out(page)
    without_3_and_5_soft_labels_recognise_half_of_both(page)
    with_none_taken_out_the_page_says_what_to_do(page)


def without_the_3_hard_labels_recognise_none_and_soft_labels_most(page: Page) -> None:
    hard, soft, corrected = recalls(page)
    assert hard == 0
    assert soft >= 70
    assert corrected >= soft
    expect(page.locator(".st-key-published")).to_contain_text("133 of them on the 1,010 threes")
    expect(page.locator(".claim.supported")).to_be_visible()


def without_3_and_5_soft_labels_recognise_half_of_both(page: Page) -> None:
    digit(page, 5).click()
    page.wait_for_url(re.compile(r"omit=3(%2C|,)5"))
    expect(page.get_by_text("Each student learned from 720 images")).to_be_visible()
    wait_for_result(page)
    hard, soft, corrected = recalls(page)
    assert hard <= 2
    assert corrected > soft > 50


def with_none_taken_out_the_page_says_what_to_do(page: Page) -> None:
    for which in (3, 5):
        digit(page, which).click()
        expect(digit(page, which)).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_text(WORDS["how_many"])).to_be_visible()
    digit(page, 8).click()
    wait_for_result(page)
    page.wait_for_url(re.compile(r"omit=8(&|$)"))


def the_bias_slider_and_the_rule_bring_the_digit_out(page: Page) -> None:
    before, others = metric(page, "unseen"), metric(page, "seen")
    alt = page.get_by_alt_text(WORDS["images"]["right_alternative"].format(label=3))
    expect(alt.first).to_be_visible()
    page.get_by_role("button", name=WORDS["look"]["use_rule"]).click()
    page.wait_for_function(
        "([name, old]) => [...document.querySelectorAll('[data-testid=stMetric]')]"
        ".some(m => m.innerText.includes(name) && !m.innerText.includes(old))",
        arg=[WORDS["look"]["unseen"], f"{before:.1f} %"],
    )
    assert metric(page, "unseen") > before + 20
    assert metric(page, "seen") <= others
    # By the keyboard a step further.
    slider = page.get_by_role("slider", name=WORDS["look"]["shift"])
    value = float(slider.input_value())
    assert value > 0
    slider.press("ArrowRight")
    expect(slider).to_have_value(f"{value + 0.1:g}")


def test_what_the_address_says_of_digits_is_not_trusted(go_on: GoOn) -> None:
    page = go_on("unseen_digit", "?v=1&omit=3,99&prediction=")
    expect(page.get_by_text("omit=3,99 in the address is not on offer; 3 is used.")).to_be_visible()
    expect(digit(page, 3)).to_have_attribute("aria-pressed", "true")


def test_the_impostors_are_shown_and_beaten(go_on: GoOn) -> None:
    page = go_on("dark_knowledge", f"?{FEW}&prediction=order")
    wait_for_result(page)
    expect(page.locator(".claim.supported")).to_be_visible()
    expect(page.get_by_alt_text("A handwritten 8 from the training set.")).to_be_visible()
    tabs = page.locator('[data-testid="stButtonGroup"]')
    tabs.get_by_text("4", exact=True).click()
    expect(page.get_by_alt_text("A handwritten 4 from the training set.")).to_be_visible()
    page.wait_for_url(re.compile("digit=4"))
    # No script says this run.
    expect(page.get_by_role("button", name=words("lesson")["run"]["script"])).to_have_count(0)
