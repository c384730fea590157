"""What networks make of the ten classes: look-alikes, targets, feature spaces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from plotly.subplots import make_subplots
from torch import Tensor

from kdcore.figures.common import (
    DIGIT_COLOURS,
    HEIGHT,
    PALETTE,
    hover_texts,
    new_figure,
    said,
)
from kdcore.statistics import Interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def similarity_figure(
    similarity: Sequence[Sequence[Interval]],
    order: Sequence[int],
    chosen: tuple[int, int],
    x_title: str,
    y_title: str,
    colour: str,
) -> Figure:
    """Draw the mean soft label of each true class as a map; similar classes stand together.

    The diagonal has no colour: it would outshine all second thoughts. Each cell can be selected;
    its point carries true class and other class.
    """
    figure = new_figure(x_title, y_title)
    percent = [[100 * similarity[i][j].mean for j in order] for i in order]
    places = range(len(order))
    others = [percent[r][c] for r in places for c in places if r != c]
    figure.add_heatmap(
        z=[[None if r == c else percent[r][c] for c in places] for r in places],
        zmin=0,
        zmax=max(others),
        colorscale=[[0, "#f3efe6"], [1, PALETTE["teacher"]]],
        colorbar={"title": {"text": colour, "side": "right"}, "thickness": 10, "outlinewidth": 0},
        xgap=2,
        ygap=2,
        text=[["" if r == c else _short_percent(percent[r][c]) for c in places] for r in places],
        texttemplate="%{text}",
        textfont={"size": 12},
        hoverinfo="skip",
    )
    # The diagonal is written in the colour of the page's letters, as it has the page's background:
    # as text of the points below it would fade with those that are not selected.
    for place in places:
        figure.add_annotation(
            x=place,
            y=place,
            text=f"<b>{_short_percent(percent[place][place])}</b>",
            font={"size": 12},
            showarrow=False,
        )
    # A heat map cannot be clicked; the unseen points above its cells can.
    unseen = {"marker": {"opacity": 0}}
    cells = [(r, c, similarity[order[r]][order[c]]) for r in places for c in places]
    figure.add_scatter(
        x=[c for _, c, _ in cells],
        y=[r for r, _, _ in cells],
        mode="markers",
        marker={"size": 26, "symbol": "square", "opacity": 0},
        selected=unseen,
        unselected=unseen,
        customdata=[[order[r], order[c], *hover_texts([p.times(100)])[0]] for r, c, p in cells],
        hovertemplate=said("taken_for") + "<extra></extra>",
        showlegend=False,
    )
    row, column = order.index(chosen[0]), order.index(chosen[1])
    figure.add_shape(
        type="rect",
        x0=column - 0.5,
        x1=column + 0.5,
        y0=row - 0.5,
        y1=row + 0.5,
        line={"color": PALETTE["hard"], "width": 3},
    )
    ticks = {"tickvals": list(places), "ticktext": [str(i) for i in order], "showgrid": False}
    ticks |= {"tickfont": {"size": 15}, "zeroline": False, "range": [-0.5, len(order) - 0.5]}
    figure.update_xaxes(**ticks)
    figure.update_yaxes(**ticks | {"range": [len(order) - 0.5, -0.5]})
    figure.update_layout(height=440, clickmode="event+select", dragmode=False)
    return figure


def _short_percent(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def look_alikes_figure(
    similarity: Sequence[Sequence[float]],
    order: Sequence[int],
    chosen: tuple[int, int],
    pictures: Sequence[str],
    hover: str,
) -> Figure:
    """Draw the classes on a ring, in order; the more two are taken for one another, the thicker.

    Parameters
    ----------
    similarity
        How much each two classes are taken for one another, symmetric.
    pictures
        Address of a picture for each class.
    hover
        What is said of a pair, with places for first, second and percent.
    """
    figure = new_figure("", "")
    count = len(order)
    # Half a turn is taken off so that the beginning and the end of the order meet at the bottom.
    angles = [math.pi * (1.5 - 2 * (place + 0.5) / count) for place in range(count)]
    at = {c: (math.cos(a), math.sin(a)) for c, a in zip(order, angles, strict=True)}
    pairs = [(similarity[a][b], a, b) for a in range(count) for b in range(a)]
    largest = max(share for share, _, _ in pairs)
    for share, a, b in sorted(pairs):
        strength = share / largest
        if strength < 0.12:  # a web of hairs says nothing
            continue
        steps = [step / 8 for step in range(9)]
        shared = hover.format(first=b, second=a, percent=f"{100 * share:.1f}")
        figure.add_scatter(
            x=[at[a][0] + t * (at[b][0] - at[a][0]) for t in steps],
            y=[at[a][1] + t * (at[b][1] - at[a][1]) for t in steps],
            mode="lines",
            line={
                "width": 1 + 13 * strength**2,
                "color": PALETTE["hard" if {a, b} == set(chosen) else "teacher"],
            },
            opacity=0.25 + 0.65 * strength,
            hovertemplate=shared + "<extra></extra>",
        )
    for label, (x, y) in at.items():
        image = {"source": pictures[label], "xref": "x", "yref": "y", "layer": "above"}
        size = {"sizex": 0.3, "sizey": 0.3, "xanchor": "center", "yanchor": "middle"}
        figure.add_layout_image(x=x, y=y, **image, **size)
    figure.add_scatter(
        x=[1.32 * x for x, _ in at.values()],
        y=[1.32 * y for _, y in at.values()],
        mode="text",
        text=[str(label) for label in at],
        textfont={"size": 17},
        hoverinfo="skip",
    )
    figure.update_xaxes(visible=False, range=[-1.5, 1.5])
    figure.update_yaxes(visible=False, range=[-1.5, 1.5], scaleanchor="x")
    figure.update_layout(height=400, showlegend=False)
    return figure


def targets_figure(
    targets: dict[str, Tensor], label: int, names: dict[str, str], y_title: str
) -> Figure:
    """Draw what several kinds of target say of one example, one row of bars each.

    The hard label fills its scale; all the others share one, so that they can be compared.
    """
    highest = max(100 * float(p.max()) for key, p in targets.items() if key != "hard")
    figure = make_subplots(
        rows=len(targets),
        cols=1,
        shared_xaxes=True,
        subplot_titles=[names[key] for key in targets],
        vertical_spacing=0.13,
    )
    colours = {"hard": "hard", "soft": "distilled"}
    for row, (key, probabilities) in enumerate(targets.items(), start=1):
        colour = PALETTE[colours.get(key, "label")]
        values = [100 * value for value in probabilities.tolist()]
        figure.add_bar(
            x=[str(digit) for digit in range(len(values))],
            y=values,
            text=[f"{value:.0f}" if value >= 0.5 else "" for value in values],
            textposition="outside",
            cliponaxis=False,
            marker={
                "color": colour,
                "line": {"color": colour, "width": 1.5},
                "pattern": {"shape": ["" if d == label else "/" for d in range(len(values))]},
            },
            hovertemplate="%{x}: %{y:.1f} %<extra>" + names[key] + "</extra>",
            row=row,
            col=1,
        )
        # Room above the bars for their figures.
        end = 1.35 * (100 if key == "hard" else highest)
        figure.update_yaxes(range=[0, end], nticks=4, row=row, col=1)
    figure.update_xaxes(type="category", fixedrange=True, showticklabels=True)
    figure.update_yaxes(fixedrange=True)
    figure.update_yaxes(title={"text": y_title}, row=(len(targets) + 1) // 2, col=1)
    # Titles at the left, where the eye starts; Plotly centres them.
    figure.update_annotations(x=0, xanchor="left", font={"size": 14})
    figure.update_layout(
        height=50 + 120 * len(targets),
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        showlegend=False,
        bargap=0.25,
    )
    return figure


def projection_figure(
    points: Sequence[Tensor], labels: Sequence[int], names: Sequence[str]
) -> Figure:
    """Draw examples as their digits in the plane of each of two networks' features.

    Each of ``points`` is ``[N, 2]``; only their arrangement means something, so no ticks.
    """
    figure = make_subplots(rows=1, cols=len(points), subplot_titles=list(names))
    colours = [DIGIT_COLOURS[label] for label in labels]
    for column, plane in enumerate(points, start=1):
        figure.add_scatter(
            x=plane[:, 0].tolist(),
            y=plane[:, 1].tolist(),
            mode="text",
            text=[str(label) for label in labels],
            textfont={"color": colours, "size": 11},
            hoverinfo="skip",
            row=1,
            col=column,
        )
    figure.update_xaxes(showticklabels=False, fixedrange=True)
    figure.update_yaxes(showticklabels=False, fixedrange=True)
    figure.update_layout(height=HEIGHT, margin={"l": 8, "r": 8, "t": 30, "b": 8}, showlegend=False)
    return figure
