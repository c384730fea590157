"""Who learned from what: accuracies against chance and against the most that can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kdcore.figures.accuracy import pair_figure
from kdcore.figures.common import DASHES, PALETTE, QUIET
from kdcore.statistics import Interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def between_figure(
    names: Sequence[str], accuracy: Sequence[Interval], chance: str, most: Interval, called: str
) -> Figure:
    """Draw named accuracies between guessing, one in ten, and the most that can be reached.

    Parameters
    ----------
    chance, called
        What the two lines are called.
    most
        Where the second one stands.
    """
    figure = pair_figure(names, accuracy)
    for at, colour, name in ((10, QUIET, chance), (100 * most.mean, PALETTE["teacher"], called)):
        figure.add_vline(
            at,
            line={"color": colour, "width": 1.5, "dash": DASHES["teacher"]},
            annotation={"text": name, "font": {"size": 12, "color": colour}},
            annotation_position="top",
        )
    figure.update_xaxes(range=[0, 102])
    figure.update_layout(margin={"t": 28}, height=figure.layout.height + 20)
    return figure
