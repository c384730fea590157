"""The loss taken apart: gradients over T, and students with the factor T² and without it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kdcore.figures.common import (
    PALETTE,
    QUIET,
    add_vertical,
    hover_texts,
    new_figure,
    said,
)
from kdcore.views.anatomy import GradientSizes

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def gradient_sizes_figure(sizes: GradientSizes, temperature: float, text: dict[str, str]) -> Figure:
    """Draw the size of the soft gradient over T, with T² and without, and what both tend to."""
    figure = new_figure(text["x"], text["y"])
    curves = (
        (text["squared"], sizes.squared, "distilled", "solid"),
        (text["plain"], sizes.plain, "teacher", "dash"),
    )
    for name, points, who, dash in curves:
        figure.add_scatter(
            x=sizes.temperatures,
            y=[point.mean for point in points],
            customdata=hover_texts(points),
            mode="lines",
            line={"color": PALETTE[who], "width": 3, "dash": dash},
            name=name,
            hovertemplate=f"{said('of_images')}<extra>{name}</extra>",
        )
    for name, values in (
        (text["limit"], [sizes.limit] * len(sizes.temperatures)),
        (text["plain_limit"], sizes.plain_limit),
    ):
        figure.add_scatter(
            x=sizes.temperatures,
            y=values,
            mode="lines",
            line={"color": QUIET, "width": 1.5, "dash": "dot"},
            name=name,
            hovertemplate=f"{said('at_temperature')}<extra>{name}</extra>",
        )
    figure.add_scatter(
        x=[sizes.temperatures[0], sizes.temperatures[-1]],
        y=[sizes.hard.mean] * 2,
        mode="lines",
        line={"color": PALETTE["hard"], "width": 1.5, "dash": "dashdot"},
        name=text["hard"],
        hovertemplate="%{y:.3g}<extra>" + text["hard"] + "</extra>",
    )
    add_vertical(figure, temperature, {"color": QUIET, "width": 1, "dash": "dot"})
    ticks = [0.5, 1, 2, 4, 10, 20, 50, 100]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    low = min(sizes.plain[-1].mean, sizes.plain_limit[-1])
    high = 2.5 * max(sizes.limit, *(point.mean for point in (*sizes.plain, *sizes.squared)))
    figure.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], dtick=1)
    figure.update_layout(height=380)
    return figure
