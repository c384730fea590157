"""The temperature slider and the soft-label bars that move with it, without a round trip.

Two components that talk to each other in the browser: the slider can stand among the controls
and the bars below them. Their code is in ``assets/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kdcore.figures import MARKERS
from kdcore.settings import TEMPERATURE
from pages.common.components import component, said
from pages.common.widgets import Controls, Slider

#: One test image of each class that teachers find ambiguous but read rightly.
THUMBNAILS = (346, 703, 367, 824, 455, 41, 702, 231, 755, 739)

#: The one that the course begins with, which every class of networks here finds neither trivial
#: nor hopeless: a 7.
FIRST_DIGIT = THUMBNAILS[7]

_SLIDER_KEY = "temperature-slider"
_BARS_KEY = "live-bars"
_LAB_HEIGHT = "28rem"


_slider = component("temperature_slider")
_bars = component("live_bars")


@dataclass(frozen=True)
class Row:
    """One row of bars: whose probabilities, under which name."""

    #: "label", "teacher", "hard" or "distilled".
    who: str
    #: What it is called; ``{temperature}`` in it is the row's own, while the slider moves, too.
    name: str
    #: A temperature of its own; the slider's unless given.
    temperature: float | None = None


@dataclass(frozen=True)
class ExampleDigit:
    """One test image and what three networks say of it."""

    #: Row in the test set.
    index: int
    #: The right class, or −1 if nobody knows.
    label: int
    #: 64 values, 0 to 16.
    pixels: list[int]
    #: Ten logits each for "teacher", "hard" and "distilled".
    logits: dict[str, list[float]]
    hardest: bool = False


def temperature_slider(controls: Controls) -> None:
    """Draw the temperature slider; T is ``controls["temperature"]``."""
    slider = Slider(TEMPERATURE)

    def take_over() -> None:
        found = said(_SLIDER_KEY, "temperature", lambda value: slider.read(str(float(value))))
        if found is not None and found[1] is None:
            controls["temperature"] = found[0]

    _slider(
        key=_SLIDER_KEY,
        data={
            "label": slider.label,
            "help": slider.help,
            "minimum": slider.steps.minimum,
            "maximum": slider.steps.maximum,
            "step": slider.steps.step,
            "value": controls["temperature"],
        },
        on_temperature_change=take_over,
    )


def live_bars(
    controls: Controls,
    digits: Sequence[ExampleDigit],
    words: dict[str, str],
    stale: bool,
    rows: Sequence[Row] | None = None,
    thumbnails: bool = True,
    height: str = _LAB_HEIGHT,
    tall: str = "",
    key: str = _BARS_KEY,
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
    rows
        The rows of bars; hard label, teacher and both students unless given. Without any row
        only the thumbnails are drawn, to choose for other bars on the page.
    thumbnails
        Whether the digits are offered to choose from.
    height
        The least height, so that nothing jumps when the first figures come.
    tall
        The height of a row where it is not that of four above each other.
    key
        A name of its own for each that stands on the same page.
    """

    def take_over() -> None:
        offered = [digit.index for digit in digits]
        if (place := said(key, "digit", offered.index)) is not None:
            controls["digit"] = offered[place]

    if rows is None:
        rows = [Row(who, words[who]) for who in ("label", "teacher", "hard", "distilled")]
    _bars(
        key=key,
        data={
            "classes": 10,
            "rows": [vars(row) | {"marker": MARKERS[row.who]} for row in rows],
            "thumbnails": thumbnails,
            "height": height,
            "tall": tall,
            "digits": [vars(digit) for digit in digits],
            "chosen": controls["digit"],
            "temperature": controls["temperature"],
            "stale": stale,
            "words": words,
        },
        on_digit_change=take_over,
    )
