"""Small grey pictures as addresses that an ``img`` or a chart can show, without a file."""

from __future__ import annotations

import base64
import io

import torch
from PIL import Image
from torch import Tensor

#: Grey of full ink; a little lighter than black is easier on the eye, as in the live bars.
_INK_GREY = 20


def picture(pixels: Tensor, enlarge: int = 6) -> str:
    """Return a square image as a ``data:image/png`` address, ink dark on white.

    Parameters
    ----------
    pixels
        ``[side * side]`` or ``[side, side]``, ink from 0 to 1.
    enlarge
        Pixels of the picture per pixel of the image, so that it stays crisp when scaled.
    """
    side = int(pixels.numel() ** 0.5)
    grey = 255 - pixels.view(side, side) * (255 - _INK_GREY)
    image = Image.fromarray(grey.round().to(torch.uint8).numpy())
    png = io.BytesIO()
    image.resize((side * enlarge,) * 2, Image.Resampling.NEAREST).save(png, "PNG")
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")


def as_ink(images: Tensor) -> Tensor:
    """Bring images ``[..., D]`` of any range into that of ink, 0 to 1, all by the same scale.

    Noise and invented images go below no ink and beyond full ink. What is 0 in the images need not
    be white then; the smallest value of all is.
    """
    low, high = images.min(), images.max()
    return (images - low) / (high - low).clamp_min(1e-6)
