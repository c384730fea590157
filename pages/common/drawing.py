"""A board to draw a digit on, with mouse, pen or finger. Its code is in ``assets/``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from pages.common.components import component, said

#: Cells of the reported ink in each direction: twice the bitmap that it is normalised to.
SIDE = 64

#: Width of the pen as a share of the board: strokes as thick as those of the data set, for a
#: digit that fills most of the board.
PEN = 0.1

_board = component("drawing")


def drawing_board(key: str, words: dict[str, str], examples: Sequence[Tensor]) -> Tensor:
    """Draw the board; return where there is ink, ``[SIDE, SIDE]``, bool.

    Parameters
    ----------
    key
        A name of its own; the drawing is kept in the session under it.
    words
        The words of the board: board, clear, example, draw.
    examples
        Drawings like the returned one that a button puts on the board, one after the other.
    """
    kept = f"{key}.ink"

    def take_over() -> None:
        if (ink := said(key, "ink", _checked)) is not None:
            st.session_state[kept] = ink

    ink: str = st.session_state.setdefault(kept, "0" * SIDE * SIDE)
    _board(
        key=key,
        data={
            "side": SIDE,
            "pen": PEN,
            "ink": ink,
            "examples": [_as_text(example) for example in examples],
            "words": words,
        },
        on_ink_change=take_over,
    )
    return torch.tensor([cell == "1" for cell in ink]).view(SIDE, SIDE)


def _checked(ink: Any) -> str:
    if not isinstance(ink, str) or len(ink) != SIDE * SIDE or not set(ink) <= {"0", "1"}:
        raise ValueError
    return ink


def _as_text(ink: Tensor) -> str:
    return "".join("1" if cell else "0" for cell in ink.flatten().tolist())
