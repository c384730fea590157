"""The run before stands behind the new one in a chart, where the two can be compared."""

from __future__ import annotations

from copy import deepcopy

from kdcore.figures import accuracy_figure, add_ghost, gains_figure
from kdcore.statistics import Interval

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
