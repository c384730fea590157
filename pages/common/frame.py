"""The frame of every page: navigation, title, theme."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from kdcore.figures import PALETTE
from pages.common import course, turns, visit
from pages.common.course import Entry
from pages.common.words import ASSETS, words

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

PAGES = Path(__file__).resolve().parents[1]

_NAVIGATED = "frame.navigated"
_COUNT = "frame.count"


def navigate() -> None:
    """Build the navigation and run the page that the address names. Called by ``app.py``."""
    st.session_state[_NAVIGATED] = True
    _freeze_imports()
    with turns.taken():
        _navigation().run()


def page(name: str) -> dict[str, Any]:
    """Set up a page: the first call in its file. Returns the words of the page.

    After a cold start Streamlit runs the page that the address names without ``app.py``. The
    navigation is not there then, so it is built here, and the page runs once more inside it.
    """
    if not st.session_state.get(_NAVIGATED):
        navigate()
        st.stop()
    text = words(name)
    st.html(f"<style>{_style()}</style>")
    title, question = st.container(key="page-head"), text["question"]
    title.title(text["title"], anchor=False)
    title.markdown(question)
    st.session_state[_COUNT] = st.sidebar.empty()
    show_count()
    return text


def show_count() -> None:
    """Say, quietly in the sidebar, how many claims were tested in this visit."""
    place, name = st.session_state[_COUNT], "takeaways"
    place.page_link(_page(course.entry(name), name), label=visit.claims_tested())


def page_link(name: str, label: str, address: Mapping[str, str] | None = None) -> None:
    """Draw a link to another page, with what its address is to say."""
    st.page_link(_page(course.entry(name), name), label=label, query_params=address)


def _navigation() -> StreamlitPage:
    text = words("frame")
    st.set_page_config(
        page_title=text["product"], page_icon=str(ASSETS / "mark.svg"), layout="wide"
    )
    st.logo(str(ASSETS / "mark.svg"), size="large")
    pages = {
        text["chapters"][chapter]: [_page(entry, entry.name) for entry in entries]
        for chapter, entries in course.chapters().items()
    }
    # Streamlit serves the default page at the bare address only, and keeps its name reserved.
    # Under another reserved name it can be listed a second time, so that its own name works too.
    first, group = course.pages()[0], next(iter(pages))
    pages[group] = [_page(first, "start", default=True), *pages[group][1:]]
    pages[group].append(_page(first, first.name, visibility="hidden"))
    # Unfolded: with the count below it, Streamlit would hide the last pages behind a click.
    return st.navigation(pages, expanded=True)


def _page(entry: Entry, url_path: str, **options: Any) -> StreamlitPage:
    return st.Page(
        PAGES / f"{entry.name}.py",
        title=words(entry.name)["menu"],
        icon=entry.icon,
        url_path=url_path,
        **options,
    )


@lru_cache(maxsize=1)
def _style() -> str:
    colours = "".join(f"--{who}: {colour};" for who, colour in PALETTE.items())
    return f":root {{ {colours} }}\n{(ASSETS / 'style.css').read_text('utf-8')}"


@lru_cache(maxsize=1)
def _freeze_imports() -> None:
    # Streamlit collects garbage after every run. What the imports made never becomes garbage, and
    # walking through it costs about 50 ms each time.
    gc.collect()
    gc.freeze()
