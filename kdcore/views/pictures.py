"""Small grey pictures as addresses that an ``img`` or a chart can show: no file, no library."""

from __future__ import annotations

import base64
import struct
import zlib

import torch
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
    image = grey.round().to(torch.uint8).repeat_interleave(enlarge, 0).repeat_interleave(enlarge, 1)
    # Each line of a PNG begins with its filter, 0 for none.
    lines = b"".join(b"\0" + bytes(line) for line in image.tolist())
    size = side * enlarge
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)  # 8 bits, grey
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
