"""Charts on screen: each with its alternative text, and its table one click away."""

from __future__ import annotations

import math
import textwrap
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import streamlit as st

from kdcore.experiments.result import Row
from kdcore.statistics import Interval
from pages.common.presenting import presenting
from pages.common.words import language, words

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Drawn = TypeVar("Drawn")

#: Letters of a chart that the last row can read, in pixels.
PRESENTED_SIZE = 18
#: How much higher such a chart is, and characters of a line in the title of its upright axis.
PRESENTED_HEIGHT, PRESENTED_TITLE = 1.4, 26

#: How many figures and tables are kept for the next visitor who asks for the same.
MOST_SHARED = 80
_shared: OrderedDict[Hashable, Any] = OrderedDict()
_shared_lock = threading.Lock()


def shared(shows: Hashable, draw: Callable[[], Drawn]) -> Drawn:
    """Return a figure or a table, made once for all who see the same; nobody may change it.

    Figures and their tables take as long to make as all the rest of a page.

    Parameters
    ----------
    shows
        Everything that it depends on.
    """
    key = shows, language()
    with _shared_lock:
        drawn: Drawn | None = _shared.pop(key, None)
    if drawn is None:
        drawn = draw()
    with _shared_lock:
        _shared[key] = drawn
        if len(_shared) > MOST_SHARED:
            _shared.popitem(last=False)
    return drawn


def show(
    figure: Figure,
    table: pd.DataFrame,
    alternative: str,
    key: str,
    on_select: Callable[[], None] | None = None,
) -> None:
    """Draw a figure with its alternative text and, folded away, its table.

    The first column of the table names its rows. ``on_select`` is called when a point is clicked.
    """
    if presenting():
        figure = type(figure)(figure)
        _enlarge(figure)
    config = {"displayModeBar": False, "scrollZoom": False}
    st.plotly_chart(
        figure,
        key=key,
        alt=alternative,
        config=config,
        on_select=on_select or "ignore",
        selection_mode="points",
    )
    with st.expander("Table", icon=":material/table:"):
        table = readable(table)
        st.dataframe(
            table,
            hide_index=True,
            key=f"{key}-table",
            placeholder="–",
            column_config=_intervals_in_short(table),
        )


def _enlarge(figure: Figure) -> None:
    """Make a figure one that the last row can read."""
    figure.update_layout(font_size=PRESENTED_SIZE)
    if figure.layout.height:
        figure.update_layout(height=PRESENTED_HEIGHT * figure.layout.height)
    figure.update_xaxes(tickfont_size=PRESENTED_SIZE, title_font_size=PRESENTED_SIZE)
    figure.update_yaxes(tickfont_size=PRESENTED_SIZE, title_font_size=PRESENTED_SIZE)
    figure.update_annotations(font_size=PRESENTED_SIZE)
    # Plotly breaks no lines, and a title as long as its axis is cut off.
    figure.for_each_yaxis(
        lambda axis: axis.update(
            title_text="<br>".join(textwrap.wrap(axis.title.text or "", PRESENTED_TITLE))
        )
    )


def table(rows: Sequence[Row], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return rows of an experiment as a table, with all their columns or some."""
    return pd.DataFrame(rows)[list(columns or rows[0])]


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its columns named for people: ``soft_label_entropy`` is a key of the CSV.

    Figures keep their values, so that they can be sorted and copied, to four significant digits.
    """
    half_width: str = words("lesson")["table"]["half_width"]
    headings: dict[str, str] = words("columns")
    names = {}
    for name in map(str, table.columns):
        key = name.removesuffix("_ci")
        heading = headings.get(key, key.replace("_", " "))
        names[name] = heading if key == name else half_width.format(of=heading)
    return table.rename(columns=names).map(
        lambda value: float(f"{value:.4g}") if isinstance(value, float) else value
    )


def _intervals_in_short(table: pd.DataFrame) -> dict[str, Any]:
    """Return short headings of the intervals that stand beside what they are of.

    They go by what :func:`readable` calls the columns.
    """
    text = words("lesson")["table"]
    short = st.column_config.Column(text["half_width_beside"])
    beside = pairwise(map(str, table.columns))
    return {name: short for of, name in beside if name == text["half_width"].format(of=of)}


def percent(value: Interval) -> str:
    """Write an accuracy as ``83.4 ± 1.0 %``; one seed alone has no interval."""
    if not math.isfinite(value.half_width):
        return words("lesson")["run"]["one_seed"].format(mean=f"{100 * value.mean:.1f}")
    return f"{100 * value.mean:.1f} ± {100 * value.half_width:.1f} %"


def points(gain: float, half_width: float) -> str:
    """Write a gain in accuracy as ``+4.1 ± 1.2`` (percentage points)."""
    sign = "−" if gain < 0 else "+"
    return f"{sign}{100 * abs(gain):.1f} ± {100 * half_width:.1f}"


def provenance(text: str, explain: Callable[[str], str] = str) -> None:
    """Show the small mark that says where figures come from.

    ``explain`` adds what terms mean to its markup, where they first stand on a page.
    """
    st.html(f'<p class="provenance">{explain(escape(text))}</p>', width="content")


def placeholder(height: int) -> None:
    """Keep the place of a chart whose figures are still being measured."""
    st.html(f'<div class="placeholder" style="height:{height}px"></div>')
