"""While networks train, their curves are called by what they show."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.methods import METHODS
from pages.common import run_words


def page(name: str, points: int = 2, beside: bool = False) -> None:
    from types import SimpleNamespace
    from typing import Any, cast

    import torch

    from kdcore.experiments import EXPERIMENTS
    from kdcore.monitor import LearningCurve
    from pages.common.lesson import Lesson
    from pages.common.words import words

    measured = [torch.full((2, 1), 0.2), torch.full((2, 1), 0.4)]
    curve = LearningCurve([1, 2][:points], measured[:points])
    look = SimpleNamespace(stage="students", fraction=0.5, position=0, curve=curve)
    lesson = object.__new__(Lesson)
    lesson._shared = words("lesson")
    experiment = EXPERIMENTS[name]
    job = SimpleNamespace(look=lambda: look, key=(experiment.run, experiment.settings()))
    lesson._show_progress(cast("Any", job), not beside, experiment)


@pytest.mark.parametrize(
    ("name", "measured"),
    [
        ("temperature", "test accuracy (%)"),
        ("subliminal", "test accuracy (%)"),
        ("words", "valid words (%)"),
        ("directions", "valid words (%)"),
        ("speculative", "valid words (%)"),
    ],
)
def test_the_axis_says_what_is_measured_while_they_train(name: str, measured: str) -> None:
    shown = AppTest.from_function(page, args=(name,)).run(timeout=20)
    assert not shown.exception
    (chart,) = shown.get("plotly_chart")
    layout = json.loads(chart.proto.spec)["layout"]
    assert layout["yaxis"]["title"]["text"] == measured


def test_until_there_is_a_curve_its_place_is_kept_but_not_beside_a_result() -> None:
    for points, beside, places in ((1, False, 1), (1, True, 0), (2, True, 0)):
        shown = AppTest.from_function(page, args=("temperature", points, beside)).run(timeout=20)
        assert not shown.exception
        assert not shown.get("plotly_chart")
        drawn = [each.proto.body for each in shown.get("html")]
        assert len([each for each in drawn if "placeholder" in each]) == places


def test_a_method_under_way_is_called_by_the_name_that_its_page_gives_it() -> None:
    stages = run_words.stages("variants")
    assert set(METHODS) < set(stages)
    assert stages["dkd"] == "Decoupled (DKD)"
    assert stages["students"] == "Training the students"
