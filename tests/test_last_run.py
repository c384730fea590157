"""The run before stands behind the new one in a chart, where the two can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
from plotly.graph_objects import Figure
from streamlit.testing.v1 import AppTest

from kdcore.figures import accuracy_figure, add_ghost, gains_figure
from kdcore.figures.common import LEGEND_LINE, said
from kdcore.statistics import Interval
from pages.common.words import words
from tests.small import drawn_until, small_runs
from tests.test_tries import outcomes, run_of
from tests.test_visit import opened

NAMES = {"hard": "hard", "best": "best", "worse": "worse"}


@pytest.fixture(scope="module", autouse=True)
def runs_are_small() -> Iterator[None]:
    """Let no page train for long: what is looked at does not depend on it."""
    with small_runs():
        yield


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


def test_a_ghost_of_some_of_the_names_leaves_them_in_their_order() -> None:
    now = gains_figure(["c", "a", "b"], points(0.1, 0.2, 0.3), "points")
    add_ghost(now, gains_figure(["b"], points(0.1), "points"), "the run before")
    assert now.layout.yaxis.categoryarray == ("c", "a", "b")
    assert now.layout.yaxis.categoryorder == "array"


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
    drawn_until(page, lambda page: charts_with_a_ghost(page) > 0)
    assert outcomes(page, "dark_knowledge")
    assert charts_with_a_ghost(page) == 1
    (before,) = [c.value for c in page.caption if c.value.startswith(said)]
    assert "0.3" in before
    # Drawn once more it is still the run before, and not this one.
    page.run()
    assert charts_with_a_ghost(page) == 1


@pytest.mark.parametrize(
    ("before", "end", "cut"),
    [((70, 80), 0, "ghost_cut_off"), ((99, 99.5), 1, "ghost_outside")],
)
def test_a_ghost_far_away_leaves_a_third_of_the_axis_to_what_stands_before_it(
    before: tuple[float, float], end: int, cut: str
) -> None:
    means = [share / 100 for share in before]
    far = accuracy_figure([1, 4], points(*means), points(0.6)[0], [1], "T", NAMES)
    low, high = (90, 93) if end == 0 else (90, 91)
    own = points(low / 100, high / 100)
    now = accuracy_figure([1, 4], own, points(0.91)[0], [1], "T", NAMES)
    add_ghost(now, far, "the run before")
    bottom, top = now.layout.yaxis.range
    reach = high - low + 2  # with the intervals of one point
    assert bottom < low - 1
    assert top > high + 1
    assert reach / (top - bottom) > 0.29  # a third, but for the margins
    (name,) = (each for each in legend_of(now) if each.startswith("the run before"))
    ends = {"low": f"{before[0] - 1:.3g}", "high": f"{before[1] + 1:.3g}"}
    assert name.split("<br>")[1:] == [said(cut).format(**ends)]
    assert not now.layout.annotations


def test_a_ghost_nearby_changes_no_axis_and_one_that_lies_is_cut_along_the_other() -> None:
    near = accuracy_figure([1, 4], points(0.85, 0.9), points(0.8)[0], [1], "T", NAMES)
    now = accuracy_figure([1, 4], points(0.9, 0.93), points(0.91)[0], [1], "T", NAMES)
    add_ghost(now, near, "the run before")
    assert now.layout.yaxis.range is None
    bars = gains_figure(["a", "b"], points(0.01, 0.02), "points")
    add_ghost(bars, gains_figure(["a", "b"], points(0.3, 0.4), "points"), "the run before")
    assert bars.layout.xaxis.range[1] < 20
    (name,) = legend_of(bars)
    assert "to 41)" in name


def legend_of(figure: Figure) -> list[str]:
    """Return what the legend names."""
    if figure.layout.showlegend is False:
        return []
    return [trace.name for trace in figure.data if trace.showlegend is not False]


def test_the_legend_names_what_is_grey_where_it_is_seen_and_takes_no_room_from_the_chart() -> None:
    rows = ["a", "b"]
    now = gains_figure(rows, points(0.1, 0.2), "points")
    height = now.layout.height
    hidden = gains_figure(rows, points(0.1003, 0.2), "points")
    add_ghost(now, hidden, "the run before")
    assert (legend_of(now), len(now.data), now.layout.height) == ([], 1, height)
    add_ghost(now, gains_figure(rows, points(0.1, 0.23), "points"), "the run before")
    assert legend_of(now) == ["the run before"]
    assert now.layout.height > height
    wider = [Interval(0.1, 0.03, 10), Interval(0.2, 0.01, 10)]
    now = gains_figure(rows, points(0.1, 0.2), "points")
    add_ghost(now, gains_figure(rows, wider, "points"), "the run before")
    assert legend_of(now) == ["the run before"]


def test_each_entry_of_a_legend_makes_its_chart_higher() -> None:
    alone = accuracy_figure([1, 4], points(0.7, 0.8), None, [1], "T", NAMES)
    names = NAMES | {"teacher": "teacher"}
    base = points(0.6)[0]
    more = accuracy_figure([1, 4], points(0.7, 0.8), base, [1], "T", names, teacher=[0.9, 0.9])
    assert more.layout.height - alone.layout.height == 2 * LEGEND_LINE


def test_a_try_is_held_against_the_lessons_own_run_and_its_question_is_answered() -> None:
    text, tries = words("lesson")["compare"], words("dark_knowledge")["tries"]
    page = opened("dark_knowledge", prediction="skipped")
    for idea in tries[:2]:  # the second, too, against the lesson's and not against the first
        drawn_until(page, lambda page: bool(outcomes(page, "dark_knowledge")))
        next(b for b in page.button if b.label == idea["button"]).click()
        asked = text["tried"]["idea"].format(**idea)

        def answers(page: AppTest, asked: str = asked) -> list[str]:
            return [m.value for m in page.markdown if m.value.startswith(asked)]

        drawn_until(page, lambda page: bool(answers(page)))
        own, other = (text["tried"][way].split("{")[0] for way in ("same", "other"))
        (answer,) = answers(page)
        assert own in answer or other in answer
        ghosts = [chart.proto.spec for chart in page.get("plotly_chart")]
        assert any("as the lesson comes: " in spec for spec in ghosts)
        assert any(c.value.startswith("The lesson's own run") for c in page.caption)


def lesson_without_a_run() -> None:
    """A lesson as far as it says what came out, which is what the test says."""
    import streamlit as st

    from kdcore.experiments.temperature import TemperatureSettings
    from pages.common.lesson import Lesson

    lesson = Lesson(
        "temperature", TemperatureSettings, ["student_hidden", "labels", "teacher_hidden"]
    )
    lesson.compare(st.session_state["outcome"])
    lesson.tries()


def test_a_try_is_answered_by_whether_the_outcome_is_that_of_the_lessons_own_run() -> None:
    text, said = words("lesson")["compare"]["tried"], words("temperature")
    idea = said["tries"][0]
    (own,) = (option["text"] for option in said["predict"]["options"] if option["key"] == "low")
    page = AppTest.from_function(lesson_without_a_run)
    page.session_state["frame.navigated"] = True
    page.session_state["outcome"] = "low"
    page.run()
    next(b for b in page.button if b.label == idea["button"]).click()
    asked = text["idea"].format(**idea)
    for outcome, answer in (("high", text["other"].format(was=own)), ("low", text["same"])):
        page.session_state["outcome"] = outcome
        page.run()
        assert not page.exception
        assert f"{asked} {answer}" in [markdown.value for markdown in page.markdown]


def test_the_eye_is_brought_to_what_a_try_changes() -> None:
    page = opened("in_practice", prediction="skipped")
    tiny = next(idea for idea in words("in_practice")["tries"] if "look_at" in idea)
    drawn_until(page, lambda page: tiny["button"] in [b.label for b in page.button])
    brought = {"cost": 1, "bring": 0}
    next(b for b in page.button if b.label == tiny["button"]).click()
    drawn_until(page, lambda page: page.session_state["in_practice.cost-times"] > 0)
    assert {name: page.session_state[f"in_practice.{name}-times"] for name in brought} == brought
