"""What the two pages on language draw: the humps, words to read, a prompt continued, a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from kdcore.figures import MARKERS
from kdcore.language.letters import END_MARK, Language
from kdcore.language.sampling import Continuation
from kdcore.language.settings import MOST_OWN_WORDS, OWN_WORDS
from kdcore.language.speculative import Speculation
from kdcore.settings import help_of, label_of
from kdcore.views.humps import IMPROBABLE, MEANS, PLACES, SPREADS
from pages.common.components import component
from pages.common.widgets import Controls, note
from pages.common.words import language as spoken

_humps = component("humps")
_writers = component("writers")
_speculation = component("speculation")

#: In which colour each of the writers stands.
COLOUR_OF = {"teacher": "teacher", "hard": "hard", "soft": "distilled", "sequence": "distilled"}


@dataclass(frozen=True)
class OwnWords:
    """Words of one's own, to be typed; what cannot be used is said below them."""

    name: str = OWN_WORDS.name
    default: str = ""

    @property
    def label(self) -> str:
        """What the learner reads beside it."""
        return label_of(self.name, spoken())

    def read(self, text: str) -> tuple[str, str | None]:
        try:
            return OWN_WORDS.format(OWN_WORDS.parse(text)), None
        except ValueError:
            return "", note("not_offered", self.name, text, "–")

    def write(self, value: str) -> str:
        try:
            return OWN_WORDS.format(OWN_WORDS.parse(value))
        except ValueError:
            return ""

    def show(self, key: str) -> None:
        st.text_area(
            self.label,
            key=key,
            help=help_of(self.name, spoken()),
            height=90,
            max_chars=30 * MOST_OWN_WORDS,
            persist_state="session",
        )


def own_words(controls: Controls) -> tuple[str, ...]:
    """Return the learner's own words, none for the number names.

    Raises
    ------
    Refusal
        If what was typed is no list of words.
    """
    return OWN_WORDS.parse(controls[OWN_WORDS.name])


def humps(text: Mapping[str, Any]) -> None:
    """Draw two humps and the Gaussian that each divergence chooses for them."""
    _humps(
        key="humps",
        data={
            "places": PLACES.tolist(),
            "means": list(MEANS),
            "spreads": list(SPREADS),
            "improbable": IMPROBABLE,
            "measures": text["measures"],
            "words": {name: word for name, word in text.items() if name != "measures"},
        },
    )


def words_to_read(
    columns: Sequence[tuple[str, str, Sequence[str]]], known: Sequence[str], invalid: str
) -> None:
    """Set words of several writers beside each other; those that are none are marked.

    Parameters
    ----------
    columns
        Who wrote them, what the column is called, and the words.
    known
        The words of the language.
    invalid
        What is said of a word that is none.
    """
    parts = []
    for who, name, words in columns:
        items = "".join(
            f"<li>{escape(word) or '–'}</li>"
            if word in known
            else f'<li class="invalid"><s>{escape(word) or "–"}</s>'
            f'<span class="spoken"> ({escape(invalid)})</span></li>'
            for word in words
        )
        colour = f"--colour:var(--{COLOUR_OF[who]})"
        parts.append(
            f'<section style="{colour}"><h3>{escape(name)}</h3>'
            # It scrolls, so the keyboard must reach it.
            f'<ul tabindex="0" aria-label="{escape(name)}">{items}</ul></section>'
        )
    st.html(f'<div class="written">{"".join(parts)}</div>')


def continuations(
    prompt: str,
    said: Mapping[str, Continuation],
    names: Mapping[str, str],
    language: Language,
    text: Mapping[str, str],
) -> None:
    """Draw how several networks went on with a prompt, to be played letter by letter."""
    rows = [
        {
            "who": who,
            "name": names[who],
            "colour": COLOUR_OF[who],
            "marker": MARKERS[COLOUR_OF[who]],
            "letters": list(one.letters),
            "probabilities": [[round(p, 4) for p in each] for each in one.probabilities],
            "valid": prompt + language.decode(one.letters) in language.words,
        }
        for who, one in said.items()
    ]
    symbols = [END_MARK, *(letter if letter != " " else "␣" for letter in language.letters)]
    _writers(
        key="writers",
        data={
            "rows": rows,
            "symbols": symbols,
            "prompt": prompt,
            "shown": repr((prompt, [row["letters"] for row in rows])),
            "words": dict(text),
        },
    )


def speculation(
    runs: Mapping[str, Speculation],
    names: Mapping[str, str],
    language: Language,
    text: Mapping[str, str],
) -> None:
    """Draw how drafts were kept and corrected, to be played call by call."""
    drafts: list[dict[str, Any]] = [
        {
            "who": who,
            "name": names[who],
            "colour": COLOUR_OF[who],
            "marker": MARKERS[COLOUR_OF[who]],
            "calls": [
                {"drafted": drafted, "kept": kept, "added": added}
                for drafted, kept, added in zip(
                    run.drafted[0, 0].tolist(),
                    run.kept[0, 0].tolist(),
                    run.added[0, 0].tolist(),
                    strict=True,
                )
            ],
        }
        for who, run in runs.items()
    ]
    _speculation(
        key="speculation",
        data={
            "drafts": drafts,
            "symbols": [END_MARK, *language.letters],
            "shown": repr([[call["kept"] for call in draft["calls"]] for draft in drafts]),
            "words": dict(text),
        },
    )
