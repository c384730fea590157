"""How good the students are: over a setting, against a baseline, while they learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kdcore.experiments.result import MeasuredCurve
from kdcore.figures.common import (
    DASHES,
    LEGEND_ROOM,
    MARKERS,
    PALETTE,
    QUIET,
    add_band,
    add_baseline,
    add_ln10,
    add_vertical,
    hover_texts,
    make_room,
    new_figure,
    said,
    scale_x,
)
from kdcore.monitor import LearningCurve
from kdcore.statistics import Interval, verdicts

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def accuracy_figure(
    x: Sequence[float | str],
    accuracy: Sequence[Interval],
    baseline: Interval | None,
    best: Sequence[int],
    x_title: str,
    names: dict[str, str],
    log_x: bool = False,
    teacher: Sequence[float] | None = None,
) -> Figure:
    """Draw student accuracy over a setting, with the hard-label baseline as a band.

    Points that cannot be told apart from the best (their positions are in ``best``) are filled,
    the others are open.

    Parameters
    ----------
    names
        What "hard", "best", "worse" and, if it is drawn, "teacher" are called in the chart.
    teacher
        Accuracy of the teacher that belongs to each point.
    """
    figure = new_figure(x_title, said("test_accuracy"))
    if teacher is not None:
        figure.add_scatter(
            x=list(x),
            y=[100 * value for value in teacher],
            mode="lines+markers",
            line={"color": PALETTE["teacher"], "width": 2, "dash": DASHES["teacher"]},
            marker={"symbol": MARKERS["teacher"], "size": 10},
            name=names["teacher"],
            hovertemplate=said("share_alone") + "<extra></extra>",
        )
    if baseline is not None:
        add_baseline(figure, baseline, names["hard"])
    points = [p.times(100) for p in accuracy]
    figure.add_scatter(
        x=list(x),
        y=[point.mean for point in points],
        mode="lines",
        line={"color": PALETTE["distilled"], "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    for which, symbol, name in (
        (list(best), "circle", names["best"]),
        ([i for i in range(len(points)) if i not in best], "circle-open", names["worse"]),
    ):
        figure.add_scatter(
            x=[x[i] for i in which],
            y=[points[i].mean for i in which],
            error_y={"array": [points[i].half_width for i in which], "thickness": 1.5, "width": 5},
            customdata=hover_texts([points[i] for i in which]),
            mode="markers",
            marker={"symbol": symbol, "size": 12, "color": PALETTE["distilled"]},
            name=name,
            hovertemplate=said("share_at") + "<extra></extra>",
        )
    scale_x(figure, x, log_x)
    entries = 2 + (teacher is not None) + (baseline is not None)
    make_room(figure, entries - LEGEND_ROOM)
    return figure


def entropy_points_figure(
    x: Sequence[float | str], entropy: Sequence[float], x_title: str, log_x: bool = False
) -> Figure:
    """Draw soft-label entropy over a setting, with the line ln 10."""
    figure = new_figure(x_title, said("soft_label_entropy"))
    figure.add_scatter(
        x=list(x),
        y=list(entropy),
        mode="lines+markers",
        line={"color": PALETTE["teacher"], "width": 2.5},
        marker={"symbol": MARKERS["teacher"], "size": 11},
        hovertemplate=said("nats_at") + "<extra></extra>",
    )
    add_ln10(figure)
    scale_x(figure, x, log_x)
    figure.update_layout(showlegend=False)
    return figure


def routes_figure(names: Sequence[str], accuracy: Sequence[Interval]) -> Figure:
    """Draw one accuracy with its interval for each of a few ways to train, the baseline first."""
    colours = ["hard", *["distilled"] * (len(accuracy) - 1)]
    return _whiskers_figure(names, accuracy, colours, said("test_accuracy"), "share_of")


def pair_figure(
    names: Sequence[str], accuracy: Sequence[Interval], x_title: str | None = None
) -> Figure:
    """Draw a few accuracies of any kind of network, so in nobody's colour."""
    colours = ["label"] * len(accuracy)
    x_title = said("test_accuracy") if x_title is None else x_title
    return _whiskers_figure(names, accuracy, colours, x_title, "share_of")


def gains_figure(names: Sequence[str], gains: Sequence[Interval], x_title: str) -> Figure:
    """Draw the paired gain of each of several ways over a baseline, and the line at no gain.

    Their colours are the verdicts that they have together.
    """
    colours = {"helps": "distilled", "hurts": "hard", "no clear difference": "label"}
    figure = _whiskers_figure(
        names, gains, [colours[each] for each in verdicts(gains)], x_title, "points_of"
    )
    add_vertical(figure, 0, {"color": PALETTE["hard"], "width": 2, "dash": DASHES["hard"]})
    return figure


def _whiskers_figure(
    names: Sequence[str],
    intervals: Sequence[Interval],
    colours: Sequence[str],
    x_title: str,
    hover: str,
) -> Figure:
    """Draw named intervals of shares below each other, in percent."""
    figure = new_figure(x_title, "")
    points = [p.times(100) for p in intervals]
    figure.add_scatter(
        x=[point.mean for point in points],
        y=list(names),
        error_x={
            "array": [point.half_width for point in points],
            "color": QUIET,
            "thickness": 2,
            "width": 6,
        },
        customdata=hover_texts(points),
        mode="markers",
        marker={
            "symbol": MARKERS["distilled"],
            "size": 13,
            "color": [PALETTE[colour] for colour in colours],
        },
        hovertemplate=said(hover) + "<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(showlegend=False, height=90 + 46 * len(points))
    return figure


def curves_figure(
    curves: Sequence[tuple[str, str, MeasuredCurve]], x_title: str, y_title: str, scale: float = 1.0
) -> Figure:
    """Draw a few curves with their intervals; each comes as who, name, curve.

    ``who`` gives it its colour and marker; several of the same kind share them.
    """
    figure = new_figure(x_title, y_title)
    for who, name, curve in curves:
        points = [p.times(scale) for p in curve.y]
        add_band(figure, curve.x, points, who)
        figure.add_scatter(
            x=curve.x,
            y=[point.mean for point in points],
            customdata=hover_texts(points),
            mode="lines+markers",
            line={"color": PALETTE[who], "width": 2, "dash": DASHES[who]},
            marker={"symbol": MARKERS[who], "size": 7},
            name=name,
            hovertemplate=f"{said('value_after')}<extra>{name}</extra>",
        )
    return figure


_LIVE_HEIGHT = 200


def live_curves_figure(curve: LearningCurve, y_title: str | None = None) -> Figure:
    """Draw the learning curves so far, the mean over seeds of each condition.

    ``y_title`` says what is measured while they learn, where that is no test accuracy.
    """
    figure = new_figure(said("samples_seen"), said("test_accuracy") if y_title is None else y_title)
    means = [100 * accuracy.mean(0) for accuracy in curve.accuracy]
    for condition in range(len(means[0])):
        figure.add_scatter(
            x=curve.samples_seen,
            y=[float(mean[condition]) for mean in means],
            mode="lines",
            line={"color": PALETTE["distilled" if len(means[0]) > 1 else "teacher"], "width": 1.5},
            opacity=0.8,
        )
    figure.update_layout(showlegend=False, height=_LIVE_HEIGHT)
    figure.update_yaxes(range=[0, 100])
    return figure
