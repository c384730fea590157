"""The map of the best balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdcore.experiments.balance import BalanceCell, BalanceMap
from kdcore.figures.common import PALETTE, new_figure, said

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def best_alpha_figure(best_map: BalanceMap, x_title: str, y_title: str, colour: str) -> Figure:
    """Draw the best α over teacher quality and share of wrong labels, with how sure it is."""
    columns = list(dict.fromkeys(cell.teacher_labels for cell in best_map.cells))
    rows = list(dict.fromkeys(cell.label_noise for cell in best_map.cells))
    cells = {(cell.teacher_labels, cell.label_noise): cell for cell in best_map.cells}
    teachers = [cells[column, rows[0]].teacher for column in columns]
    figure = new_figure(x_title, y_title)
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
        hovertemplate=said("best_alpha") + f"{best_map.cells[0].teacher.n}<extra></extra>",
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category")
    figure.update_layout(height=80 + 70 * len(rows))
    return figure


def alpha_range(cell: BalanceCell) -> str:
    """Write the best α with the range of those that cannot be told apart from it."""
    low, high = min(cell.alike), max(cell.alike)
    return f"{cell.best_alpha:g}" if low == high else f"{cell.best_alpha:g} ({low:g}–{high:g})"
