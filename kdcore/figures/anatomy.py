"""The loss taken apart: answers, pulls and logits of one example, gradients over T."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from plotly.subplots import make_subplots

from kdcore.figures.common import (
    PALETTE,
    QUIET,
    add_baseline,
    add_points,
    hover_texts,
    new_figure,
    scale_x,
)
from kdcore.losses import soft_labels
from kdcore.statistics import Interval
from kdcore.views.anatomy import Example, GradientSizes, Pulls, pulls, shifted_teacher

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def anatomy_figure(
    example: Example, start: Sequence[float], temperature: float, alpha: float, text: dict[str, str]
) -> Figure:
    """Draw one example: what student and teacher say, the pulls on each logit, the logits.

    Parameters
    ----------
    start
        The student's logits before the first step.
    text
        Titles of the three parts (says, pulls, logits) and names of what is drawn: label, teacher,
        student, start, hard, soft, total.
    """
    classes = list(range(len(start)))
    figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.115,
        subplot_titles=[
            text["says"].format(temperature=f"{temperature:g}"),
            text["pulls"],
            text["logits"],
        ],
        row_heights=[0.27, 0.36, 0.37],
    )
    _add_answers(figure, example, temperature, text)
    _add_pulls(figure, pulls(example, temperature, alpha), text)
    now, teacher = example.student.tolist(), shifted_teacher(example).tolist()
    figure.add_scatter(
        x=[place for c in classes for place in (c, c, None)],
        y=[value for c in classes for value in (start[c], now[c], None)],
        mode="lines",
        line={"color": PALETTE["distilled"], "width": 2},
        hoverinfo="skip",
        showlegend=False,
        row=3,
        col=1,
    )
    for name, values, marker in (
        (text["teacher"], teacher, {"symbol": "diamond-open", "color": PALETTE["teacher"]}),
        (text["start"], list(start), {"symbol": "circle-open", "color": PALETTE["distilled"]}),
        (text["student"], now, {"symbol": "circle", "color": PALETTE["distilled"]}),
    ):
        figure.add_scatter(
            x=classes,
            y=values,
            mode="markers",
            marker=marker | {"size": 11, "line": {"width": 2}},
            name=name,
            showlegend=name == text["start"],
            hovertemplate="class %{x}: %{y:.2f}<extra>" + name + "</extra>",
            row=3,
            col=1,
        )
    figure.update_xaxes(fixedrange=True, tickvals=classes, showticklabels=True, zeroline=False)
    figure.update_xaxes(title={"text": text["class"]}, row=3)
    figure.update_yaxes(fixedrange=True, automargin=True)
    figure.update_yaxes(range=[0, 1.06], tickformat=".0%", row=1)
    figure.update_yaxes(zeroline=True, zerolinecolor=QUIET, zerolinewidth=1, row=2)
    figure.update_layout(
        height=660,
        margin={"l": 8, "r": 8, "t": 70, "b": 8},
        legend={"orientation": "h", "y": 1.06, "yanchor": "bottom", "x": 0},
        bargap=0.3,
        hovermode="closest",
        transition={"duration": 0},
    )
    figure.update_annotations(font={"size": 13}, x=0, xanchor="left")
    return figure


def _add_answers(
    figure: Figure, example: Example, temperature: float, text: dict[str, str]
) -> None:
    """Add bars of what teacher and student say at T, and the hard label as a line."""
    logits = (("teacher", example.teacher, "teacher"), ("student", example.student, "distilled"))
    for name, own, who in logits:
        figure.add_bar(
            x=list(range(len(own))),
            y=soft_labels(own[None], temperature)[0].tolist(),
            marker={"color": PALETTE[who]},
            name=text[name],
            hovertemplate="class %{x}: %{y:.1%}<extra>" + text[name] + "</extra>",
            row=1,
            col=1,
        )
    figure.add_scatter(
        x=[example.label - 0.38, example.label + 0.38],
        y=[1, 1],
        mode="lines",
        line={"color": PALETTE["label"], "width": 4},
        name=text["label"],
        hovertemplate=f"class {example.label}: 100 %<extra>{text['label']}</extra>",
        row=1,
        col=1,
    )


def _add_pulls(figure: Figure, pulled: Pulls, text: dict[str, str]) -> None:
    """Add an arrow from zero for each pull on each logit."""
    longest = max(float(pull.abs().max()) for pull in pulled) or 1.0
    kinds = (("hard", "hard", -0.25), ("soft", "teacher", 0.0), ("total", "distilled", 0.25))
    for kind, who, shift in kinds:
        values = getattr(pulled, kind).tolist()
        places = [c + shift for c in range(len(values))]
        # A pull that cannot be seen has no tip: it would point somewhere all the same.
        symbols = [
            "circle" if abs(v) < 0.03 * longest else "triangle-up" if v > 0 else "triangle-down"
            for v in values
        ]
        figure.add_scatter(
            x=[x for place in places for x in (place, place, None)],
            y=[y for value in values for y in (0, value, None)],
            mode="lines",
            line={"color": PALETTE[who], "width": 4 if kind == "total" else 2.5},
            name=text[kind],
            hoverinfo="skip",
            legendgroup=kind,
            row=2,
            col=1,
        )
        figure.add_scatter(
            x=places,
            y=values,
            mode="markers",
            marker={
                "symbol": symbols,
                "size": [4 if symbol == "circle" else 11 for symbol in symbols],
                "color": PALETTE[who],
            },
            customdata=list(range(len(values))),
            hovertemplate="class %{customdata}: %{y:+.3f}<extra>" + text[kind] + "</extra>",
            legendgroup=kind,
            showlegend=False,
            row=2,
            col=1,
        )


def factor_figure(
    accuracy: Mapping[str, Sequence[Interval]],
    temperatures: Sequence[float],
    baseline: Interval,
    text: dict[str, str],
) -> Figure:
    """Draw students over T that were trained with the factor T² and without it.

    ``accuracy`` holds one interval for each temperature, under ``"T²"`` and ``"none"``.
    """
    figure = new_figure(text["x"], text["y"])
    add_baseline(figure, baseline, text["hard"])
    for kind, name, symbol, dash in (
        ("T²", text["squared"], "circle", "solid"),
        ("none", text["plain"], "circle-open", "dash"),
    ):
        hover = f"T = %{{x:g}}: %{{customdata[0]}} %, n = %{{customdata[1]}}<extra>{name}</extra>"
        add_points(figure, temperatures, accuracy[kind], name, hover, symbol, dash)
    scale_x(figure, list(temperatures), log_x=True)
    return figure


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
            hovertemplate=(
                "T = %{x:.3g}: %{customdata[0]}, n = %{customdata[1]} images<extra>"
                + name
                + "</extra>"
            ),
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
            hovertemplate="T = %{x:.3g}: %{y:.3g}<extra>" + name + "</extra>",
        )
    figure.add_scatter(
        x=[sizes.temperatures[0], sizes.temperatures[-1]],
        y=[sizes.hard.mean] * 2,
        mode="lines",
        line={"color": PALETTE["hard"], "width": 1.5, "dash": "dashdot"},
        name=text["hard"],
        hovertemplate="%{y:.3g}<extra>" + text["hard"] + "</extra>",
    )
    figure.add_vline(temperature, line={"color": QUIET, "width": 1, "dash": "dot"})
    ticks = [0.5, 1, 2, 4, 10, 20, 50, 100]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    low = min(sizes.plain[-1].mean, sizes.plain_limit[-1])
    high = 2.5 * max(sizes.limit, *(point.mean for point in (*sizes.plain, *sizes.squared)))
    figure.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], dtick=1)
    figure.update_layout(height=380)
    return figure
