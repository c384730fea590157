"""Terms of the field, explained where they first stand on a page: pointer, finger or keyboard."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

import streamlit as st

from pages.common.words import language, words

_MET = "glossary.met"

#: Formulas, code, links and tags are left as they are.
_UNTOUCHED = re.compile(r"(\$[^$]*\$|`[^`]*`|\[[^\]]*\]\([^)]*\)|<[^>]*>)")


def begin() -> None:
    """Begin a page: no term has stood on it yet."""
    st.session_state[_MET] = set()


def markdown(text: str) -> None:
    """Draw Markdown in which terms that come for the first time carry their explanation."""
    marked = explained(text)
    st.markdown(marked, unsafe_allow_html=marked != text)


def explained(text: str) -> str:
    """Return Markdown with the first occurrence of each term marked, in words of our own only."""
    met: set[str] = st.session_state.setdefault(_MET, set())
    parts = _UNTOUCHED.split(text)
    for place in range(0, len(parts), 2):
        parts[place] = _pattern(language()).sub(lambda found: _marked(found[0], met), parts[place])
    return "".join(parts)


def _marked(form: str, met: set[str]) -> str:
    name = _forms(language())[form.lower()]
    if name in met:
        return form
    met.add(name)
    said = escape(words("glossary")["terms"][name]["text"])
    # A span that takes the focus: a finger, a pointer and the Tab key all reach it.
    return (
        f'<span class="term" tabindex="0">{form}<span class="said" role="note">{said}</span></span>'
    )


@lru_cache
def _forms(spoken: str) -> dict[str, str]:
    terms = words("glossary")["terms"]
    return {form.lower(): name for name, term in terms.items() for form in term["forms"]}


@lru_cache
def _pattern(spoken: str) -> re.Pattern[str]:
    longest_first = sorted(_forms(spoken), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)


def show_all() -> None:
    """Offer the whole glossary, folded."""
    text = words("glossary")
    with st.expander(text["heading"], icon=":material/dictionary:"):
        st.markdown(
            "\n".join(
                f"- **{term['forms'][-1]}**: {term['text']}" for term in text["terms"].values()
            )
        )
