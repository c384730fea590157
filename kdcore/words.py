"""The words that a learner reads, from ``assets/lessons/``: one folder a language, one file a page.

No Python is needed to edit or translate them. A language may lack files, and a file may lack
words: English stands in for what is missing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).resolve().parents[1] / "assets"
LESSONS = ASSETS / "lessons"

#: A figure of the literature, such as ``<<hinton.bias>>``; it is written once, with its source.
_quoted = re.compile(r"<<(\w+)\.(\w+)>>")

#: The language that is complete.
ENGLISH = "en"

#: Each thread begins with none: a run of a page has a thread to itself.
_spoken: ContextVar[str] = ContextVar("language")


def speak(language: str) -> None:
    """Say what language charts speak, from now on and in this thread (or context) alone."""
    _spoken.set(language)


def spoken() -> str:
    """Return the language that was said to be spoken here, or English."""
    return _spoken.get(ENGLISH)


@lru_cache
def languages() -> tuple[str, ...]:
    """Return the languages that there are words in, English first."""
    others = sorted(folder.name for folder in LESSONS.iterdir() if folder.is_dir())
    return (ENGLISH, *(name for name in others if name != ENGLISH))


@lru_cache
def words(page: str, language: str = ENGLISH) -> dict[str, Any]:
    """Return the words of one page by their names.

    Raises
    ------
    FileNotFoundError
        If there is no ``assets/lessons/en/{page}.toml``.
    ValueError
        If a file is broken; the message says which and where.
    """
    english = _read(LESSONS / ENGLISH / f"{page}.toml")
    translated = LESSONS / language / f"{page}.toml"
    if language == ENGLISH or not translated.exists():
        return english
    return _over(english, _read(translated))


@lru_cache
def settings_words(language: str = ENGLISH) -> Mapping[str, Mapping[str, str]]:
    """Return how settings are called and explained, by name.

    Those that several pages have stand in ``settings.toml``; one that an experiment brings along
    may stand in its page's own file, in a table such as ``[settings.sides]``.
    """
    own: dict[str, Mapping[str, str]] = {}
    for file in sorted((LESSONS / ENGLISH).glob("*.toml")):
        try:
            own |= words(file.stem, language).get("settings", {})
        except ValueError:  # the page says so, and is left out
            continue
    return own | words("settings", language)


@lru_cache
def literature() -> dict[str, dict[str, str]]:
    """Return the figures of the literature that the words quote, by paper and name."""
    return tomllib.loads((ASSETS / "facts" / "literature.toml").read_text("utf-8"))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_quoted.sub(_figure, file.read_text("utf-8")))
    except KeyError as unknown:
        raise ValueError(f"{file.relative_to(ASSETS.parent)}: no figure {unknown}") from unknown
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise ValueError(f"{file.relative_to(ASSETS.parent)}: {broken}") from broken


def _figure(quoted: re.Match[str]) -> str:
    return literature()[quoted[1]][quoted[2]]


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return two trees of words as one; where both have a word, the second's."""
    merged = dict(below)
    for name, value in above.items():
        known = below.get(name)
        both = isinstance(known, dict) and isinstance(value, dict)
        merged[name] = _over(known, value) if both else value  # type: ignore[arg-type]
    return merged


class Refusal(ValueError):
    """Something that cannot be done as asked; the reason is fit for a learner, in any language.

    Parameters
    ----------
    word
        Which of the words in ``refusals.toml`` says why.
    values
        What fills its braces.
    """

    def __init__(self, word: str, /, **values: object) -> None:
        super().__init__(word)
        self.word = word
        self.values = values

    def say(self, language: str = ENGLISH) -> str:
        """Return the reason in a language."""
        said: str = words("refusals", language)[self.word]
        values = {
            key: value.say(language) if isinstance(value, Refusal) else value
            for key, value in self.values.items()
        }
        return said.format(**values)

    def __str__(self) -> str:
        return self.say()
