"""The frame of every page: navigation, title, theme."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from kdcore.figures import PALETTE
from pages.common import turns, visit
from pages.common.words import ASSETS, words

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

PAGES = Path(__file__).resolve().parents[1]
PRODUCT = "Dark Knowledge Lab"

_NAVIGATED = "frame.navigated"
_COUNT = "frame.count"


@dataclass(frozen=True)
class Entry:
    """One page in the sidebar; its file is ``pages/{name}.py``, its words lie beside others'."""

    name: str
    icon: str


#: The sidebar: groups of pages in reading order. The first page is the default one.
NAVIGATION: dict[str, list[Entry]] = {
    "Start": [Entry("lab", ":material/science:")],
    "Ideas": [
        Entry("hard_and_soft", ":material/tonality:"),
        Entry("anatomy", ":material/troubleshoot:"),
    ],
    "Experiments": [
        Entry("temperature", ":material/thermostat:"),
        Entry("teacher_size", ":material/school:"),
        Entry("balance", ":material/balance:"),
        Entry("unseen_digit", ":material/visibility_off:"),
        Entry("dark_knowledge", ":material/shuffle:"),
    ],
    "Variants": [Entry("four_ways", ":material/account_tree:")],
    "Playground": [Entry("boundaries", ":material/border_outer:")],
    "In practice": [
        Entry("in_practice", ":material/speed:"),
        Entry("reference_run", ":material/fact_check:"),
    ],
    "Class": [
        Entry("my_runs", ":material/list_alt:"),
        Entry("takeaways", ":material/checklist:"),
    ],
}


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
    place.page_link(_page(_entry(name), name), label=visit.claims_tested())


def page_link(name: str, label: str, address: Mapping[str, str] | None = None) -> None:
    """Draw a link to another page, with what its address is to say."""
    st.page_link(_page(_entry(name), name), label=label, query_params=address)


def _entry(name: str) -> Entry:
    return next(e for entries in NAVIGATION.values() for e in entries if e.name == name)


def _navigation() -> StreamlitPage:
    st.set_page_config(page_title=PRODUCT, page_icon=str(ASSETS / "mark.svg"), layout="wide")
    st.logo(str(ASSETS / "mark.svg"), size="large")
    pages = {
        group: [_page(entry, entry.name) for entry in entries]
        for group, entries in NAVIGATION.items()
    }
    # Streamlit serves the default page at the bare address only, and keeps its name reserved.
    # Under another reserved name it can be listed a second time, so that its own name works too.
    group, (first, *_) = next(iter(NAVIGATION.items()))
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
