"""Controls for soft labels: targets as soft as the teacher's that lack what is to be tested.

Every target keeps the probability of the label exactly; only what is said of the wrong answers
differs. So what a student gains from one and not from another lies in the wrong answers.
"""

from __future__ import annotations

import torch
from torch import Tensor


def smoothed(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Spread what is not the label's evenly over the other classes.

        q_y = p_y,   q_i = (1 − p_y) / (C − 1)  for i ≠ y

    As sure as the teacher of each image, but without any opinion on the wrong answers.

    Parameters
    ----------
    probabilities
        Soft labels ``[..., N, C]``.
    labels
        ``[N]``.

    Notes
    -----
    Szegedy et al. (2016), *Rethinking the Inception architecture for computer vision*, section 7,
    smooth every label by the same amount. Here it is the teacher's own amount, image by image.
    """
    is_label = _is_label(probabilities, labels)
    # The sum of the others, not 1 − p: where the teacher is sure, the difference would be noise.
    others = probabilities.masked_fill(is_label, 0).sum(-1, keepdim=True)
    return torch.where(is_label, probabilities, others / (probabilities.shape[-1] - 1))


def shuffled(probabilities: Tensor, labels: Tensor, draw: torch.Generator) -> Tensor:
    """Permute the probabilities of the wrong answers, each image with a permutation of its own.

    The same numbers, so the same confidence and entropy; but what is likely now is arbitrary.
    Since the softmax treats all classes alike, permuting logits would come to the same.

    Parameters
    ----------
    probabilities
        Soft labels ``[N, C]``.
    labels
        ``[N]``.
    draw
        Where the permutations come from.
    """
    is_label = _is_label(probabilities, labels)
    keys = torch.rand(probabilities.shape, generator=draw)
    # The label first in either order; behind it the others, once as they stand, once shuffled.
    places = torch.arange(probabilities.shape[-1]).expand_as(keys)
    source = keys.masked_fill(is_label, -1).argsort(-1)
    target = places.masked_fill(is_label, -1).argsort(-1)
    return torch.empty_like(probabilities).scatter_(-1, target, probabilities.gather(-1, source))


def logits_of(probabilities: Tensor, temperature: float) -> Tensor:
    """Return logits whose soft labels at a temperature are these probabilities.

        z = T · ln q,   so that softmax(z / T) = q

    They stand in for a teacher's logits at that temperature and at no other.
    """
    return temperature * probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def spread(logits: Tensor, class_axis: int = -1) -> Tensor:
    """Return how far each example's logits lie apart, their standard deviation over the classes.

        σ = √(1/C · Σ_i (z_i − mean z)²)

    ``[..., N, C]`` → ``[..., N, 1]``; the larger, the surer the softmax.
    """
    return logits.std(dim=class_axis, keepdim=True, correction=0).clamp_min(1e-6)


def standardised(logits: Tensor, class_axis: int = -1) -> Tensor:
    """Give each example's logits mean 0 and spread 1, in their own shape.

        (z − mean z) / σ

    What is left is which class is above which and by what share; how sure the network is, is gone.

    Notes
    -----
    Sun et al. (2024), *Logit standardization in knowledge distillation*, equation 7.
    """
    centred = logits - logits.mean(dim=class_axis, keepdim=True)
    return centred / spread(logits, class_axis)


def _is_label(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return a mask ``[..., N, C]`` of each image's own class."""
    classes = torch.arange(probabilities.shape[-1])
    return (labels.unsqueeze(-1) == classes).expand_as(probabilities)
