"""A drawing becomes a digit of 8×8 pixels, the way the data set was made.

E. Alpaydin and C. Kaynak (1998) took bitmaps of handwriting that the preprocessing programs of
NIST had normalised to 32×32, split them into blocks of 4×4 and counted the ink in each: 0 to 16.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from kdcore.data import digits

#: Side of the normalised bitmap, and of the blocks whose ink is counted.
BITMAP, BLOCK = 32, 4

#: Size of the digit inside the bitmap, rows × columns. NIST's programs fill 20 × 32; the digits of
#: the set show it: their first and last columns are nearly always empty, no row is.
BOX = (32, 20)

#: How far one direction may be stretched beyond the other to fill that box: a bare stroke must not
#: become a beam.
STRETCH = 1.5

#: Ink smaller than this share of the drawing in both directions is a speck, not a digit.
SPECK = 1 / 8

#: A drawing is unlike any digit if fewer test images than this are as far from what was learned.
RARE = 0.005


def digit_from_drawing(ink: Tensor) -> Tensor | None:
    """Turn a drawing into the 64 inputs of the networks, each from 0 to 1.

    The ink is cut out, normalised to the size and place that the data set gives its digits, and
    counted in blocks.

    Parameters
    ----------
    ink
        Where there is ink, ``[height, width]``, bool.

    Returns
    -------
    Tensor or None
        ``[64]`` as in :func:`~kdcore.data.digits`, or None if there is nothing to read: no ink,
        or no more than a speck.
    """
    rows, columns = (torch.nonzero(ink.any(axis)).flatten() for axis in (1, 0))
    if len(rows) == 0:
        return None
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].float()
    if all(part < SPECK * whole for part, whole in zip(cut.shape, ink.shape, strict=True)):
        return None
    height, width = _normalised_size(*cut.shape)
    scaled = torch.nn.functional.interpolate(
        cut[None, None], size=(height, width), mode="bilinear", antialias=True
    )
    bitmap = torch.zeros(BITMAP, BITMAP)
    top, left = (BITMAP - height) // 2, (BITMAP - width) // 2
    bitmap[top : top + height, left : left + width] = (scaled[0, 0] >= 0.5).float()
    if not bitmap.any():  # strokes finer than a pixel of the bitmap
        return None
    return torch.nn.functional.avg_pool2d(bitmap[None], BLOCK).flatten()


def drawing_of(inputs: Tensor, side: int) -> Tensor:
    """Return an image ``[64]`` as if it had been drawn: enlarged, ink or no ink, ``[side, side]``.

    The way back from :func:`digit_from_drawing`, as far as there is one.
    """
    grey = torch.nn.functional.interpolate(
        inputs.view(1, 1, 8, 8), size=(side, side), mode="bicubic"
    )
    return grey[0, 0] >= 0.5


def strangeness(inputs: Tensor) -> float:
    """Return the share of test images that are closer to their nearest training image.

    Near 0 for a digit like those that were learned, 1 for what is farther from all of them than
    any test image: a scribble, a black square. It uses pixels only, no network and no label.

    Parameters
    ----------
    inputs
        One image ``[64]``.
    """
    nearest = torch.cdist(inputs[None], digits().training.inputs).min()
    return (_distances_of_test_images() < nearest).double().mean().item()


def is_strange(inputs: Tensor) -> bool:
    """Say whether an image ``[64]`` is unlike any digit that the networks have seen."""
    return strangeness(inputs) > 1 - RARE


def _normalised_size(height: int, width: int) -> tuple[int, int]:
    """Return how many rows and columns of the bitmap a digit of this size takes."""
    to_fill = (BOX[0] / height, BOX[1] / width)
    most = STRETCH * min(to_fill)
    rows, columns = (
        max(1, round(size * min(scale, most)))
        for size, scale in zip((height, width), to_fill, strict=True)
    )
    return rows, columns


@lru_cache(maxsize=1)
def _distances_of_test_images() -> Tensor:
    data = digits()
    return torch.cdist(data.test.inputs, data.training.inputs).min(dim=1).values
