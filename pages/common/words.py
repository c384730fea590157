"""The words of a page in the language of the visitor; see :mod:`kdcore.words`."""

from __future__ import annotations

import re
import threading
from typing import Any

import streamlit as st

from kdcore import words as of_all
from kdcore.words import ASSETS, ENGLISH, Refusal, languages

__all__ = ["ASSETS", "chosen_language", "language", "plain", "say", "settle", "words"]

#: Name in the address of a language that was chosen there.
IN_ADDRESS = "lang"

#: A run of a page has a thread to itself, and asks for its language at each word.
_settled = threading.local()


def words(page: str) -> dict[str, Any]:
    """Return the words of one page by their names."""
    return of_all.words(page, language())


def language() -> str:
    """Return the visitor's language: the one in the address, or else the browser's, or English."""
    settled: str | None = getattr(_settled, "language", None)
    return settled or _find_out()


def settle() -> None:
    """Find out the visitor's language once for this run of a page: its first call."""
    _settled.language = _find_out()


def _find_out() -> str:
    found = chosen_language()
    if found is None:
        browser = (st.context.locale or ENGLISH).split("-")[0].lower()
        found = browser if browser in languages() else ENGLISH
    of_all.speak(found)  # so do the charts of this run
    return found


def chosen_language() -> str | None:
    """Return the language that the address asks for, now or earlier in this visit."""
    asked = st.query_params.get(IN_ADDRESS)
    if asked in languages():
        st.session_state[IN_ADDRESS] = asked
    chosen: str | None = st.session_state.get(IN_ADDRESS)
    return chosen


def say(trouble: Exception) -> str:
    """Return why something cannot be done, in the visitor's language where it is known."""
    return plain(trouble.say(language()) if isinstance(trouble, Refusal) else str(trouble))


def plain(text: str) -> str:
    """Return text as Markdown that shows just that: no heading, link or picture comes of it.

    What a file or an address says goes through here before it is shown.
    """
    text = " ".join(text.split())
    return re.sub(r"(?i)(www)(?=\.)", r"\1\\", re.sub(r"([\\`*_\[\]<>#|~:$!])", r"\\\1", text))
