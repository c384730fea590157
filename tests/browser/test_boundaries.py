"""The playground as a learner meets it: played, pointed at, fed with points and files."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import GoOn, Visit, look_at

NETWORKS = ("teacher", "hard", "distilled")

#: What the canvas of one network shows, as a number that any changed pixel changes.
PICTURE = """canvas => {
    const { width, height } = canvas;
    const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    return data.reduce((sum, value, i) => (sum * 31 + value + i) % 1000000007, 7);
}"""

#: The frames that were on screen during a second, one after the other.
WATCH = """async root => {
    const seen = [root.dataset.frame];
    const watcher = new MutationObserver(() => seen.push(root.dataset.frame));
    watcher.observe(root, { attributes: true, attributeFilter: ["data-frame"] });
    await new Promise(done => setTimeout(done, 1000));
    watcher.disconnect();
    return [...new Set(seen)].map(Number);
}"""


def film(page: Page) -> Locator:
    return page.locator(".boundaries")


def wait_for_film(page: Page) -> None:
    """Wait until there is a film of the settings on screen."""
    expect(page.locator(".boundaries:not(.empty):not(.stale)")).to_be_visible()


def frame(page: Page) -> int:
    return int(film(page).get_attribute("data-frame") or -1)


def button(page: Page, name: str) -> Locator:
    return film(page).get_by_role("button", name=name)


def plane(page: Page, who: str) -> Locator:
    return page.locator(f'.plane[data-who="{who}"]')


def picture(page: Page, who: str) -> Any:
    return plane(page, who).locator("canvas").evaluate(PICTURE)


def bars(page: Page, who: str) -> list[str]:
    return plane(page, who).locator(".value").all_inner_texts()


def accuracies(page: Page) -> list[str]:
    return page.locator(".plane .accuracy").all_inner_texts()


def click_at(page: Page, who: str, x: float, y: float) -> None:
    canvas = plane(page, who).locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": x * box["width"], "y": y * box["height"]})


def stopped(page: Page) -> Page:
    """Wait for the film, which stands still for who wants less motion, and begin it anew."""
    wait_for_film(page)
    button(page, "Reset").click()
    expect(film(page)).to_have_attribute("data-frame", "0")
    return page


def test_a_film_is_watched(app: str, visit: Visit) -> None:
    page = visit(f"{app}/boundaries", still=False)
    it_plays_by_itself_to_the_end(page)
    stopped(page)
    the_planes_are_on_the_first_screen_of_a_projector(page)
    it_is_played_paused_stepped_and_reset(page)
    speed_and_timeline_are_heard(page)
    the_table_holds_the_three_accuracies(page)
    dragging_t_changes_the_shading_before_it_is_let_go(page)
    a_new_seed_makes_other_points_and_only_when_asked(page)
    a_try_sets_the_controls(page)
    nothing_is_cut_off(page)


def it_plays_by_itself_to_the_end(page: Page) -> None:
    wait_for_film(page)
    expect(film(page)).to_have_attribute("data-frame", "60")
    expect(button(page, "Play")).to_be_visible()
    assert float(accuracies(page)[0].removesuffix(" %")) > 90


def it_is_played_paused_stepped_and_reset(page: Page) -> None:
    before = picture(page, "teacher")
    button(page, "Play").click()
    seen = film(page).evaluate(WATCH)
    assert len(seen) >= 8, f"only the frames {seen} within a second"
    assert seen == sorted(seen)
    button(page, "Pause").click()
    stopped = frame(page)
    assert stopped > 0
    assert picture(page, "teacher") != before
    page.wait_for_timeout(400)
    assert frame(page) == stopped
    button(page, "Step").click()
    expect(film(page)).to_have_attribute("data-frame", str(stopped + 1))
    button(page, "Reset").click()
    expect(film(page)).to_have_attribute("data-frame", "0")
    assert picture(page, "teacher") == before
    assert "seed=0" in page.url, "a reset keeps the seed"


def speed_and_timeline_are_heard(page: Page) -> None:
    timeline = page.get_by_role("slider", name="Frame of the training")
    timeline.press("End")
    expect(film(page)).to_have_attribute("data-frame", "60")
    timeline.press("ArrowLeft")
    expect(film(page)).to_have_attribute("data-frame", "59")
    button(page, "Reset").click()
    film(page).get_by_label("Speed").select_option("4")
    button(page, "Play").click()
    assert len(film(page).evaluate(WATCH)) >= 8
    expect(film(page)).to_have_attribute("data-frame", "60", timeout=5000)


def a_new_seed_makes_other_points_and_only_when_asked(page: Page) -> None:
    before = picture(page, "hard")
    button(page, "New seed").click()
    page.wait_for_url(re.compile("seed=1$"))
    expect(button(page, "New seed (now 1)")).to_be_visible()
    wait_for_film(page)
    button(page, "Reset").click()
    expect(film(page)).to_have_attribute("data-frame", "0")
    assert picture(page, "hard") != before


def dragging_t_changes_the_shading_before_it_is_let_go(page: Page) -> None:
    page.get_by_role("slider", name="Frame of the training").press("End")
    before, said = picture(page, "teacher"), bars(page, "teacher")
    box = page.get_by_role("slider", name="Temperature T").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], middle, steps=5)
    expect(plane(page, "teacher").locator(".doubt")).not_to_contain_text("T = 4.0")
    assert picture(page, "teacher") != before
    assert bars(page, "teacher") != said
    assert "temperature=4&" in page.url
    right = accuracies(page)
    page.mouse.up()
    page.wait_for_url(re.compile("temperature=1[5-9]"))
    wait_for_film(page)
    expect(film(page)).to_have_attribute("data-frame", "60")
    expect(plane(page, "distilled").locator(".accuracy")).not_to_have_text(right[2])
    assert accuracies(page)[:2] == right[:2], "T is nothing to teacher and hard-label student"


def test_a_clicked_place_shows_its_hard_label_and_three_soft_ones(go_on: GoOn) -> None:
    page = stopped(go_on("boundaries", "?v=1&plane=blobs"))
    page.get_by_role("slider", name="Frame of the training").press("End")
    click_at(page, "hard", 0.8, 0.2)
    probe = page.locator(".probe")
    expect(probe.locator("strong")).to_have_text("C")
    said = [bars(page, who) for who in NETWORKS]
    for row in said:
        assert sum(float(cell.removesuffix(" %")) for cell in row) == pytest.approx(100, abs=2)
    label = plane(page, "teacher").locator("canvas").get_attribute("aria-label")
    assert label is not None
    assert re.search(r"Teacher, frame 60 of 60: .* right on 600 held-out points.*A \d", label)
    click_at(page, "teacher", 0.01, 0.5)
    expect(probe).to_contain_text("none: no point is near")
    canvas = plane(page, "teacher").locator("canvas")
    canvas.focus()
    for _ in range(12):
        canvas.press("ArrowRight")
    assert [bars(page, who) for who in NETWORKS] != said


def the_table_holds_the_three_accuracies(page: Page) -> None:
    film(page).locator("summary").click()
    rows = film(page).locator("tbody tr")
    expect(rows).to_have_count(3)
    page.get_by_role("slider", name="Frame of the training").press("End")
    expect(rows.nth(0).locator("td").nth(0)).to_have_text(accuracies(page)[0])
    for row in range(3):
        cells = rows.nth(row).locator("td").all_inner_texts()
        assert cells[0] == cells[1] == accuracies(page)[row]
    expect(page.get_by_text("measured here on 600 held-out points")).to_be_visible()


def test_a_link_reopens_the_same_settings(go_on: GoOn, visit: Visit) -> None:
    query = (
        "v=1&plane=moons&temperature=9&alpha=0.1&teacher_hidden=128&student_hidden=8"
        "&labels_per_class=10&points=120&noise=0.2&seed=7"
    )
    page = stopped(go_on("boundaries", f"?{query}"))
    assert page.url.endswith(query)
    page.get_by_role("slider", name="Frame of the training").press("End")
    expect(film(page)).to_have_attribute("data-frame", "60")
    measured = accuracies(page)
    again = stopped(visit(page.url))
    again.get_by_role("slider", name="Frame of the training").press("End")
    expect(film(again)).to_have_attribute("data-frame", "60")
    assert accuracies(again) == measured
    assert again.get_by_role("slider", name="Temperature T").input_value() == "9"


def test_nonsense_in_the_address_is_replaced_with_a_note(go_on: GoOn) -> None:
    page = go_on("boundaries", "?v=1&plane=torus&noise=nan&seed=-5&points=1e9")
    wait_for_film(page)
    note = page.locator('[data-testid="stAlert"]')
    for said in ("plane=torus", "noise=nan", "seed=-5", "points=1e9"):
        expect(note).to_contain_text(said)
    assert "plane=spirals" in page.url


def test_own_points_are_placed_by_clicking_and_trained_on(go_on: GoOn) -> None:
    page = go_on("boundaries", "?v=1&plane=own&teacher_hidden=32", still=False)
    train = button(page, "Train with my points")
    expect(train).to_be_disabled()
    for letter, x in (("A", 0.2), ("C", 0.8)):
        button(page, f"Add {letter}").click()
        for y in (0.2, 0.5, 0.8):
            click_at(page, "teacher", x, y + 0.05 * x)
    expect(film(page).locator(".counts")).to_have_text("A: 3 · C: 3")
    train.click()
    wait_for_film(page)
    expect(film(page)).to_have_attribute("data-frame", "60")
    assert accuracies(page)[0] == "100.0 %"
    expect(page.get_by_text("accuracy on the 6 training points themselves")).to_be_visible()
    assert plane(page, "teacher").locator(".class").all_inner_texts() == ["A", "C"]
    assert "teacher_hidden=32" in page.url
    button(page, "Undo").click()
    expect(film(page).locator(".counts")).to_contain_text("3 points each")
    nothing_is_cut_off(page)


def test_placed_points_survive_another_setting_and_the_keyboard_places_them_too(
    go_on: GoOn,
) -> None:
    page = go_on("boundaries", "?v=1&plane=own&alpha=0.3")
    clear = button(page, "Clear")
    if clear.is_enabled():
        clear.click()
    expect(clear).to_be_disabled()
    button(page, "Add A").click()
    click_at(page, "hard", 0.3, 0.3)
    click_at(page, "hard", 0.4, 0.6)
    page.get_by_role("slider", name="Balance α").press("ArrowRight")
    page.wait_for_url(re.compile("alpha=0.35"))
    expect(film(page).locator(".counts")).to_contain_text("A: 2")
    page.get_by_text("Moons", exact=True).click()
    wait_for_film(page)
    page.get_by_text("My points", exact=True).click()
    expect(film(page).locator(".counts")).to_contain_text("A: 2")
    button(page, "Add B").press("Enter")
    canvas = plane(page, "teacher").locator("canvas")
    for _ in range(3):
        canvas.press("ArrowUp")
        canvas.press("Enter")
    expect(film(page).locator(".counts")).to_contain_text("B: 3")


def csv(*lines: str) -> bytes:
    good = [
        f"{row % 7 + 30 * (row % 2)},{row % 5}.5,{('dog', 'cat')[row % 2]}" for row in range(48)
    ]
    return "\n".join(["height,weight,animal", *good, *lines]).encode()


def send(page: Page, content: bytes) -> None:
    file: Any = {"name": "own.csv", "mimeType": "text/csv", "buffer": content}
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').set_input_files(files=file)


def test_a_good_file_trains_and_bad_ones_say_why(go_on: GoOn) -> None:
    page = go_on("boundaries", "?v=1&plane=csv&temperature=4&alpha=0.1&labels_per_class=10")
    alert = page.locator('[data-testid="stAlert"]')
    for bad, said in (
        (csv("1,two,cat"), "Line 50, column “weight” says “two”, which is not a number"),
        (csv("1,nan,cat"), "missing or infinite values"),
        (csv("1,2,mouse"), "Label “mouse” has 1 of at least 10 rows"),
    ):
        send(page, bad)
        expect(alert).to_contain_text(said)
    send(page, csv())
    wait_for_film(page)
    expect(alert).to_have_count(0)
    expect(page.get_by_text("12 held-out points, a quarter of the file")).to_be_visible()
    assert plane(page, "teacher").locator(".class").all_inner_texts() == ["cat", "dog"]
    expect(page.locator(".probe")).to_contain_text("height =")
    assert "plane=csv&temperature=4&alpha=0.1" in page.url
    assert "labels_per_class=10" in page.url
    send(page, b"nothing")
    expect(alert).to_contain_text("What was shown before stays.")
    expect(plane(page, "teacher")).to_be_visible()
    nothing_is_cut_off(page)


def a_try_sets_the_controls(page: Page) -> None:
    page.get_by_role("button", name="Two rings, no hard labels").click()
    page.wait_for_url(re.compile("plane=circles&temperature=6&alpha=0&"))
    wait_for_film(page)
    # The button stands a screen below; the film begins when it is seen.
    for who in NETWORKS:
        expect(plane(page, who).locator("canvas")).to_be_in_viewport(ratio=0.99)
    expect(film(page)).to_have_attribute("data-frame", "60")


def nothing_is_cut_off(page: Page) -> None:
    for width, height in ((390, 844), (1280, 800)):
        look_at(page, width, height)
        fits = "width => document.querySelector('[data-testid=stMain]').scrollWidth <= width"
        page.wait_for_function(fits, arg=width, polling=100)
        for who in NETWORKS:
            box = plane(page, who).bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width


def the_planes_are_on_the_first_screen_of_a_projector(page: Page) -> None:
    for who in NETWORKS:
        box = plane(page, who).locator("canvas").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800
