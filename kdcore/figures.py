"""Results in, Plotly figure out. One palette and one marker shape for each who acts here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from kdcore.distillation import LearningCurve
from kdcore.experiments.balance import BalanceCell, BalanceMap
from kdcore.experiments.common import MeasuredCurve
from kdcore.reference import LayerChange, Memorising
from kdcore.statistics import Interval, verdict

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
#: One for each digit, in the middle between light and dark.
_DIGIT_COLOURS = (
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
_HEIGHT = 300
_LIVE_HEIGHT = 200


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
    _add_ln10(figure)
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
    figure = _figure(x_title, "test accuracy (%)")
    if teacher is not None:
        figure.add_scatter(
            x=list(x),
            y=[100 * value for value in teacher],
            mode="lines+markers",
            line={"color": PALETTE["teacher"], "width": 2, "dash": DASHES["teacher"]},
            marker={"symbol": MARKERS["teacher"], "size": 10},
            name=names["teacher"],
            hovertemplate="%{x}: %{y:.1f} %<extra></extra>",
        )
    if baseline is not None:
        _add_baseline(figure, baseline, names["hard"])
    points = [Interval(100 * p.mean, 100 * p.half_width, p.n) for p in accuracy]
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
            customdata=_hover([points[i] for i in which]),
            mode="markers",
            marker={"symbol": symbol, "size": 12, "color": PALETTE["distilled"]},
            name=name,
            hovertemplate="%{x}: %{customdata[0]} %, n = %{customdata[1]}<extra></extra>",
        )
    _scale_x(figure, x, log_x)
    return figure


def routes_figure(names: Sequence[str], accuracy: Sequence[Interval]) -> Figure:
    """Draw one accuracy with its interval for each of a few ways to train, the baseline first."""
    colours = ["hard", *["distilled"] * (len(accuracy) - 1)]
    return _whiskers_figure(names, accuracy, colours, "test accuracy (%)", "%")


def gains_figure(names: Sequence[str], gains: Sequence[Interval], x_title: str) -> Figure:
    """Draw the paired gain of each of several ways over a baseline, and the line at no gain."""
    colours = {"helps": "distilled", "hurts": "hard", "no clear difference": "label"}
    figure = _whiskers_figure(
        names, gains, [colours[verdict(gain)] for gain in gains], x_title, "points"
    )
    figure.add_vline(0, line={"color": PALETTE["hard"], "width": 2, "dash": DASHES["hard"]})
    return figure


def _whiskers_figure(
    names: Sequence[str],
    intervals: Sequence[Interval],
    colours: Sequence[str],
    x_title: str,
    unit: str,
) -> Figure:
    """Draw named intervals of shares below each other, in percent."""
    figure = _figure(x_title, "")
    points = [Interval(100 * p.mean, 100 * p.half_width, p.n) for p in intervals]
    figure.add_scatter(
        x=[point.mean for point in points],
        y=list(names),
        error_x={
            "array": [point.half_width for point in points],
            "color": _QUIET,
            "thickness": 2,
            "width": 6,
        },
        customdata=_hover(points),
        mode="markers",
        marker={
            "symbol": MARKERS["distilled"],
            "size": 13,
            "color": [PALETTE[colour] for colour in colours],
        },
        hovertemplate="%{y}: %{customdata[0]} " + unit + ", n = %{customdata[1]}<extra></extra>",
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
    figure = _figure(x_title, y_title)
    for who, name, curve in curves:
        points = [Interval(scale * p.mean, scale * p.half_width, p.n) for p in curve.y]
        _add_band(figure, curve.x, points, who)
        figure.add_scatter(
            x=curve.x,
            y=[point.mean for point in points],
            customdata=_hover(points),
            mode="lines+markers",
            line={"color": PALETTE[who], "width": 2, "dash": DASHES[who]},
            marker={"symbol": MARKERS[who], "size": 7},
            name=name,
            hovertemplate=(
                "%{x:,.0f}: %{customdata[0]}, n = %{customdata[1]}<extra>" + name + "</extra>"
            ),
        )
    return figure


def projection_figure(
    points: Sequence[Tensor], labels: Sequence[int], names: Sequence[str]
) -> Figure:
    """Draw examples as their digits in the plane of each of two networks' features.

    Each of ``points`` is ``[N, 2]``; only their arrangement means something, so no ticks.
    """
    figure = make_subplots(rows=1, cols=len(points), subplot_titles=list(names))
    colours = [_DIGIT_COLOURS[label] for label in labels]
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
    figure.update_layout(height=_HEIGHT, margin={"l": 8, "r": 8, "t": 30, "b": 8}, showlegend=False)
    return figure


def published_figure(
    settings: Sequence[str],
    accuracy: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    x_title: str,
    y_title: str,
    names: dict[str, str],
) -> Figure:
    """Draw accuracies that others published, each with its binomial interval, and chance."""
    figure = _figure(x_title, y_title)
    figure.add_scatter(
        x=list(settings),
        y=[100 * value for value in accuracy],
        error_y={
            "array": [100 * (high - a) for a, (_, high) in zip(accuracy, intervals, strict=True)],
            "arrayminus": [
                100 * (a - low) for a, (low, _) in zip(accuracy, intervals, strict=True)
            ],
            "thickness": 1.5,
            "width": 5,
        },
        mode="markers",
        marker={"symbol": "x", "size": 10, "color": _QUIET},
        name=names["published"],
        hovertemplate="%{x}: %{y:.1f} %<extra></extra>",
    )
    _add_chance(figure, names["chance"])
    figure.update_xaxes(type="category")
    return figure


def counts_figure(
    settings: Sequence[str], counts: Sequence[float], x_title: str, y_title: str
) -> Figure:
    """Draw how many seeds found each row best."""
    figure = _figure(x_title, y_title)
    figure.add_bar(
        x=list(settings),
        y=list(counts),
        marker={"color": PALETTE["distilled"]},
        hovertemplate="%{x}: %{y:g} times<extra></extra>",
    )
    figure.update_xaxes(type="category")
    figure.update_layout(showlegend=False)
    return figure


def memorising_figure(
    memorising: Memorising, x_title: str, y_title: str, names: dict[str, str]
) -> Figure:
    """Draw accuracy on training data and on unseen data over gradient steps, and chance."""
    figure = _figure(x_title, y_title)
    steps = [point.step for point in memorising.curve]
    for name, dash, values in (
        (names["training"], "solid", [point.training_accuracy for point in memorising.curve]),
        (names["held_out"], "dot", [point.held_out_accuracy for point in memorising.curve]),
    ):
        figure.add_scatter(
            x=steps,
            y=[100 * value for value in values],
            mode="lines+markers",
            line={"color": PALETTE["teacher"], "dash": dash, "width": 2.5},
            marker={"symbol": MARKERS["teacher"], "size": 7},
            name=name,
            hovertemplate="after %{x} steps: %{y:.1f} %<extra>" + name + "</extra>",
        )
    _add_chance(figure, names["chance"])
    return figure


def layer_changes_figure(layers: Sequence[LayerChange], x_title: str, y_title: str) -> Figure:
    """Draw how far training moved each layer, in percent of its initial norm."""
    figure = _figure(x_title, y_title)
    changes = [100 * layer.change_norm / layer.initial_norm for layer in layers]
    figure.add_bar(
        x=[f"{layer.layer} ({layer.shape[0]}→{layer.shape[1]})" for layer in layers],
        y=changes,
        text=[f"{change:.0f} %" for change in changes],
        textposition="outside",
        cliponaxis=False,
        marker={"color": PALETTE["teacher"]},
        hovertemplate="layer %{x}: %{y:.1f} %<extra></extra>",
    )
    figure.update_xaxes(type="category")
    figure.update_layout(showlegend=False)
    return figure


def _add_chance(figure: Figure, name: str) -> None:
    figure.add_hline(
        10,
        line={"color": PALETTE["hard"], "width": 1.5, "dash": "dash"},
        annotation={"text": name, "font": {"size": 12, "color": PALETTE["hard"]}},
        annotation_position="bottom right",
    )


def best_alpha_figure(best_map: BalanceMap, x_title: str, y_title: str, colour: str) -> Figure:
    """Draw the best α over teacher quality and share of wrong labels, with how sure it is."""
    settings = best_map.settings
    columns, rows = settings.map_teacher_labels, settings.map_label_noise
    cells = {(cell.teacher_labels, cell.label_noise): cell for cell in best_map.cells}
    teachers = [cells[column, rows[0]].teacher for column in columns]
    figure = _figure(x_title, y_title)
    figure.add_heatmap(
        x=[
            f"{column} ({100 * teacher.mean:.0f} %)"
            for column, teacher in zip(columns, teachers, strict=True)
        ],
        y=[f"{100 * row:.0f} %" for row in rows],
        z=[[cells[column, row].best_alpha for column in columns] for row in rows],
        text=[[alpha_range(cells[column, row]) for column in columns] for row in rows],
        texttemplate="%{text}",
        textfont={"size": 13},
        zmin=0,
        zmax=1,
        colorscale=[[0, PALETTE["teacher"]], [0.5, "#cfcac0"], [1, PALETTE["hard"]]],
        colorbar={"title": {"text": colour}, "thickness": 12},
        xgap=3,
        ygap=3,
        hovertemplate=(
            "teacher saw %{x}, wrong labels %{y}:<br>best α %{text}, n = "
            + f"{settings.seeds}<extra></extra>"
        ),
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category")
    figure.update_layout(height=80 + 70 * len(rows))
    return figure


def alpha_range(cell: BalanceCell) -> str:
    """Write the best α with the range of those that cannot be told apart from it."""
    low, high = min(cell.alike), max(cell.alike)
    return f"{cell.best_alpha:g}" if low == high else f"{cell.best_alpha:g} ({low:g}–{high:g})"


def entropy_points_figure(
    x: Sequence[float | str], entropy: Sequence[float], x_title: str, log_x: bool = False
) -> Figure:
    """Draw soft-label entropy over a setting, with the line ln 10."""
    figure = _figure(x_title, "entropy of the soft labels (nats)")
    figure.add_scatter(
        x=list(x),
        y=list(entropy),
        mode="lines+markers",
        line={"color": PALETTE["teacher"], "width": 2.5},
        marker={"symbol": MARKERS["teacher"], "size": 11},
        hovertemplate="%{x}: %{y:.3f} nats<extra></extra>",
    )
    _add_ln10(figure)
    _scale_x(figure, x, log_x)
    figure.update_layout(showlegend=False)
    return figure


def live_curves_figure(curve: LearningCurve) -> Figure:
    """Draw the learning curves so far, the mean over seeds of each condition."""
    figure = _figure("samples seen", "test accuracy (%)")
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


def _add_baseline(figure: Figure, baseline: Interval, name: str) -> None:
    """Add the hard-label student as a line with its interval as a band over the whole width."""
    mean, half_width = 100 * baseline.mean, 100 * baseline.half_width
    figure.add_hrect(
        mean - half_width, mean + half_width, fillcolor=PALETTE["hard"], opacity=0.16, line_width=0
    )
    figure.add_hline(
        mean,
        line={"color": PALETTE["hard"], "width": 2, "dash": DASHES["hard"]},
        annotation={
            "text": f"{name}: {mean:.1f} ± {half_width:.1f} %",
            "font": {"size": 12, "color": PALETTE["hard"]},
        },
        annotation_position="bottom right",
    )


def _add_ln10(figure: Figure) -> None:
    figure.add_hline(
        math.log(10),
        line={"color": _QUIET, "width": 1.5, "dash": "dash"},
        annotation={"text": "ln 10 = 2.303: all alike", "font": {"size": 12, "color": _QUIET}},
        annotation_position="top right",
    )
    figure.update_yaxes(range=[0, 2.65])


def _scale_x(figure: Figure, x: Sequence[float | str], log_x: bool) -> None:
    """Put a tick at each value that was measured."""
    if log_x:
        figure.update_xaxes(type="log")
    elif isinstance(x[0], str):
        figure.update_xaxes(type="category")
    figure.update_xaxes(
        tickvals=list(x), ticktext=[str(v) if isinstance(v, str) else f"{v:g}" for v in x]
    )


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
