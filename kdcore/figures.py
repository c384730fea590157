"""Results in, Plotly figure out. One palette and one marker shape for each who acts here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from kdcore.experiments.common import MeasuredCurve
from kdcore.statistics import Interval

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
_QUIET = "#8a8894"
_HEIGHT = 300


def entropy_figure(curve: MeasuredCurve, temperature: float, name: str) -> Figure:
    """Draw soft-label entropy over T with its interval, the current T, and the line ln 10."""
    figure = _figure("temperature T", "entropy (nats)")
    _add_band(figure, curve.x, curve.y, "teacher")
    figure.add_scatter(
        x=curve.x,
        y=[point.mean for point in curve.y],
        customdata=_hover(curve.y),
        mode="lines",
        line={"color": PALETTE["teacher"], "width": 2.5},
        name=name,
        hovertemplate="T = %{x:.3g}: %{customdata[0]} nats, n = %{customdata[1]}<extra></extra>",
    )
    here = _interpolate(curve, temperature)
    figure.add_scatter(
        x=[temperature],
        y=[here],
        mode="markers+text",
        marker={"symbol": MARKERS["teacher"], "size": 13, "color": PALETTE["teacher"]},
        text=[f"T = {temperature:g}: {here:.2f}"],
        textposition="bottom right" if temperature < 12 else "bottom left",
        textfont={"size": 14},
        hoverinfo="skip",
    )
    figure.add_vline(temperature, line={"color": _QUIET, "width": 1, "dash": "dot"})
    figure.add_hline(
        math.log(10),
        line={"color": _QUIET, "width": 1.5, "dash": "dash"},
        annotation={"text": "ln 10 = 2.303: all alike", "font": {"size": 12, "color": _QUIET}},
        annotation_position="top right",
    )
    figure.update_yaxes(range=[0, 2.65])
    figure.update_xaxes(range=[0, 20.5])
    figure.update_layout(showlegend=False)
    return figure


def learning_curves_figure(curves: dict[str, MeasuredCurve], names: dict[str, str]) -> Figure:
    """Draw test accuracy over training, each curve with the interval over seeds.

    The horizontal axis is the share of the own training: teacher and students see different
    numbers of samples.
    """
    figure = _figure("share of the training done", "test accuracy (%)")
    for who, curve in curves.items():
        shares = [samples / curve.x[-1] for samples in curve.x]
        points = [Interval(100 * p.mean, 100 * p.half_width, p.n) for p in curve.y]
        _add_band(figure, shares, points, who)
        figure.add_scatter(
            x=shares,
            y=[point.mean for point in points],
            customdata=[
                [text, n, f"{samples:,.0f}"]
                for (text, n), samples in zip(_hover(points), curve.x, strict=True)
            ],
            mode="lines+markers",
            line={"color": PALETTE[who], "width": 2.5, "dash": DASHES[who]},
            marker={"symbol": MARKERS[who], "size": 8},
            name=names[who],
            hovertemplate=(
                "%{customdata[0]} %, n = %{customdata[1]}<br>"
                "after %{customdata[2]} samples<extra>" + names[who] + "</extra>"
            ),
        )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def _figure(x_title: str, y_title: str) -> Figure:
    return go.Figure(
        layout={
            "height": _HEIGHT,
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "xaxis": {"title": {"text": x_title}, "fixedrange": True, "automargin": True},
            "yaxis": {"title": {"text": y_title}, "fixedrange": True, "automargin": True},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hovermode": "closest",
        }
    )


def _add_band(figure: Figure, x: Sequence[float], y: Sequence[Interval], who: str) -> None:
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


def _hover(points: Sequence[Interval]) -> list[list[str | int]]:
    return [[f"{point.mean:.3g} ± {point.half_width:.2g}", point.n] for point in points]


def _interpolate(curve: MeasuredCurve, x: float) -> float:
    """Return the curve's mean at x, on the straight line between its points."""
    for i in range(1, len(curve.x)):
        if curve.x[i] >= x:
            share = (x - curve.x[i - 1]) / (curve.x[i] - curve.x[i - 1])
            return curve.y[i - 1].mean + share * (curve.y[i].mean - curve.y[i - 1].mean)
    return curve.y[-1].mean
