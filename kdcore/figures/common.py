"""What all figures share: the palette, the markers, an empty figure, bands and lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from kdcore.statistics import Interval
from kdcore.words import spoken, words

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Near to the colours of Okabe and Ito, told apart with colour-blind eyes, and in the middle
#: between light and dark, so that they stand out on either background.
PALETTE = {
    "label": "#8a8894",
    "teacher": "#2a7fcf",
    "hard": "#dd6a12",
    "distilled": "#0f9d76",
}
MARKERS = {"label": "line", "teacher": "diamond", "hard": "square", "distilled": "circle"}
DASHES = {"teacher": "dot", "hard": "dash", "distilled": "solid"}

#: Grey that reads on both backgrounds.
QUIET = PALETTE["label"]

#: One for each digit, in the middle between light and dark.
DIGIT_COLOURS = (
    "#2a7fcf",
    "#dd6a12",
    "#0f9d76",
    "#c0392b",
    "#8e5bc0",
    "#8c6d3f",
    "#d1569f",
    "#7c8087",
    "#8f9a17",
    "#1497a8",
)

#: Colour and shape of each class of points in the plane. None has the colour of teacher or
#: student. As colour-blind eyes see them (simulated after Machado et al. 2009), no two are nearer
#: than ΔE 22; and each class has a shape of its own.
CLASS_LOOKS = (
    ("#7846b4", "circle"),
    ("#e3a50a", "square"),
    ("#27a3b8", "triangle"),
    ("#c93a78", "diamond"),
    ("#5d6b1f", "plus"),
    ("#b8b878", "cross"),
)

HEIGHT = 300

#: How far a ghost may lie from the values before it, in what those reach over themselves.
MOST_BEYOND = 2

#: How near a point must lie to another to be hidden by its marker, as a share of the values' reach.
HIDDEN_WITHIN = 0.04

#: Height of a line of the legend, and how many of them have room in :data:`HEIGHT`.
LEGEND_LINE, LEGEND_ROOM = 19, 2


def said(name: str) -> str:
    """Return what a chart says, by its name in ``figures.toml``, in the language that is spoken.

    What stands in ``%{…}`` is filled in by Plotly.
    """
    text: str = words("figures", spoken())[name]
    return text


def new_figure(x_title: str, y_title: str) -> Figure:
    """Return an empty figure with its axes named; it does not zoom or scroll."""
    return go.Figure(
        layout={
            "height": HEIGHT,
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "xaxis": {"title": {"text": x_title}, "fixedrange": True, "automargin": True},
            "yaxis": {"title": {"text": y_title}, "fixedrange": True, "automargin": True},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hovermode": "closest",
        }
    )


def add_band(figure: Figure, x: Sequence[float], y: Sequence[Interval], who: str) -> None:
    """Add the interval of a curve as a band in the curve's colour."""
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*(point.high for point in y), *(point.low for point in reversed(y))],
        fill="toself",
        fillcolor=PALETTE[who],
        opacity=0.18,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
    )


def add_points(
    figure: Figure,
    x: Sequence[float],
    y: Sequence[Interval],
    name: str,
    hover: str,
    symbol: str,
    dash: str,
) -> None:
    """Add a line of distilled students, each point with its interval; shares become percent.

    ``hover`` is the template of what hovering tells; it is given :func:`hover_texts`.
    """
    points = [point.times(100) for point in y]
    figure.add_scatter(
        x=list(x),
        y=[point.mean for point in points],
        error_y={"array": [p.half_width for p in points], "thickness": 1.5, "width": 5},
        customdata=hover_texts(points),
        mode="lines+markers",
        line={"color": PALETTE["distilled"], "width": 2.5, "dash": dash},
        marker={"symbol": symbol, "size": 12, "color": PALETTE["distilled"]},
        name=name,
        hovertemplate=hover,
    )


def add_baseline(figure: Figure, baseline: Interval, name: str) -> None:
    """Add the hard-label student as a line with its interval as a band over the whole width."""
    percent = baseline.times(100)
    figure.add_hrect(
        percent.low, percent.high, fillcolor=PALETTE["hard"], opacity=0.16, line_width=0
    )
    figure.add_hline(
        percent.mean,
        line={"color": PALETTE["hard"], "width": 2, "dash": DASHES["hard"]},
        # In the legend: written beside the line it would cover the points that come near it.
        name=f"{name}: {percent.mean:.1f} ± {percent.half_width:.1f} %",
        showlegend=True,
    )


