"""Keeps a visit on the learner's own device: what a reload, or the next day, finds again.

Nothing is sent anywhere but to the browser that it came from. The code that writes and merges is
``assets/keep.js``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from kdcore.visit.keeping import MOST_CHARACTERS, VERSION, from_json
from pages.common import visit
from pages.common.components import component, said

_KEY = "keep"
_BEGUN = "keep.begun"


@contextmanager
def kept() -> Iterator[None]:
    """Run a page, and keep what it adds; on a visit's first run, ask for what was kept before.

    What is asked for comes with a run of its own, before which callbacks take it in.
    """
    place = st.container(key="keep-place")
    if not st.session_state.get(_BEGUN):
        st.session_state[_BEGUN] = True
        _draw(place, "", ask=True)
        yield
        return
    yield
    _draw(place, visit.as_text(), ask=False)


def _draw(place: st.delta_generator.DeltaGenerator, text: str, ask: bool) -> None:
    data = {"text": text, "ask": ask, "version": VERSION, "most": MOST_CHARACTERS}
    with place:
        component("keep")(key=_KEY, data=data, on_found_change=_take_in)


def _take_in() -> None:
    # What is refused, whatever it is, is none of the learner's doing: begin anew.
    said(_KEY, "found", lambda text: visit.take_in(from_json(str(text))))
