"""Charts on screen: each with its alternative text, and its table one click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def show(figure: Figure, table: pd.DataFrame, alternative: str, key: str) -> None:
    """Draw a figure with its alternative text and, folded away, its table.

    The first column of the table names its rows.
    """
    config = {"displayModeBar": False, "scrollZoom": False}
    st.plotly_chart(figure, key=key, alt=alternative, config=config)
    with st.expander("Table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, key=f"{key}-table")


def placeholder(height: int) -> None:
    """Keep the place of a chart whose figures are still being measured."""
    st.html(f'<div class="placeholder" style="height:{height}px"></div>')