# Plotly's own add_vline and add_hline look for subplots: two take as long as all the rest.


def add_vertical(figure: Figure, x: float, line: dict[str, object]) -> None:
    """Add a line from the bottom to the top."""
    figure.add_shape(
        {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "y domain", "line": line}
    )


def add_level(figure: Figure, y: float, colour: str, note: str, below: bool = False) -> None:
    """Add a dashed line over the whole width, with a note at its right end."""
    line = {"color": colour, "width": 1.5, "dash": "dash"}
    figure.add_shape(
        {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": y, "y1": y, "line": line}
    )
    figure.add_annotation(
        {
            "text": note,
            "font": {"size": 12, "color": colour},
            "showarrow": False,
            "x": 1,
            "xref": "x domain",
            "xanchor": "right",
            "y": y,
            "yanchor": "top" if below else "bottom",
        }
    )


def add_ln10(figure: Figure) -> None:
    """Add the line of the greatest entropy that ten classes can have."""
    add_level(figure, math.log(10), QUIET, said("all_alike"))
    figure.update_yaxes(range=[0, 2.65])


def add_chance(figure: Figure, name: str) -> None:
    """Add the line of guessing: one in ten."""
    add_level(figure, 10, PALETTE["hard"], name, below=True)


def add_ghost(figure: Figure, before: Figure, name: str) -> None:
    """Add the points and lines of an earlier figure of the same kind, in pale grey, behind it.

    Points that are named must have the same names: what the figure has no row for stays out. So
    does a ghost that is wholly hidden by what stands before it. The legend says what is grey, and
    how far it reaches where it is cut off.
    """
    ghosts = [
        trace for trace in before.data if trace.type == "scatter" and trace.hoverinfo != "skip"
    ]
    if not ghosts or _names(ghosts) - _names(figure.data):
        return
    own = figure.data
    ghosts = [trace for trace in ghosts if not _is_hidden(trace, own, figure)]
    if not ghosts:
        return
    called = "<br>".join([name, *_keep_readable(figure, own, ghosts)])
    if figure.layout.showlegend is False:  # nothing in it had to be told apart
        figure.update_traces(showlegend=False)
        figure.update_layout(showlegend=True)
    for number, trace in enumerate(ghosts):
        ghost = go.Scatter(
            x=trace.x,
            y=trace.y,
            error_x=_pale(trace.error_x),
            error_y=_pale(trace.error_y),
            mode=trace.mode,
            line={"color": QUIET, "width": 1.5, "dash": trace.line.dash},
            marker={"symbol": trace.marker.symbol, "size": 9, "color": QUIET},
            opacity=0.6,
            name=called,
            showlegend=number == 0,
            hoverinfo="skip",
        )
        figure.add_trace(ghost)
    # Plotly orders names as they come first, and a ghost need not have all of them.
    for letter in "xy":
        if named := [v for trace in own for v in _along(trace, letter) if isinstance(v, str)]:
            order = {"categoryorder": "array", "categoryarray": list(dict.fromkeys(named))}
            figure.update_layout({f"{letter}axis": order})
    # What was added last is drawn on top; a ghost is behind.
    count = len(ghosts)
    figure.data = (*figure.data[-count:], *figure.data[:-count])
    make_room(figure, 1 + called.count("<br>"))


def make_room(figure: Figure, lines: int) -> None:
    """Make a figure as much higher as some more lines of its legend need."""
    figure.update_layout(height=(figure.layout.height or HEIGHT) + LEGEND_LINE * max(0, lines))


def _is_hidden(ghost: go.Scatter, own: Sequence[go.Scatter], figure: Figure) -> bool:
    """Return whether each point of a ghost, intervals and all, lies behind an own one."""
    letter = _measured_along(own)
    low, high = _reach(own, letter, figure.layout.shapes)
    near = HIDDEN_WITHIN * (high - low)
    shown = (trace for trace in own if trace.type == "scatter" and trace.hoverinfo != "skip")
    points = [point for trace in shown for point in _points(trace, letter)]
    return all(
        any(
            place == other_place
            and abs(value - other) <= near
            and width <= other_width + near - abs(value - other)
            for other_place, other, other_width in points
        )
        for place, value, width in _points(ghost, letter)
    )


def _points(trace: go.Scatter, letter: str) -> list[tuple[Any, float, float]]:
    """Return of each point of a trace its place, its value and the half width of its interval."""
    places = _along(trace, "x" if letter == "y" else "y")
    return [
        (place, float(value), width)
        for place, value, width in zip(
            places, _along(trace, letter), _widths(trace, letter), strict=True
        )
        if value is not None
    ]


def _keep_readable(
    figure: Figure, own: Sequence[go.Scatter], ghosts: Sequence[go.Scatter]
) -> list[str]:
    """Keep a ghost from squashing what stands before it.

    Where it lies so far away that less than a third of the axis would be left for the own values,
    it is cut off. Returns lines that say so, with how far it reaches, in the units of the axis.
    """
    letter = _measured_along(own)
    axis = figure.layout[f"{letter}axis"]
    if axis.type == "log" or axis.range is not None:
        return []
    low, high = _reach(own, letter, figure.layout.shapes)
    ghost_low, ghost_high = _reach(ghosts, letter)
    span = high - low
    nearest, furthest = low - MOST_BEYOND * span, high + MOST_BEYOND * span
    if not span or (nearest <= ghost_low and ghost_high <= furthest):
        return []
    start, end = max(nearest, min(low, ghost_low)), min(furthest, max(high, ghost_high))
    pad = 0.06 * (end - start)
    figure.update_layout({f"{letter}axis": {"range": [start - pad, end + pad]}})
    values = [value for trace in ghosts for _, value, _ in _points(trace, letter)]
    is_seen = any(start <= value <= end for value in values)
    reach = (f"{end:.3g}".replace("-", "\N{MINUS SIGN}") for end in (ghost_low, ghost_high))
    text = said("ghost_cut_off" if is_seen else "ghost_outside")
    return [text.format(**dict(zip(("low", "high"), reach, strict=True)))]


def _measured_along(traces: Sequence[go.Scatter]) -> str:
    """Return the axis along which the values of traces lie: x, where their rows have names."""
    lies = any(isinstance(value, str) for trace in traces for value in _along(trace, "y"))
    return "x" if lies else "y"


def _widths(trace: go.Scatter, letter: str) -> list[float]:
    """Return the half widths of the intervals of a trace, 0 where it has none."""
    bars = trace[f"error_{letter}"].array
    return [0.0] * len(_along(trace, letter)) if bars is None else [float(width) for width in bars]


def _along(trace: go.Scatter, letter: str) -> Sequence[Any]:
    values = trace[letter]
    return () if values is None else values


def _reach(
    traces: Sequence[go.Scatter], letter: str, shapes: Sequence[go.layout.Shape] = ()
) -> tuple[float, float]:
    """Return the least and the greatest value along an axis, with the intervals."""
    values = [
        value + sign * width
        for trace in traces
        for _, value, width in _points(trace, letter)
        for sign in (-1, 1)
    ]
    values += [
        shape[f"{letter}{end}"]
        for shape in shapes
        if shape[f"{letter}ref"] in (None, letter)
        for end in (0, 1)
    ]
    return min(values), max(values)


def _pale(bars: object) -> dict[str, object] | None:
    """Return error bars, grey and thin, if there are any."""
    array = getattr(bars, "array", None)
    return None if array is None else {"array": array, "color": QUIET, "thickness": 1, "width": 3}


def _names(traces: Sequence[object]) -> set[str]:
    """Return what the points of some traces are called, where they are."""
    values = (v for t in traces for axis in (t.x, t.y) for v in (axis if axis is not None else ()))  # type: ignore[attr-defined]
    return {value for value in values if isinstance(value, str)}


def scale_x(figure: Figure, x: Sequence[float | str], log_x: bool) -> None:
    """Put a tick at each value that was measured."""
    if log_x:
        figure.update_xaxes(type="log")
    elif isinstance(x[0], str):
        figure.update_xaxes(type="category")
    figure.update_xaxes(
        tickvals=list(x),
        ticktext=[v.replace(",", ",<br>") if isinstance(v, str) else f"{v:g}" for v in x],
    )


def hover_texts(points: Sequence[Interval]) -> list[list[str | int]]:
    """Return what hovering tells of each point: the figure with its interval, and n."""
    return [[f"{point.mean:.3g} ± {point.half_width:.2g}", point.n] for point in points]
