"""Charts of writers: how much of what they write is valid, against how varied it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kdcore.figures.common import MARKERS, PALETTE, QUIET, hover_texts, new_figure, said
from kdcore.statistics import Interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def frontier_figure(
    mixes: Sequence[float],
    students: Sequence[tuple[Interval, Interval]],
    temperatures: Sequence[float],
    cooled: Sequence[tuple[Interval, Interval]],
    text: Mapping[str, str],
) -> Figure:
    """Draw validity over the effective number of words, for each direction and for the control.

    Parameters
    ----------
    students, cooled
        Effective words and validity of each point; validity is a share.
    text
        What the axes and both lines are called: "x", "y", "students", "cooled".
    """
    figure = new_figure(text["x"], text["y"])
    lines = (
        (cooled, temperatures, "T", text["cooled"], "hard", "dash"),
        (students, mixes, "λ", text["students"], "distilled", "solid"),
    )
    for points, values, symbol, name, who, dash in lines:
        words = [each for each, _ in points]
        valid = [each.times(100) for _, each in points]
        texts = [
            [f"{symbol} = {value:g}", *told[0], *told[1]]
            for value, *told in zip(values, hover_texts(words), hover_texts(valid), strict=True)
        ]
        # At T = 1 the control is the student of forward KL itself, whose name stands there already.
        named = [who == "distilled" or value == min(values) for value in values]
        figure.add_scatter(
            x=[point.mean for point in words],
            y=[point.mean for point in valid],
            error_x={"array": [p.half_width for p in words], "thickness": 1.2, "width": 3},
            error_y={"array": [p.half_width for p in valid], "thickness": 1.2, "width": 3},
            customdata=texts,
            mode="lines+markers+text",
            text=[
                f"{symbol} = {v:g}" if is_named else ""
                for v, is_named in zip(values, named, strict=True)
            ],
            textposition="bottom center" if who == "hard" else "top right",
            line={"color": PALETTE[who], "width": 2, "dash": dash},
            marker={"symbol": MARKERS[who], "size": 10 if who == "distilled" else 7},
            name=name,
            hovertemplate=said("valid_and_rich") + "<extra></extra>",
            cliponaxis=False,
        )
    figure.update_xaxes(type="log", dtick=0.30103, tickformat=".0f")
    figure.update_layout(height=380)
    return figure


def rows_figure(
    names: Sequence[str],
    who: Sequence[str],
    values: Sequence[Interval],
    x_title: str,
    reference: tuple[float, str] | None = None,
) -> Figure:
    """Draw one point with its interval a row, each in the colour of whom it belongs to.

    Parameters
    ----------
    reference
        Where a line stands for comparison, and what it is called.
    """
    figure = new_figure(x_title, "")
    for name, own, value, told in zip(names, who, values, hover_texts(values), strict=True):
        figure.add_scatter(
            x=[value.mean],
            y=[name],
            error_x={"array": [value.half_width], "thickness": 2, "width": 6},
            customdata=[told],
            mode="markers",
            marker={"symbol": MARKERS[own], "size": 12, "color": PALETTE[own]},
            hovertemplate=said("value_of") + "<extra></extra>",
        )
    if reference is not None:
        figure.add_vline(
            reference[0],
            line={"color": QUIET, "width": 1.5, "dash": "dash"},
            annotation={"text": reference[1], "font": {"size": 12, "color": QUIET}},
            annotation_position="top left",
        )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(showlegend=False, height=90 + 40 * len(values))
    if reference is not None:
        figure.update_layout(margin={"t": 28})
    return figure
