"""The temperature slider and the soft-label bars that move with it, without a round trip.

Two components that talk to each other in the browser: the slider can stand among the controls
and the bars below them. Their code is in ``assets/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from kdcore.figures import MARKERS, PALETTE
from pages.common.controls import TEMPERATURE_SLIDER, Controls
from pages.common.words import ASSETS

_SLIDER_KEY = "temperature-slider"
_BARS_KEY = "live-bars"


def _component(name: str) -> Any:
    html, css, js = (
        (ASSETS / f"{name}.{ending}").read_text("utf-8") for ending in ("html", "css", "js")
    )
    return st.components.v2.component(name, html=html, css=css, js=js)


_slider = _component("temperature_slider")
_bars = _component("live_bars")


@dataclass(frozen=True)
class ExampleDigit:
    """One test image and what three networks say of it."""

    #: Row in the test set.
    index: int
    label: int
    #: 64 values, 0 to 16.
    pixels: list[int]
    #: Ten logits each for "teacher", "hard" and "distilled".
    logits: dict[str, list[float]]
    hardest: bool = False


def temperature_slider(controls: Controls) -> None:
    """Draw the temperature slider; T is ``controls["temperature"]``."""

    def take_over() -> None:
        value, _ = TEMPERATURE_SLIDER.read(str(st.session_state[_SLIDER_KEY]["temperature"]))
        controls["temperature"] = value

    _slider(
        key=_SLIDER_KEY,
        data={
            "label": TEMPERATURE_SLIDER.parameter.label,
            "help": TEMPERATURE_SLIDER.parameter.help,
            "minimum": TEMPERATURE_SLIDER.minimum,
            "maximum": TEMPERATURE_SLIDER.maximum,
            "step": TEMPERATURE_SLIDER.step,
            "value": controls["temperature"],
        },
        on_temperature_change=take_over,
    )


def live_bars(
    controls: Controls, digits: Sequence[ExampleDigit], words: dict[str, str], stale: bool
) -> None:
    """Draw the bars of one of the digits; the chosen one is ``controls["digit"]``.

    Parameters
    ----------
    digits
        The digits to choose from; none while nothing is trained yet.
    words
        The words of the component, and the names of the four rows.
    stale
        Whether the figures belong to earlier settings and are about to change.
    """

    def take_over() -> None:
        controls["digit"] = int(st.session_state[_BARS_KEY]["digit"])

    _bars(
        key=_BARS_KEY,
        data={
            "classes": 10,
            "rows": [
                {
                    "who": who,
                    "name": words[who],
                    "colour": PALETTE[who],
                    "marker": MARKERS[who],
                }
                for who in ("label", "teacher", "hard", "distilled")
            ],
            "digits": [vars(digit) for digit in digits],
            "chosen": controls["digit"],
            "temperature": controls["temperature"],
            "stale": stale,
            "words": words,
        },
        on_digit_change=take_over,
    )
