"""The two charts of the Lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdcore.experiments.result import MeasuredCurve
from kdcore.figures.common import (
    DASHES,
    MARKERS,
    PALETTE,
    QUIET,
    add_band,
    add_ln10,
    add_vertical,
    hover_texts,
    new_figure,
    said,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def entropy_figure(curve: MeasuredCurve, temperature: float, name: str) -> Figure:
    """Draw soft-label entropy over T with its interval, the current T, and the line ln 10."""
    figure = new_figure(said("temperature"), said("entropy"))
    add_band(figure, curve.x, curve.y, "teacher")
    figure.add_scatter(
        x=curve.x,
        y=[point.mean for point in curve.y],
        customdata=hover_texts(curve.y),
        mode="lines",
        line={"color": PALETTE["teacher"], "width": 2.5},
        name=name,
        hovertemplate=said("nats_at_temperature") + "<extra></extra>",
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
    add_vertical(figure, temperature, {"color": QUIET, "width": 1, "dash": "dot"})
    add_ln10(figure)
    figure.update_xaxes(range=[0, 20.5])
    figure.update_layout(showlegend=False)
    return figure


def learning_curves_figure(curves: dict[str, MeasuredCurve], names: dict[str, str]) -> Figure:
    """Draw test accuracy over training, each curve with the interval over seeds.

    The horizontal axis is the share of the own training: teacher and students see different
    numbers of samples.
    """
    figure = new_figure(said("share_of_training"), said("test_accuracy"))
    for who, curve in curves.items():
        shares = [samples / curve.x[-1] for samples in curve.x]
        points = [p.times(100) for p in curve.y]
        add_band(figure, shares, points, who)
        figure.add_scatter(
            x=shares,
            y=[point.mean for point in points],
            customdata=[
                [text, n, f"{samples:,.0f}"]
                for (text, n), samples in zip(hover_texts(points), curve.x, strict=True)
            ],
            mode="lines+markers",
            line={"color": PALETTE[who], "width": 2.5, "dash": DASHES[who]},
            marker={"symbol": MARKERS[who], "size": 8},
            name=names[who],
            hovertemplate=f"{said('share_after_samples')}<extra>{names[who]}</extra>",
        )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def _interpolate(curve: MeasuredCurve, x: float) -> float:
    """Return the curve's mean at x, on the straight line between its points."""
    for i in range(1, len(curve.x)):
        if curve.x[i] >= x:
            share = (x - curve.x[i - 1]) / (curve.x[i] - curve.x[i - 1])
            return curve.y[i - 1].mean + share * (curve.y[i].mean - curve.y[i - 1].mean)
    return curve.y[-1].mean
