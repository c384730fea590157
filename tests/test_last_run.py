"""The run before stands behind the new one in a chart, where the two can be compared."""

from __future__ import annotations

import time
from copy import deepcopy

from streamlit.testing.v1 import AppTest

from kdcore.figures import accuracy_figure, add_ghost, gains_figure
from kdcore.statistics import Interval
from pages.common.words import words
from tests.test_tries import outcomes, run_of

NAMES = {"hard": "hard", "best": "best", "worse": "worse"}


def points(*means: float) -> list[Interval]:
    return [Interval(mean, 0.01, 10) for mean in means]


def test_the_last_run_stands_behind_with_its_intervals_and_once_in_the_legend() -> None:
    before = accuracy_figure([1, 4], points(0.7, 0.8), points(0.6)[0], [1], "T", NAMES)
    now = accuracy_figure([1, 4], points(0.75, 0.9), points(0.6)[0], [1], "T", NAMES)
    own = deepcopy(now.data)
    add_ghost(now, before, "the run before")
    ghosts = now.data[: -len(own)]
    assert now.data[-len(own) :] == own
    assert [value for g in ghosts for value in g.y] == [
        value for trace in before.data if trace.hoverinfo != "skip" for value in trace.y
    ]
    assert any(g.error_y.array is not None and max(g.error_y.array) > 0 for g in ghosts)
    assert [g.name for g in ghosts if g.showlegend] == ["the run before"]


def test_a_run_with_other_rows_leaves_no_ghost() -> None:
    before = gains_figure(["[8]", "[64]"], points(0.1, 0.2), "points")
    now = gains_figure(["[8]", "[64, 64]"], points(0.1, 0.2), "points")
    add_ghost(now, before, "the run before")
    assert len(now.data) == 1
    add_ghost(now, gains_figure(["[8]"], points(0.3), "points"), "the run before")
    assert list(now.data[0].x) == [30]


def test_a_ghost_has_no_ghost() -> None:
    first, second, third = (gains_figure(["a"], points(mean), "points") for mean in (0.1, 0.2, 0.3))
    kept = deepcopy(second)
    add_ghost(second, first, "the run before")
    add_ghost(third, kept, "the run before")
    assert [list(trace.x) for trace in third.data] == [[20], [30]]


def charts_with_a_ghost(page: AppTest) -> int:
    ghost = words("lesson")["compare"]["ghost"]["before"].split("{")[0]
    return sum(ghost in chart.proto.spec for chart in page.get("plotly_chart"))


def test_after_another_setting_its_chart_and_its_figure_show_the_run_before() -> None:
    page = run_of("dark_knowledge", {})
    assert charts_with_a_ghost(page) == 0
    said = words("lesson")["compare"]["before"]["before"].split("{")[0]
    assert not any(caption.value.startswith(said) for caption in page.caption)
    page.session_state["dark_knowledge.alpha"] = 0.6
    page.run()
    end = time.monotonic() + 60
    while charts_with_a_ghost(page) == 0 and time.monotonic() < end:
        page.run()
    assert outcomes(page, "dark_knowledge")
    assert charts_with_a_ghost(page) == 1
    (before,) = [c.value for c in page.caption if c.value.startswith(said)]
    assert "0.3" in before
    # Drawn once more it is still the run before, and not this one.
    page.run()
    assert charts_with_a_ghost(page) == 1
