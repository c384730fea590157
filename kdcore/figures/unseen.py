"""The digit that the student never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from kdcore.experiments.unseen_class import Look
from kdcore.figures.common import (
    DASHES,
    HEIGHT,
    PALETTE,
    add_points,
    new_figure,
    said,
    scale_x,
)
from kdcore.statistics import Interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def recall_figure(
    temperatures: Sequence[float],
    recalls: Mapping[str, Sequence[Interval]],
    hard: Mapping[str, Interval],
    x_title: str,
    y_title: str,
    names: dict[str, str],
) -> Figure:
    """Draw the recall on never-seen classes over T, as trained and after the bias correction.

    Parameters
    ----------
    recalls, hard
        By ``"plain"`` and ``"corrected"``: of the students at each temperature, and of the student
        on hard labels.
    names
        What "plain", "corrected", "hard_plain" and "hard_corrected" are called in the legend.
    """
    figure = new_figure(x_title, y_title)
    for key, symbol, dash in (("plain", "circle", "solid"), ("corrected", "circle-open", "dot")):
        hover = said("share_at_temperature") + "<extra></extra>"
        add_points(figure, temperatures, recalls[key], names[key], hover, symbol, dash)
        percent = hard[key].times(100)
        ends = [min(temperatures), max(temperatures)]
        # In the legend rather than at the line: there the soft students' points come and go.
        figure.add_scatter(
            x=ends,
            y=[percent.mean, percent.mean],
            mode="lines",
            line={
                "color": PALETTE["hard"],
                "width": 2.5,
                "dash": DASHES["hard"] if key == "plain" else "dot",
            },
            name=names[f"hard_{key}"],
            hovertemplate=(
                f"{percent.mean:.1f} ± {percent.half_width:.1f} %, n = {percent.n}<extra></extra>"
            ),
        )
        figure.add_hrect(
            percent.low, percent.high, fillcolor=PALETTE["hard"], opacity=0.12, line_width=0
        )
    scale_x(figure, temperatures, log_x=True)
    figure.update_yaxes(range=[-4, 104])
    figure.update_layout(height=HEIGHT + 60)
    return figure


def shift_figure(
    looks: Sequence[Look],
    here: float,
    rule: float,
    x_title: str,
    y_title: str,
    names: dict[str, str],
) -> Figure:
    """Draw what a shift of the never-seen digits' logits does to one student.

    Parameters
    ----------
    here
        The shift that is set now.
    rule
        Where the rule puts it.
    names
        What "unseen", "seen" and "rule" are called in the chart.
    """
    figure = new_figure(x_title, y_title)
    for key, symbol, dash, values in (
        ("unseen", "circle", "solid", [look.unseen_recall for look in looks]),
        ("seen", "circle-open", "dot", [look.seen_accuracy for look in looks]),
    ):
        figure.add_scatter(
            x=[look.shift for look in looks],
            y=[100 * value for value in values],
            mode="lines",
            line={"color": PALETTE["distilled"], "width": 2.5, "dash": dash},
            marker={"symbol": symbol},
            name=names[key],
            hovertemplate=f"{said('after_shift')}<extra>{names[key]}</extra>",
        )
    figure.add_vline(here, line={"color": PALETTE["label"], "width": 8}, opacity=0.35)
    figure.add_vline(
        rule,
        line={"color": PALETTE["teacher"], "width": 2, "dash": "dash"},
        annotation={"text": names["rule"], "font": {"size": 12, "color": PALETTE["teacher"]}},
        annotation_position="bottom right",
    )
    figure.update_yaxes(range=[-4, 104])
    return figure


def confusion_figure(
    confusion: Tensor, marked: Sequence[int], x_title: str, y_title: str
) -> Figure:
    """Draw how often each answer was given to the images of each class; some rows are marked."""
    figure = new_figure(x_title, y_title)
    shares = confusion / confusion.sum(1, keepdim=True).clamp_min(1)
    classes = [str(digit) for digit in range(len(confusion))]
    figure.add_heatmap(
        x=classes,
        y=[f"<b>{digit} ◂</b>" if int(digit) in marked else digit for digit in classes],
        z=shares.tolist(),
        text=[[str(count) if count else "" for count in row] for row in confusion.tolist()],
        texttemplate="%{text}",
        textfont={"size": 12},
        zmin=0,
        zmax=1,
        # A step right above none: even one image stands out, on a light and a dark background.
        colorscale=[
            [0, "rgba(138,136,148,0.10)"],
            [0.002, "rgba(138,136,148,0.10)"],
            [0.002, "#c3d6d0"],
            [1, PALETTE["distilled"]],
        ],
        showscale=False,
        xgap=2,
        ygap=2,
        customdata=confusion.tolist(),
        hovertemplate=said("answered") + "<extra></extra>",
    )
    figure.update_xaxes(type="category", side="top", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_layout(height=HEIGHT + 80)
    return figure
