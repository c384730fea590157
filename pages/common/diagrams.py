"""Our own diagrams, drawn in the text's colour in light and dark; files in ``assets/diagrams``."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

import streamlit as st

from pages.common.words import ASSETS, language

_CSS = "svg { display: block; width: 100%; max-width: 27rem; margin: 0 auto; color: inherit; }"


def show(name: str, words: dict[str, str]) -> None:
    """Draw a diagram with its words; its title and description are its alternative text."""
    # Streamlit takes SVG out of st.html, and an image could not take the text's colour.
    svg = (ASSETS / "diagrams" / f"{name}.svg").read_text("utf-8")
    said = {key: escape(text) for key, text in words.items()}
    _component(name, language(), svg.format(**said))(key=f"diagram-{name}")


@lru_cache
def _component(name: str, language: str, svg: str) -> Any:
    return st.components.v2.component(f"diagram_{name}_{language}", html=svg, css=_CSS)
