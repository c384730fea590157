"""Handwritten digits as images on the page, each described."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st
from torch import Tensor

from kdcore.views.pictures import picture


def show(
    images: Iterable[Tensor],
    alternatives: Sequence[str],
    captions: Sequence[str],
    size: float = 4.6,
) -> None:
    """Show images ``[64]`` (ink from 0 to 1) side by side, ``size`` rem wide, with captions."""
    figures = (
        f'<figure><img src="{picture(image, 8)}" alt="{escape(said)}" style="width:{size}rem;'
        f'height:{size}rem"><figcaption>{escape(caption)}</figcaption></figure>'
        for image, said, caption in zip(images, alternatives, captions, strict=True)
    )
    st.html(f'<div class="gallery">{"".join(figures)}</div>')
