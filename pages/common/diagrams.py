"""Our own diagrams, drawn in the text's colour in light and dark; files in ``assets/diagrams``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st

from pages.common.words import ASSETS

_CSS = "svg { display: block; width: 100%; max-width: 27rem; margin: 0 auto; color: inherit; }"


def show(name: str) -> None:
    """Draw a diagram; its title and description are its alternative text."""
    _component(name)(key=f"diagram-{name}")


@lru_cache
def _component(name: str) -> Any:
    # Streamlit takes SVG out of st.html, and an image could not take the text's colour.
    svg = (ASSETS / "diagrams" / f"{name}.svg").read_text("utf-8")
    return st.components.v2.component(f"diagram_{name}", html=svg, css=_CSS)
