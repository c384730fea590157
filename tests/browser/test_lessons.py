"""What can be done with a lesson once its result is there: tried further, taken along, passed on.

That every lesson can be walked to its end is seen in ``test_course.py``.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from pages.common.words import words
from tests.browser.conftest import GoOn, Visit
from tests.browser.walk import FEW, figures, wait_for_result


def test_on_a_phone_who_skips_the_prediction_sees_the_verdict(go_on: GoOn) -> None:
    wait_for_result(go_on("temperature", f"?v=1&{FEW}&prediction=skipped"))
    # Known by now, it comes in at once, above the foot of the page that is on the screen.
    # Whether a browser would keep that in its place is a matter of moments; so it is asked, too.
    page = go_on("temperature", f"?v=1&{FEW}&prediction=", width=390, height=844)
    main = page.get_by_test_id("stMain")
    main.evaluate("main => main.scrollTo(0, main.scrollHeight)")
    assert main.evaluate("main => getComputedStyle(main).overflowAnchor") == "none"
    page.get_by_role("button", name=words("lesson")["skip"]).click()
    wait_for_result(page)
    verdict = page.locator(".st-key-compare").bounding_box()
    assert verdict
    assert 0 <= verdict["y"] < 422


def test_a_try_sets_the_controls_and_runs_again(go_on: GoOn) -> None:
    # What every try does is held against its tables by tests/test_tries.py.
    page = go_on("balance", f"?v=1&{FEW}&prediction=skipped")
    wait_for_result(page)
    before, address = figures(page), page.url
    idea = words("balance")["tries"][0]
    page.get_by_role("button", name=idea["button"], exact=True).click()
    for setting, value in idea["set"].items():
        written = "%2C".join(map(str, value)) if isinstance(value, list) else f"{value}"
        number = re.escape(written.removesuffix(".0"))
        page.wait_for_url(re.compile(f"[?&]{setting}={number}(\\.0)?(&|$)"))
    wait_for_result(page)
    assert page.url != address
    assert figures(page) != before


def test_a_result_can_be_taken_along_and_its_link_reopens_it(go_on: GoOn, visit: Visit) -> None:
    query = f"?v=1&{FEW}&prediction=skipped&alpha=0.1&temperatures=1,3,8&first_seed=3"
    page = go_on("temperature", query)
    wait_for_result(page)
    expect(page.locator(".st-key-compare")).to_contain_text(words("lesson")["compare"]["skipped"])
    its_table_and_its_script_are_downloaded(page)
    before, address = figures(page), page.url
    assert "alpha=0.1" in address
    again = visit(address)
    wait_for_result(again)
    assert again.url == address
    assert figures(again) == before


def its_table_and_its_script_are_downloaded(page: Page) -> None:
    with page.expect_download() as table:
        page.get_by_role("button", name=words("lesson")["run"]["download"]).click()
    header, *rows = table.value.path().read_text().splitlines()
    assert "student_accuracy" in header
    assert "setting_seeds" in header
    assert len(rows) == 4
    with page.expect_download() as program:
        page.get_by_role("button", name=words("lesson")["run"]["script"]).click()
    script = program.value.path().read_text("utf-8")
    assert "SEEDS = 5\n" in script
    assert "STUDENTS = [(1.0, 0.1), (3.0, 0.1), (8.0, 0.1)]" in script
