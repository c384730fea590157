"""What is published and what is measured here of small models: size against quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kdcore.experiments.result import Row
from kdcore.figures.common import DASHES, MARKERS, PALETTE, QUIET, hover_texts, new_figure, said
from kdcore.practice.published import System
from kdcore.statistics import Interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: The measure that most of the published systems share; others get another marker.
USUAL_MEASURE = "GLUE"


def published_systems_figure(
    systems: Sequence[System], x_title: str, y_title: str, names: dict[str, str]
) -> Figure:
    """Draw quality kept over size left, both in percent of the teacher, one point a system.

    Systems whose source gives no such figures are left out. Quality in another measure than the
    usual one has another marker: it is a ratio of something else.

    Parameters
    ----------
    names
        What "teacher", "usual" and "other" points are called in the chart.
    """
    figure = new_figure(x_title, y_title)
    figure.add_scatter(
        x=[100],
        y=[100],
        mode="markers",
        marker={"symbol": MARKERS["teacher"], "size": 12, "color": PALETTE["teacher"]},
        name=names["teacher"],
        hovertemplate=names["teacher"] + "<extra></extra>",
    )
    for usual, symbol, colour, name in (
        (True, MARKERS["distilled"], PALETTE["distilled"], names["usual"]),
        (False, "triangle-up", QUIET, names["other"]),
    ):
        points = [
            (system, 100 * size, 100 * quality)
            for system in systems
            if (size := system.found.size_left) is not None
            and (quality := system.found.quality_kept) is not None
            and (system.measure == USUAL_MEASURE) is usual
        ]
        figure.add_scatter(
            x=[size for _, size, _ in points],
            y=[quality for _, _, quality in points],
            mode="markers+text",
            marker={"symbol": symbol, "size": 13, "color": colour},
            text=[system.name for system, _, _ in points],
            textposition="bottom center",
            textfont={"size": 13},
            customdata=[
                [system.source, "> " if system.at_least else "", system.measure]
                for system, _, _ in points
            ],
            name=name,
            hovertemplate=said("published_system") + "<extra></extra>",
        )
    figure.update_xaxes(range=[0, 108])
    figure.update_yaxes(range=[70, 103])
    return figure


def student_size_figure(
    rows: Sequence[Row],
    seeds: int,
    teacher_parameters: int,
    chosen_width: int,
    x_title: str,
    names: dict[str, str],
) -> Figure:
    """Draw test accuracy over the number of parameters, with and without distillation.

    Parameters
    ----------
    rows
        The table of the experiment ``student-size``.
    chosen_width
        The students of this width get a ring.
    names
        What "teacher", "hard", "distilled" and "chosen" are called in the chart.
    """
    figure = new_figure(x_title, said("test_accuracy"))
    teacher = 100 * rows[0]["teacher_accuracy"]
    figure.add_hline(
        teacher, line={"color": PALETTE["teacher"], "width": 1.5, "dash": DASHES["teacher"]}
    )
    figure.add_scatter(
        x=[teacher_parameters],
        y=[teacher],
        mode="markers",
        marker={"symbol": MARKERS["teacher"], "size": 13, "color": PALETTE["teacher"]},
        name=names["teacher"],
        hovertemplate=f"{said('share_of_parameters')}<extra>{names['teacher']}</extra>",
    )
    for who in ("hard", "distilled"):
        own = sorted(
            (row for row in rows if row["label_type"] == who), key=lambda row: row["parameters"]
        )
        points = [
            Interval(100 * row["student_accuracy"], 100 * row["student_accuracy_ci"], seeds)
            for row in own
        ]
        figure.add_scatter(
            x=[row["parameters"] for row in own],
            y=[point.mean for point in points],
            error_y={"array": [p.half_width for p in points], "thickness": 1.5, "width": 5},
            customdata=[
                [text, n, row["student_width"]]
                for (text, n), row in zip(hover_texts(points), own, strict=True)
            ],
            mode="lines+markers",
            line={"color": PALETTE[who], "width": 2, "dash": DASHES[who]},
            marker={"symbol": MARKERS[who], "size": 10},
            name=names[who],
            hovertemplate=f"{said('share_of_units')}<extra>{names[who]}</extra>",
        )
    chosen = [row for row in rows if row["student_width"] == chosen_width]
    figure.add_scatter(
        x=[row["parameters"] for row in chosen],
        y=[100 * row["student_accuracy"] for row in chosen],
        mode="markers",
        marker={"symbol": "circle-open", "size": 20, "color": QUIET, "line": {"width": 1.5}},
        name=names["chosen"],
        hoverinfo="skip",
    )
    sizes = sorted({row["parameters"] for row in rows} | {teacher_parameters})
    figure.update_xaxes(
        type="log", tickvals=sizes, ticktext=[f"{size:,}" for size in sizes], tickangle=-40
    )
    return figure
