"""What many see alike is drawn once, and one visitor's larger letters reach nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from kdcore.figures.common import new_figure
from pages.common import charts, words
from tests.small import drawn_until, small_runs

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def nothing_is_kept_yet() -> Iterator[None]:
    charts._shared.clear()
    yield
    charts._shared.clear()


class Draws:
    """Draws a figure, and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> go.Figure:
        self.times += 1
        return go.Figure()


def test_a_figure_is_drawn_once_for_all_who_see_the_same() -> None:
    draw = Draws()
    first = charts.shared(("curves", 1), draw)
    assert charts.shared(("curves", 1), draw) is first
    assert charts.shared(("curves", 2), draw) is not first
    assert draw.times == 2


def test_each_language_has_a_figure_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Draws()
    charts.shared("curves", draw)
    monkeypatch.setattr(charts, "language", lambda: "eo")
    charts.shared("curves", draw)
    assert draw.times == 2


def test_those_are_kept_that_were_asked_for_last() -> None:
    draw = Draws()
    for number in range(charts.MOST_SHARED):
        charts.shared(number, draw)
    charts.shared(0, draw)
    charts.shared("one more", draw)
    assert len(charts._shared) == charts.MOST_SHARED
    drawn = draw.times
    charts.shared(0, draw)
    assert draw.times == drawn
    charts.shared(1, draw)
    assert draw.times == drawn + 1


def test_larger_letters_are_the_presenters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[go.Figure] = []
    monkeypatch.setattr(charts, "presenting", lambda: True)
    monkeypatch.setattr(st, "plotly_chart", lambda figure, **_: drawn.append(figure))
    figure = charts.shared("curves", go.Figure)
    charts.show(figure, pd.DataFrame({"T": [1.0]}), "a chart", key="curves")
    assert drawn[0].layout.font.size == charts.PRESENTED_SIZE
    assert figure.layout.font.size is None


def test_a_presented_chart_is_higher_and_its_upright_title_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[go.Figure] = []
    monkeypatch.setattr(charts, "presenting", lambda: True)
    monkeypatch.setattr(st, "plotly_chart", lambda figure, **_: drawn.append(figure))
    title = "entropy of the soft labels (nats)"
    figure = new_figure("temperature T", title)
    charts.show(figure, pd.DataFrame({"T": [1.0]}), "a chart", key="curves")
    assert drawn[0].layout.height > 1.2 * figure.layout.height
    lines = drawn[0].layout.yaxis.title.text.split("<br>")
    assert " ".join(lines) == title
    # A letter takes about half of its height.
    assert max(map(len, lines)) * charts.PRESENTED_SIZE / 2 < figure.layout.height
    assert figure.layout.yaxis.title.text == title


def test_an_interval_is_named_in_short_beside_what_it_is_of_and_nowhere_else() -> None:
    rows = pd.DataFrame({"gain": [0.1], "gain_ci": [0.01], "T": [1.0], "accuracy_ci": [0.02]})
    shown = charts.readable(rows)
    assert list(charts._intervals_in_short(shown)) == [shown.columns[1]]


def test_the_labs_figures_follow_its_settings() -> None:
    page = AppTest.from_file(str(ROOT / "pages" / "lab.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.query_params["temperature"] = "5"
    another = AppTest.from_file(str(ROOT / "pages" / "lab.py"), default_timeout=300)
    another.session_state["frame.navigated"] = True
    another.query_params["temperature"] = "5"
    with small_runs():
        drawn_until(page, lambda _: bool(charts._shared))
        at_five: set[Any] = set(charts._shared)
        what_of = {what for (what, *_), _ in at_five}
        assert what_of == {"entropy", "entropies", "curves", "accuracies"}
        assert {settings.temperature for (_, settings, *_), _ in at_five} == {5}
        another.run()
    assert set(charts._shared) == at_five


def test_a_page_finds_out_its_language_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_settled", threading.local())
    monkeypatch.setattr(words, "_find_out", lambda: "eo")
    words.settle()
    assert words.language() == "eo"
    monkeypatch.setattr(words, "_find_out", lambda: "en")
    assert words.language() == "eo"
    words.settle()
    assert words.language() == "en"
