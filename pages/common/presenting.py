"""Presenter type: for whoever stands in front. One switch in the address, ``present=1``."""

from __future__ import annotations

import streamlit as st

from pages.common.components import component
from pages.common.words import ASSETS, words

#: Name in the address.
PRESENT = "present"


def presenting() -> bool:
    """Return whether the address asks for presenter type, now or earlier in this visit."""
    asked = st.query_params.get(PRESENT)
    if asked in ("0", "1"):
        st.session_state[PRESENT] = asked == "1"
    return bool(st.session_state.get(PRESENT, False))


def in_address() -> dict[str, str]:
    """Return what the address says of it."""
    return {PRESENT: "1"} if presenting() else {}


def show() -> None:
    """Make a page one to be read from the last row, with keys that turn the pages."""
    if presenting():
        st.html(f"<style>{(ASSETS / 'presenting.css').read_text('utf-8')}</style>")
        component("keys")(key="presenting-keys", data={})


def show_switch() -> None:
    """Offer presenter type, or the way back from it."""
    on = presenting()

    def turn() -> None:
        st.query_params.pop(PRESENT, None)
        st.session_state[PRESENT] = not on

    st.button(
        words("frame")["presenting"]["leave" if on else "enter"],
        type="tertiary",
        icon=":material/co_present:",
        key="presenting-switch",
        on_click=turn,
    )
