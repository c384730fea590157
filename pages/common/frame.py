"""The frame of every page: navigation, title, theme."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from kdcore.figures import PALETTE
from kdcore.visit import machine
from pages.common import course, glossary, keep, presenting, turns, visit
from pages.common.components import component, said
from pages.common.course import Entry
from pages.common.words import ASSETS, settle, words

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

PAGES = Path(__file__).resolve().parents[1]

_NAVIGATED = "frame.navigated"
_NAME = "frame.page"
_STANDS = "frame.stands"
_WAY = "frame.way"
_WAY_SHOWN = "frame.way-shown"
_ENTRIES = "frame.entries"
_OPEN = "frame.open"
_END = "page-end"

#: The default page has two addresses, the bare one and its name; this is the first in reserve.
_BARE = "home"


def navigate() -> None:
    """Build the navigation and run the page that the address names. Called by ``door.py``."""
    st.session_state[_NAVIGATED] = True
    machine.set_modules_aside()
    settle()
    with turns.taken():
        running = _navigation()
        with keep.kept():
            try:
                running.run()
            except StopException:
                _show_way_on()
                raise
            _show_way_on()
            st.session_state[_STANDS] = st.session_state[_NAME]
    machine.garbage.collect()


def page(name: str) -> dict[str, Any]:
    """Set up a page: the first call in its file. Returns the words of the page.

    After a cold start Streamlit runs the page that the address names without ``door.py``. The
    navigation is not there then, so it is built here, and the page runs once more inside it.
    """
    if not st.session_state.get(_NAVIGATED):
        navigate()
        st.stop()
    settle()
    text = words(name)
    st.html(f"<style>{_style()}</style>")
    with st.container(key="reach-place"):
        component("reach")(key="reach", data={"page": name})
    presenting.show()
    _leave_for(name)
    # Drawn again when a run arrives; so what has the key stays, and what is in it is replaced.
    st.session_state[_WAY] = st.sidebar.container(key="way", gap=None).empty()
    st.session_state[_WAY_SHOWN] = None
    show_way()
    title, question = st.container(key="page-head"), text["question"]
    title.html(_where_we_are(name))
    title.title(text["title"], anchor=False)
    glossary.begin()
    with title:
        glossary.markdown(question)
    return text


def stands(name: str) -> bool:
    """Say whether a page is on the screen, as it was drawn to its end before."""
    return bool(st.session_state.get(_STANDS) == name)


def page_link(name: str, label: str, address: Mapping[str, str] | None = None) -> None:
    """Draw a link to another page, with what its address is to say."""
    st.page_link(_page(course.entry(name), name), label=label, query_params=address)


# ------------------------------------------------------------------------------- the way through


def finish(name: str) -> None:
    """Count a page as done."""
    if name not in visit.kept().done:
        visit.kept().done.add(name)
        show_way()


def show_way() -> None:
    """Show in the sidebar the whole course: what is done, and how long the rest takes."""
    text, done = words("frame")["way"], visit.kept().done
    tested = visit.claims_tested()
    if st.session_state.get(_WAY_SHOWN) == (done, tested):
        return
    st.session_state[_WAY_SHOWN] = set(done), tested
    with st.session_state[_WAY].container(gap=None):
        for chapter, entries in course.chapters().items():
            st.html(f'<p class="chapter">{escape(words("frame")["chapters"][chapter])}</p>')
            for entry in entries:
                is_done = entry.name in done
                note = text["done"] if is_done else text["minutes"].format(minutes=entry.minutes)
                st.page_link(
                    _page(entry, entry.name),
                    label=f"{words(entry.name)['menu']} :small[{note}]",
                    width="stretch",
                )
        takeaways = _page(course.entry("takeaways"), "takeaways")
        st.page_link(takeaways, label=tested, help=visit.claims_named())


def leave_open() -> None:
    """Say that to reach the end of this page is not to be done with it: there is more to do."""
    st.session_state[_OPEN] = True


def _watch_for_end(name: str) -> None:
    """Watch for the end of a page that asks for no prediction: it is done when that was reached."""
    if course.is_lesson(name) or name in visit.kept().done or st.session_state[_OPEN]:
        return
    component("page_end")(key=_END, data={"page": name}, on_reached_change=_reach_end)


def _reach_end() -> None:
    name = said(_END, "reached", str)
    if name is not None and name == st.session_state.get(_NAME) and not course.is_lesson(name):
        visit.kept().done.add(name)


def _leave_for(name: str) -> None:
    """Note where we are."""
    left = st.session_state.get(_NAME)
    st.session_state[_NAME] = name
    st.session_state[_OPEN] = False
    if left != name:
        st.session_state[_STANDS] = None
        _let_go(left)


def _let_go(page: str | None) -> None:
    """Let go of the runs of a page that was left, with their tensors and figures.

    The pool keeps the last ones of all; what each of thirty visitors has seen on each of two dozen
    pages would be more than a small machine has.
    """
    for key in map(str, list(st.session_state)):
        of_page, _, rest = key.partition(".")
        if of_page == page and (rest.startswith(("result-", "drawn-")) or rest.endswith(".job")):
            del st.session_state[key]


def _where_we_are(name: str) -> str:
    """Return the line above the title, for phones: the sidebar is folded away there."""
    text, entry, listed = words("frame")["way"], course.entry(name), course.pages()
    said = text["here"].format(
        chapter=words("frame")["chapters"][entry.chapter],
        place=listed.index(entry) + 1,
        pages=len(listed),
        minutes=entry.minutes,
    )
    done = "".join(f'<i class="{_state(each, name)}"></i>' for each in listed)
    return f'<div class="here"><p>{escape(said)}</p><div aria-hidden="true">{done}</div></div>'


def _state(entry: Entry, here: str) -> str:
    if entry.name == here:
        return "now"
    return "done" if entry.name in visit.kept().done else ""


def _show_way_on() -> None:
    """Draw what stands at the foot of every page: the one before, and the next."""
    text = words("frame")["way"]
    glossary.show_all()
    presenting.show_switch()
    name = st.session_state[_NAME]
    before, after = course.neighbours(name)
    with st.container(key="way-on", horizontal=True, horizontal_alignment="distribute"):
        for entry, word, icon in (
            (before, "previous", ":material/arrow_back:"),
            (after, "next", ":material/arrow_forward:"),
        ):
            if entry is None:
                continue
            label = text[word].format(page=words(entry.name)["menu"], minutes=entry.minutes)
            with st.container(key=f"way-{word}", width="content"):
                st.page_link(
                    _page(entry, entry.name),
                    label=label,
                    icon=icon,
                    icon_position="left" if word == "previous" else "right",
                )
    _watch_for_end(name)


# ---------------------------------------------------------------------------------- navigation


def _navigation() -> StreamlitPage:
    text = words("frame")
    st.set_page_config(
        page_title=text["product"], page_icon=str(ASSETS / "mark.svg"), layout="wide"
    )
    st.logo(str(ASSETS / "mark.svg"), size="large")
    # Streamlit serves the default page at the bare address only, and keeps its name reserved.
    # Under another reserved name it can be listed a second time, so that its own name works too.
    # Hidden, since named chapters make its list of pages invalid markup; ours is show_way's.
    pages = [_page(course.pages()[0], _BARE, default=True)]
    pages += [_page(entry, entry.name) for entry in course.pages()]
    return st.navigation(pages, position="hidden")


def _page(entry: Entry, url_path: str, **options: Any) -> StreamlitPage:
    """Return an entry as Streamlit has it: made once a visit, since each page names them all."""
    known: dict[tuple[str, str], StreamlitPage] = st.session_state.setdefault(_ENTRIES, {})
    title = words(entry.name)["title"]
    if (url_path, title) not in known:
        known[url_path, title] = st.Page(
            PAGES / f"{entry.name}.py", title=title, url_path=url_path, **options
        )
    return known[url_path, title]


@lru_cache(maxsize=1)
def _style() -> str:
    colours = "".join(f"--{who}: {colour};" for who, colour in PALETTE.items())
    return f":root {{ {colours} }}\n{(ASSETS / 'style.css').read_text('utf-8')}"
