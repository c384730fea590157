"""What the published reference run measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kdcore.figures.common import MARKERS, PALETTE, QUIET, add_chance, new_figure, said
from kdcore.reference.faults import Memorising
from kdcore.reference.run import LayerChange

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def published_figure(
    settings: Sequence[str],
    accuracy: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    x_title: str,
    y_title: str,
    names: dict[str, str],
) -> Figure:
    """Draw accuracies that others published, each with its binomial interval, and chance."""
    figure = new_figure(x_title, y_title)
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
        marker={"symbol": "x", "size": 10, "color": QUIET},
        name=names["published"],
        hovertemplate=said("share_alone") + "<extra></extra>",
    )
    add_chance(figure, names["chance"])
    figure.update_xaxes(type="category")
    return figure


def counts_figure(
    settings: Sequence[str], counts: Sequence[float], x_title: str, y_title: str
) -> Figure:
    """Draw how many seeds found each row best."""
    figure = new_figure(x_title, y_title)
    figure.add_bar(
        x=list(settings),
        y=list(counts),
        marker={"color": PALETTE["distilled"]},
        hovertemplate=said("times_at") + "<extra></extra>",
    )
    figure.update_xaxes(type="category")
    figure.update_layout(showlegend=False)
    return figure


def memorising_figure(
    memorising: Memorising, x_title: str, y_title: str, names: dict[str, str]
) -> Figure:
    """Draw accuracy on training data and on unseen data over gradient steps, and chance."""
    figure = new_figure(x_title, y_title)
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
            hovertemplate=f"{said('after_steps')}<extra>{name}</extra>",
        )
    add_chance(figure, names["chance"])
    return figure


def layer_changes_figure(layers: Sequence[LayerChange], x_title: str, y_title: str) -> Figure:
    """Draw how far training moved each layer, in percent of its initial norm."""
    figure = new_figure(x_title, y_title)
    changes = [100 * layer.change_norm / layer.initial_norm for layer in layers]
    figure.add_bar(
        x=[f"{layer.layer} ({layer.shape[0]}→{layer.shape[1]})" for layer in layers],
        y=changes,
        text=[f"{change:.0f} %" for change in changes],
        textposition="outside",
        cliponaxis=False,
        marker={"color": PALETTE["teacher"]},
        hovertemplate=said("of_layer") + "<extra></extra>",
    )
    figure.update_xaxes(type="category")
    figure.update_layout(showlegend=False)
    return figure
