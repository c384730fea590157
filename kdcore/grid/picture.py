"""A heat map of a grid, in a page of its own that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdcore.figures.common import PALETTE, new_figure
from kdcore.grid.plan import Plan
from kdcore.grid.summary import Row, setting_column
from kdcore.settings import label_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Verdicts as a mark beside a figure.
MARKS = {"helps": "▲", "hurts": "▼"}


def heat_map(plan: Plan, summary: Sequence[Row]) -> Figure:
    """Draw what each combination of settings gains over its baseline, in points.

    The first two settings with several values are the axes; of the others one combination is shown
    at a time. Where nothing has a gain, accuracies are drawn, in per cent.
    """
    gained = [row for row in summary if row["gain"] is not None]
    rows, column = (gained, "gain") if gained else (list(summary), "student_accuracy")
    axes = [*map(setting_column, plan.over), *plan.kind.named_by]
    axes = [axis for axis in axes if len({row[axis] for row in rows}) > 1] or axes[:1]
    across, down, others = axes[0], axes[1] if len(axes) > 1 else None, axes[2:]
    figure = new_figure(_label(across), "" if down is None else _label(down))
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category", showticklabels=down is not None)
    layers: dict[str, list[Row]] = {}
    for row in rows:
        name = ", ".join(f"{_label(axis)} = {row[axis]}" for axis in others)
        layers.setdefault(name, []).append(row)
    most = max((abs(100 * row[column]) for row in rows), default=1.0) or 1.0
    for i, layer in enumerate(layers.values()):
        _add_layer(figure, layer, (across, down), column, most, visible=i == 0)
    if len(layers) > 1:
        figure.update_layout(updatemenus=[_menu(list(layers))])
    same = [axis for axis in plan.kind.named_by if len({row[axis] for row in rows}) == 1]
    about = ", ".join(
        [f"{axis} = {rows[0][axis]}" for axis in same]
        + [f"{name} = {text}" for name, text in plan.fixed.items()]
    )
    marks = "▲ helps, ▼ hurts: verdicts of the whole map together (Holm). " if gained else ""
    figure.update_layout(
        title={
            "text": f"{plan.experiment}: {plan.kind.question}<br><sup>"
            f"Measured: {plan.seeds} seeds a cell, 95 % intervals. {marks}{about}</sup>"
        },
        margin={"t": 110 if len(layers) > 1 else 80},
        height=170 + 60 * (1 if down is None else len({row[down] for row in rows})),
    )
    return figure


def _add_layer(
    figure: Figure,
    rows: Sequence[Row],
    axes: tuple[str, str | None],
    column: str,
    most: float,
    visible: bool,
) -> None:
    across, down = axes
    is_gain = column == "gain"
    xs = list(dict.fromkeys(_text(row[across]) for row in rows))
    ys = list(dict.fromkeys("" if down is None else _text(row[down]) for row in rows))
    cells = {(_text(row[across]), "" if down is None else _text(row[down])): row for row in rows}

    def value(x: str, y: str) -> float | None:
        return 100 * cells[x, y][column] if (x, y) in cells else None

    def said(x: str, y: str) -> str:
        if (x, y) not in cells:
            return ""
        row = cells[x, y]
        mark = MARKS.get(row["verdict"], "")
        figure = f"{100 * row[column]:{'+' if is_gain else ''}.1f}"
        return f"{mark}{figure}<br>± {100 * row[column + '_ci']:.1f}"

    diverging = [[0, PALETTE["hard"]], [0.5, "#e9e6df"], [1, PALETTE["distilled"]]]
    figure.add_heatmap(
        x=xs,
        y=ys,
        z=[[value(x, y) for x in xs] for y in ys],
        text=[[said(x, y) for x in xs] for y in ys],
        texttemplate="%{text}",
        zmin=-most if is_gain else None,
        zmax=most if is_gain else None,
        colorscale=diverging if is_gain else [[0, "#e9e6df"], [1, PALETTE["teacher"]]],
        colorbar={"title": {"text": "gain, points" if is_gain else "accuracy, %"}},
        xgap=3,
        ygap=3,
        visible=visible,
        hovertemplate="%{x}, %{y}: %{text}<extra></extra>",
    )


def _menu(names: list[str]) -> dict[str, Any]:
    buttons = [
        {
            "label": name,
            "method": "restyle",
            "args": [{"visible": [other == name for other in names]}],
        }
        for name in names
    ]
    return {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}


def _label(column: str) -> str:
    name = column.removeprefix("setting_")
    try:
        return label_of(name)
    except KeyError:  # what names a row need not be a setting
        return name


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def write_page(figure: Figure, file: Path) -> None:
    """Write a figure as one HTML file with all that it needs in it."""
    unfinished = file.with_suffix(".unfinished")
    figure.write_html(unfinished, include_plotlyjs=True, config={"displayModeBar": False})
    unfinished.replace(file)
