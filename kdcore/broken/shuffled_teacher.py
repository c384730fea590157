"""The teacher's logits are kept in the order in which they were made, not in that of the images.

A loader that shuffles hands out the images in another order than that of their rows. Each image
meets what the teacher says of another one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cache(
    teacher_logits: Tensor,
    rows: Tensor,
    draw: torch.Generator,
) -> Tensor:
    """Keep the teacher's logits, to be looked up by row."""
    # The loader hands out a student's rows in this order.
    order = torch.randperm(len(rows), generator=draw)
    kept = torch.zeros_like(teacher_logits)
    kept[rows] = teacher_logits[rows[order]]
    return kept
