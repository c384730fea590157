"""The course: which pages there are, in which order. Each page says so in its own words file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kdcore.words import words

log = logging.getLogger(__name__)

PAGES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Entry:
    """One page; its file is ``pages/{name}.py``, its words lie beside others'."""

    name: str
    chapter: str
    #: Where it comes in the course; pages are sorted by it.
    place: int
    #: How long it takes, as far as one can say.
    minutes: int
    icon: str


@lru_cache(maxsize=1)
def pages() -> tuple[Entry, ...]:
    """Return all pages in the order of the course; the first is the one a stranger sees."""
    found = []
    for file in PAGES.glob("*.py"):
        try:
            text = words(file.stem)
            found.append(
                Entry(file.stem, text["chapter"], text["place"], text["minutes"], text["icon"])
            )
        except (ValueError, KeyError, FileNotFoundError):
            # A page without its words is left out; the others go on.
            log.exception("%s cannot be shown: its words are missing or broken", file.name)
    return tuple(sorted(found, key=lambda entry: entry.place))


def entry(name: str) -> Entry:
    """Return one page by its name."""
    return next(each for each in pages() if each.name == name)


def has(name: str) -> bool:
    """Return whether there is a page of this name."""
    return any(each.name == name for each in pages())


def is_lesson(name: str) -> bool:
    """Return whether a page asks: for a prediction, done when that has met its run, or in cases."""
    return "predict" in words(name) or "cases" in words(name)


def neighbours(name: str) -> tuple[Entry | None, Entry | None]:
    """Return the page before and the page after one, where there is one."""
    listed = pages()
    at = next(i for i, each in enumerate(listed) if each.name == name)
    before = listed[at - 1] if at else None
    return before, listed[at + 1] if at + 1 < len(listed) else None


def chapters() -> dict[str, list[Entry]]:
    """Return the pages of each chapter, both in the order of the course."""
    found: dict[str, list[Entry]] = {}
    for each in pages():
        found.setdefault(each.chapter, []).append(each)
    return found
