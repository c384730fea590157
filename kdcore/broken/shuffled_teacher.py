"""The teacher's logits are kept in the order in which they were made, not in that of the images.

A loader that shuffles hands out the images in another order than that of their rows. Each image
meets what the teacher says of another one.
"""

from __future__ import annotations

from torch import Generator, Tensor, randperm, zeros_like


def cache(
    teacher_logits: Tensor,
    rows: Tensor,
    draw: Generator,
) -> Tensor:
    """Keep the teacher's logits, by row."""
    # The loader hands rows out in this order.
    order = randperm(len(rows), generator=draw)
    kept = zeros_like(teacher_logits)
    kept[rows] = teacher_logits[rows[order]]
    return kept
