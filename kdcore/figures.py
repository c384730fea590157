"""Results in, Plotly figure out. One palette and one marker shape for each who acts here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from kdcore.anatomy import Example, GradientSizes, Pulls, pulls, shifted_teacher
from kdcore.distillation import LearningCurve
from kdcore.experiments.balance import BalanceCell, BalanceMap
from kdcore.experiments.common import MeasuredCurve
from kdcore.experiments.unseen_class import Look
from kdcore.losses import soft_labels
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
    figure = _figure(x_title, y_title)
    for key, symbol, dash in (("plain", "circle", "solid"), ("corrected", "circle-open", "dot")):
        points = [Interval(100 * p.mean, 100 * p.half_width, p.n) for p in recalls[key]]
        figure.add_scatter(
            x=list(temperatures),
            y=[point.mean for point in points],
            error_y={"array": [p.half_width for p in points], "thickness": 1.5, "width": 5},
            customdata=_hover(points),
            mode="lines+markers",
            line={"color": PALETTE["distilled"], "width": 2.5, "dash": dash},
            marker={"symbol": symbol, "size": 12, "color": PALETTE["distilled"]},
            name=names[key],
            hovertemplate="T = %{x}: %{customdata[0]} %, n = %{customdata[1]}<extra></extra>",
        )
        mean, half_width = 100 * hard[key].mean, 100 * hard[key].half_width
        ends = [min(temperatures), max(temperatures)]
        # In the legend rather than at the line: there the soft students' points come and go.
        figure.add_scatter(
            x=ends,
            y=[mean, mean],
            mode="lines",
            line={
                "color": PALETTE["hard"],
                "width": 2.5,
                "dash": DASHES["hard"] if key == "plain" else "dot",
            },
            name=names[f"hard_{key}"],
            hovertemplate=f"{mean:.1f} ± {half_width:.1f} %, n = {hard[key].n}<extra></extra>",
        )
        figure.add_hrect(
            mean - half_width,
            mean + half_width,
            fillcolor=PALETTE["hard"],
            opacity=0.12,
            line_width=0,
        )
    _scale_x(figure, temperatures, log_x=True)
    figure.update_yaxes(range=[-4, 104])
    figure.update_layout(height=_HEIGHT + 60)
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
    figure = _figure(x_title, y_title)
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
            hovertemplate="shift %{x:+.1f}: %{y:.1f} %<extra>" + names[key] + "</extra>",
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
    figure = _figure(x_title, y_title)
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
        hovertemplate=(
            "a %{y}, answered %{x}: %{customdata} images, %{z:.0%} of its row<extra></extra>"
        ),
    )
    figure.update_xaxes(type="category", side="top", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_layout(height=_HEIGHT + 80)
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
    figure = _figure(x_title, y_title)
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
        text=[[_short_percent(value) for value in row] for row in percent],
        texttemplate="%{text}",
        textfont={"size": 12},
        hoverinfo="skip",
    )
    # A heat map cannot be clicked; the unseen points above its cells can.
    unseen = {"marker": {"opacity": 0}}
    cells = [(r, c, similarity[order[r]][order[c]]) for r in places for c in places]
    figure.add_scatter(
        x=[c for _, c, _ in cells],
        y=[r for r, _, _ in cells],
        mode="markers+text",
        marker={"size": 26, "symbol": "square", "opacity": 0},
        selected=unseen,
        unselected=unseen,
        text=[_short_percent(percent[r][c]) if r == c else "" for r, c, _ in cells],
        textfont={"size": 12, "color": _QUIET},
        customdata=[
            [order[r], order[c], *_hover([Interval(100 * p.mean, 100 * p.half_width, p.n)])[0]]
            for r, c, p in cells
        ],
        hovertemplate=(
            "%{customdata[0]} taken for %{customdata[1]}: %{customdata[2]} %, "
            "n = %{customdata[3]} teachers<extra></extra>"
        ),
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
    figure = _figure("", "")
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
        said = hover.format(first=b, second=a, percent=f"{100 * share:.1f}")
        figure.add_scatter(
            x=[at[a][0] + t * (at[b][0] - at[a][0]) for t in steps],
            y=[at[a][1] + t * (at[b][1] - at[a][1]) for t in steps],
            mode="lines",
            line={
                "width": 1 + 13 * strength**2,
                "color": PALETTE["hard" if {a, b} == set(chosen) else "teacher"],
            },
            opacity=0.25 + 0.65 * strength,
            hovertemplate=said + "<extra></extra>",
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
    figure.update_yaxes(zeroline=True, zerolinecolor=_QUIET, zerolinewidth=1, row=2)
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


def gradient_sizes_figure(sizes: GradientSizes, temperature: float, text: dict[str, str]) -> Figure:
    """Draw the size of the soft gradient over T, with T² and without, and what both tend to."""
    figure = _figure(text["x"], text["y"])
    curves = (
        (text["squared"], sizes.squared, "distilled", "solid"),
        (text["plain"], sizes.plain, "teacher", "dash"),
    )
    for name, points, who, dash in curves:
        figure.add_scatter(
            x=sizes.temperatures,
            y=[point.mean for point in points],
            customdata=_hover(points),
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
            line={"color": _QUIET, "width": 1.5, "dash": "dot"},
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
    figure.add_vline(temperature, line={"color": _QUIET, "width": 1, "dash": "dot"})
    ticks = [0.5, 1, 2, 4, 10, 20, 50, 100]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    low = min(sizes.plain[-1].mean, sizes.plain_limit[-1])
    high = 2.5 * max(sizes.limit, *(point.mean for point in (*sizes.plain, *sizes.squared)))
    figure.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], dtick=1)
    figure.update_layout(height=380)
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
