"""Handwritten digits as images on the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from torch import Tensor

#: Screen pixels of one of the 8×8 pixels: they stay sharp squares.
ZOOM = 8

#: Transparent pixels at the left and right of each image, which keep it apart from the next.
GAP = 3


def show(
    images: Sequence[Tensor],
    alternatives: Sequence[str],
    captions: Sequence[str] | None = None,
    zoom: int = ZOOM,
) -> None:
    """Show digits ``[64]`` (0 to 1) side by side, dark ink on white paper, each described."""
    st.image(
        [_paper(image, zoom) for image in images],
        caption=list(captions) if captions else None,
        alt=list(alternatives),
        output_format="PNG",
    )


def _paper(image: Tensor, zoom: int) -> np.ndarray:
    """Return ``[height, width, 4]``: the digit on paper between two gaps."""
    grey = np.kron(255 * (1 - image.view(8, 8).numpy()), np.ones((zoom, zoom)))
    paper = np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=-1)
    return np.pad(paper, ((0, 0), (GAP, GAP), (0, 0))).astype(np.uint8)
