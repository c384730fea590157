"""The page says nothing of published systems without its source, and weighs student and teacher."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from kdcore.practice.published import published_systems
from pages.common.words import words
from tests.browser.conftest import CHART, GoOn
from tests.browser.walk import FEW, figures, wait_for_result

TEXT = words("in_practice")
ROWS = TEXT["cost"]["rows"]


def cost_table(page: Page) -> list[list[str]]:
    """Return the cells of each row of the table that weighs student and teacher."""
    table = page.get_by_test_id("stTable").filter(has_text=ROWS["multiply_adds"])
    expect(table).to_be_visible()
    return [
        [cell.strip() for cell in row.locator("th, td").all_inner_texts()]
        for row in table.locator("tbody tr").all()
    ]


def unfold(page: Page, heading: str) -> None:
    """Open what is folded away under a heading."""
    page.get_by_test_id("stExpander").filter(has_text=heading).locator("summary").first.click()


def test_what_is_published_stands_before_the_prediction_and_what_is_weighed_after_it(
    go_on: GoOn,
) -> None:
    page = go_on("in_practice", f"?v=1&{FEW}&prediction=&student_hidden=32")
    unfold(page, TEXT["problem"]["heading"])
    unfold(page, TEXT["published"]["heading"])
    each_system_has_its_source(page)
    the_chart_shows_sizes_that_can_be_compared(page)
    a_model_that_does_not_fit_does_so_with_fewer_parameters(page)
    page.get_by_role("button", name=words("lesson")["skip"]).click()
    wait_for_result(page)
    the_page_says_what_was_weighed_and_what_the_times_include(page)
    measuring_again_gives_other_times_of_the_same_networks(page)


def each_system_has_its_source(page: Page) -> None:
    table = page.get_by_test_id("stTable")
    for system in published_systems():
        row = table.locator("tr").filter(has_text=system.name)
        expect(row).to_contain_text(system.commonly_said)
        expect(row).to_contain_text(f"{TEXT['published']['marks'][system.mark]}.")
        expect(row).to_contain_text(f"Source: {system.source}.")
    expect(page.get_by_text(re.compile("^published: DistilBERT"))).to_be_visible()


def the_chart_shows_sizes_that_can_be_compared(page: Page) -> None:
    expect(page.locator(CHART)).to_have_count(1)
    (said,) = set(figures(page))
    for name in ("DistilBERT", "TinyBERT", "DistilGPT-2"):
        assert name in said
    assert "MobileNet" not in said
    assert "more than 96.8 % of the quality (GLUE; Jiao et al. (2020))" in said


def a_model_that_does_not_fit_does_so_with_fewer_parameters(page: Page) -> None:
    metrics = page.get_by_test_id("stMetricValue")
    expect(metrics.nth(0)).to_have_text("40 GB")
    expect(metrics.nth(1)).to_have_text("5 × too large")
    slider = page.get_by_role("slider", name=TEXT["problem"]["parameters"])
    for _ in range(2):
        slider.press("ArrowLeft")
    expect(metrics.nth(0)).to_have_text("4 GB")
    expect(metrics.nth(1)).to_have_text("fits 2 times")
    expect(metrics.nth(2)).to_have_text("about 1 billion")


def the_page_says_what_was_weighed_and_what_the_times_include(page: Page) -> None:
    rows = {name: cells for name, *cells in cost_table(page)}
    assert set(rows) == set(ROWS.values())
    assert rows[ROWS["parameters"]] == ["19,210", "2,410", "8.0 times fewer"]
    assert rows[ROWS["bytes"]] == ["76,840", "9,640", "8.0 times fewer"]
    assert rows[ROWS["multiply_adds"]] == ["18,944", "2,368", "8.0 times fewer"]
    for cell in rows[ROWS["latency_1"]][:2]:
        assert re.fullmatch(r"[\d.]+ µs \([\d.]+–[\d.]+\)", cell)
    percent = r"\d+\.\d ± \d+\.\d %"
    teacher, student, _ = rows[ROWS["accuracy"]]
    assert re.fullmatch(percent, teacher)
    assert re.fullmatch(f"{percent}; on hard labels {percent}", student)
    unfold(page, TEXT["cost"]["included_heading"])
    included = TEXT["cost"]["included"].split("{")[0].replace("*", "")
    expect(page.get_by_text(included)).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"measured here at \d\d:\d\d:\d\d · threads: 1 "))
    ).to_be_visible()


def measuring_again_gives_other_times_of_the_same_networks(page: Page) -> None:
    before, charts = cost_table(page), figures(page)
    page.get_by_role("button", name=TEXT["cost"]["again"]).click()
    latency = page.get_by_test_id("stTable").locator("tr").filter(has_text=ROWS["latency_256"])
    expect(latency).not_to_have_text(re.compile(re.escape(before[6][1])))
    wait_for_result(page)
    after = cost_table(page)
    assert after[:4] == before[:4]
    assert after[-1] == before[-1]
    assert figures(page) == charts
