"""The learning curves of a run that may be broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kdcore.experiments.result import MeasuredCurve
from kdcore.figures.common import (
    CLASS_LOOKS,
    DASHES,
    MARKERS,
    PALETTE,
    hover_texts,
    new_figure,
    said,
)
from kdcore.statistics import Interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Colour, dash and marker of each curve. The broken run has a colour that nobody else has here, and
#: the healthy twin that of every distilled student.
_LOOKS = {
    "hard": (PALETTE["hard"], DASHES["hard"], MARKERS["hard"]),
    "healthy": (PALETTE["distilled"], DASHES["distilled"], MARKERS["distilled"]),
    "broken": (CLASS_LOOKS[0][0], "dashdot", "x"),
}


def exam_figure(
    curves: Mapping[str, MeasuredCurve],
    teacher: Interval,
    names: Mapping[str, str],
    x_title: str,
    y_title: str,
) -> Figure:
    """Draw learning curves ("hard", "broken", "healthy") with their intervals, and their teacher.

    ``names`` say what they and the teacher are called in the chart.
    """
    figure = new_figure(x_title, y_title)
    for who, curve in curves.items():
        colour, dash, symbol = _LOOKS[who]
        points = [point.times(100) for point in curve.y]
        figure.add_scatter(
            x=curve.x,
            y=[point.mean for point in points],
            error_y={"array": [p.half_width for p in points], "thickness": 1.2, "width": 3},
            customdata=hover_texts(points),
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash},
            marker={"symbol": symbol, "size": 8},
            name=names[who],
            hovertemplate=said("share_after") + "<extra></extra>",
        )
    figure.add_hline(
        100 * teacher.mean,
        line={"color": PALETTE["teacher"], "width": 2, "dash": DASHES["teacher"]},
        name=names["teacher"],
        showlegend=True,
    )
    figure.update_yaxes(range=[0, 102])
    return figure
