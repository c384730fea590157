"""Classes that a student has never seen: how well it knows them, and the bias that it lacks.

A student that never saw a 3 may also have learned that 3 is never the answer, so that the bias of
that logit is too low. What it knows of 3s all the same shows when a constant is added to the logit.

Source: Hinton, Vinyals, Dean (2015), *Distilling the Knowledge in a Neural Network*, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: Rounds in which the shifts of several classes, which compete for the same images, settle.
_ROUNDS = 100


def balancing_shift(logits: Tensor, classes: Sequence[int], frequencies: Sequence[float]) -> Tensor:
    """Return what to add to the logits of some classes so that they are answered often enough.

        share of the N images with argmax_c (z_c + b_c) = u  =  f_u   for each class u

    An image is answered with u if the shift b_u exceeds its margin, the largest other logit minus
    z_u. So for one class the shift lies in the middle between the two margins around rank f_u · N.
    Several classes take turns until none of them moves any more.

    Nothing but logits and frequencies goes in: no label of any image is needed, and the rule has
    nothing to do with the test set as long as the logits are those of training images.

    Parameters
    ----------
    logits
        ``[..., N, C]``, of images on which the rule may look.
    classes
        The classes to shift, K of them.
    frequencies
        How often each of them occurs, as a share of all images.

    Returns
    -------
    Tensor
        The shifts, ``[..., K]``; the other classes keep their logits.

    Raises
    ------
    ValueError
        If a frequency is not between 0 and 1, or all classes are to be shifted.

    Notes
    -----
    Hinton, Vinyals, Dean (2015) chose the bias that did best on the test set; this rule replaces
    that choice by one that can be made before testing.
    """
    if not all(0 < frequency < 1 for frequency in frequencies) or sum(frequencies) >= 1:
        raise ValueError("frequencies must be between 0 and 1 and leave room for other classes")
    examples = logits.shape[-2]
    shifts = logits.new_zeros(*logits.shape[:-2], len(classes))
    for _ in range(_ROUNDS):
        before = shifts.clone()
        for k, (unseen, frequency) in enumerate(zip(classes, frequencies, strict=True)):
            moved = shifted(logits, classes, shifts)
            others = moved.clone()
            others[..., unseen] = -torch.inf
            margins = (others.amax(-1) - logits[..., unseen]).sort(-1).values
            rank = min(max(round(frequency * examples), 1), examples - 1)
            shifts[..., k] = (margins[..., rank - 1] + margins[..., rank]) / 2
        if torch.allclose(before, shifts, rtol=0, atol=1e-4):
            break
    return shifts


def shifted(logits: Tensor, classes: Sequence[int], shifts: Tensor | float) -> Tensor:
    """Return logits ``[..., N, C]`` with a constant added to some classes.

    Parameters
    ----------
    shifts
        ``[..., K]``, one for each of the K classes, or one number for all of them.
    """
    shifts = torch.as_tensor(shifts, dtype=logits.dtype)
    moved = logits.clone()
    moved[..., list(classes)] += shifts.unsqueeze(-2) if shifts.ndim else shifts
    return moved


def recall(logits: Tensor, labels: Tensor, classes: Sequence[int]) -> Tensor:
    """Return the share of the images of some classes that are answered rightly.

    Logits ``[..., N, C]``, labels ``[N]`` → ``[...]``.
    """
    of_these = torch.isin(labels, torch.tensor(list(classes)))
    return (logits[..., of_these, :].argmax(-1) == labels[of_these]).double().mean(-1)


def confusion(logits: Tensor, labels: Tensor) -> Tensor:
    """Count the answers to the images of each class: row = true class, column = answer, ``[C, C]``.

    Logits ``[N, C]``, labels ``[N]``.
    """
    classes = logits.shape[-1]
    pairs = labels * classes + logits.argmax(-1)
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)
