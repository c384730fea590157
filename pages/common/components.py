"""Our own components: a little HTML, CSS and JavaScript from ``assets/``, no bundler."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import streamlit as st

from pages.common.words import ASSETS

T = TypeVar("T")

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./common\.js";\n', re.MULTILINE)


@lru_cache
def component(name: str) -> Any:
    """Return the component whose code is ``assets/{name}.html``, ``.css`` and ``.js``."""
    html, css = ((ASSETS / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css"))
    return st.components.v2.component(name, html=html, css=css, js=module(name))


def said(key: str, name: str, check: Callable[[Any], T]) -> T | None:
    """Return what a component says, checked; None if it is not what its code would say.

    Anybody can send anything in its place: that changes nothing, and nobody is told.

    Parameters
    ----------
    key
        The component's key.
    name
        Which of its values.
    check
        Returns the value, or raises ``ValueError``, ``TypeError`` or another of their kind.
    """
    try:
        return check(st.session_state[key][name])
    except (ValueError, TypeError, LookupError, OverflowError, AttributeError):
        return None


def module(name: str) -> str:
    """Return ``assets/{name}.js`` with ``common.js`` in place of the import from it.

    Streamlit runs the text from an address of its own, from which no file here can be imported.
    """
    common = (ASSETS / "common.js").read_text("utf-8")
    return _IMPORT.sub(lambda _: common, (ASSETS / f"{name}.js").read_text("utf-8"))
