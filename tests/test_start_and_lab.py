"""The first two pages: what comes first is said, and what is tried is set as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.experiments.lab import LabSettings
from kdcore.experiments.unseen_class import UnseenClassSettings
from pages.common.words import words
from tests.small import small_runs
from tests.test_result_first import elements
from tests.test_visit import finished, kept, opened


@pytest.fixture(scope="module", autouse=True)
def runs_are_small() -> Iterator[None]:
    """Let no page train for long: what is looked at does not depend on it."""
    with small_runs():
        yield


def button(page: AppTest, label: str) -> Any:
    return next(each for each in page.button if each.label == label)


def captions(page: AppTest) -> list[str]:
    return [caption.value for caption in page.caption]


def test_nothing_is_trained_before_an_answer_is_chosen_and_the_page_says_so() -> None:
    page, text = opened("start"), words("start")["three"]
    assert button(page, text["train"]).disabled
    assert text["choose"] in captions(page)
    page.button_group(key="start.guess").set_value("alike").run()
    assert not button(page, text["train"]).disabled
    assert text["choose"] not in captions(page)


def test_one_step_of_the_first_page_at_a_time_draws_the_eye() -> None:
    page, text = opened("start"), words("start")
    later = button(page, text["four"]["train"])
    assert later.proto.type == "secondary"
    page.session_state["start.first_seed"] = 10
    page.run()
    assert button(page, text["four"]["train"]).proto.type == "primary"


def test_another_digit_is_taken_away_than_in_the_lesson_that_asks_what_comes_of_it() -> None:
    page, text = opened("start"), words("start")["four"]
    button(page, text["train"]).click()
    runs = kept(finished(page, runs=2))
    (settings,) = [run.settings for run in runs if run.summary.experiment == "unseen-class"]
    taken_away = settings["omit"]
    assert int(taken_away) not in UnseenClassSettings().omit
    assert f"**every {taken_away}**" in text["text"]
    assert all(f"an {taken_away} it has" in text[few] for few in ("few", "most", "nearly-all"))


def test_where_digits_are_chosen_nothing_is_written_into_the_line_of_thumbnails() -> None:
    data = [
        json.loads(each.proto.json)
        for each in elements(opened("start"))
        if each.type == "bidi_component" and each.proto.component_name == "live_bars"
    ]
    thumbnails, *bars = data
    assert not thumbnails["rows"] and not thumbnails["words"]["waiting"]
    assert bars and all(each["words"]["waiting"] for each in bars)


def test_a_try_of_the_lab_sets_everything_but_the_digit_and_says_what_to_look_for() -> None:
    text = words("lab")["next"]
    page = finished(opened("lab", alpha="0.7", labels="200", digit="41"), runs=1)
    assert text["explain"] in captions(page)
    for idea in text["tries"]:
        button(page, idea["button"]).click().run()
        ((name, value),) = idea["set"].items()
        for setting, parameter in LabSettings.parameters().items():
            expected = parameter.format(value if setting == name else parameter.default)
            assert said(page, setting) == expected
        assert said(page, "digit") == "41"
        assert idea["text"] in captions(page)
    button(page, text["reset"]).click().run()
    assert said(page, "labels") == str(LabSettings().labels)
    assert text["explain"] in captions(page)
    assert text["reset"] not in [each.label for each in page.button]


def said(page: AppTest, name: str) -> str:
    """Return what the address says of a setting."""
    value = page.query_params[name]
    return str(value if isinstance(value, str) else value[0])


def test_the_lab_says_what_the_run_before_gave_and_what_was_set_otherwise() -> None:
    page, text = finished(opened("lab", temperature="2"), runs=1), words("lab")["next"]
    before = text["before"].partition("{")[0]
    assert not any(caption.startswith(before) for caption in captions(page))
    button(page, "α = 1").click().run()
    page = finished(page, runs=2)
    (caption,) = [caption for caption in captions(page) if caption.startswith(before)]
    assert "Temperature T 2, Balance α 0.3: " in caption
