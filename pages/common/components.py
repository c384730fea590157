"""Our own components: a little HTML, CSS and JavaScript from ``assets/``, no bundler."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st

from pages.common.words import ASSETS


@lru_cache
def component(name: str) -> Any:
    """Return the component whose code is ``assets/{name}.html``, ``.css`` and ``.js``."""
    html, css, js = (
        (ASSETS / f"{name}.{ending}").read_text("utf-8") for ending in ("html", "css", "js")
    )
    return st.components.v2.component(name, html=html, css=css, js=js)
