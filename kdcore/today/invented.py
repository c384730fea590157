"""Images invented to teach: the pixels are what is trained, by going through the learning itself.

A network learns from ten invented images for a few steps of plain gradient descent. How well it
then reads real digits depends on the pixels, through all of these steps; so the pixels can be
improved by gradient descent, too.

Source: Wang, Zhu, Torralba, Efros (2018), *Dataset distillation*, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from kdcore.data import LabelledImages
from kdcore.models import MLPStack, initial_layers
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.randomness import generator
from kdcore.training import Adam, Cancelled

#: Improvements of the pixels.
IMPROVEMENTS = 300
#: Real training images on which a student that learned from the invented ones is tried.
TRIED_ON = 128
PIXEL_RATE = 0.03
#: The learning rate of the student is invented, too, beginning with 1; this moves its logarithm.
LOG_RATE_RATE = 0.005
#: Starts that an improvement is tried from, if they are random.
RANDOM_STARTS = 2
#: Pictures of the images while they are invented.
PICTURES = 12


@dataclass
class InventedCurve(LearningCurve):
    """How well the first student reads, and what the first seed's images look like, meanwhile."""

    #: ``[images, D]`` each.
    pictures: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Invented:
    """Images that were invented for each seed, and how fast to learn from them."""

    #: ``[S, images, D]``; ink may be negative or more than black.
    inputs: Tensor
    #: The learning rate of the student, ``[S, 1, 1]``.
    learning_rate: Tensor


#: Weights ``[R, out, in]`` and biases ``[R, out, 1]`` of each layer.
Layers = tuple[list[Tensor], list[Tensor]]


def learned(
    layers: Layers, inputs: Tensor, one_hot: Tensor, learning_rate: Tensor, steps: int
) -> Layers:
    """Return networks after some steps of gradient descent on all inputs at once.

        W ← W − η · ∂CE/∂W,   by back-propagation:   δ_L = (p − y)/n,   δ_{l−1} = W_lᵀ δ_l · [h > 0]

    Written out instead of asked of autograd: so the steps themselves are ordinary operations, which
    autograd can go back through to the inputs.

    Parameters
    ----------
    inputs, one_hot
        ``[R, n, D]`` and their labels ``[R, n, classes]``.
    learning_rate
        η, ``[R, 1, 1]``.
    """
    weights, biases = layers
    for _ in range(steps):
        hidden = said((weights, biases), inputs)
        delta = (torch.softmax(hidden[-1], dim=1) - one_hot.mT) / inputs.shape[1]
        next_weights, next_biases = list(weights), list(biases)
        for layer in reversed(range(len(weights))):
            below = hidden[layer - 1] if layer else inputs.mT
            next_weights[layer] = weights[layer] - learning_rate * torch.bmm(delta, below.mT)
            next_biases[layer] = biases[layer] - learning_rate * delta.sum(-1, keepdim=True)
            if layer:
                delta = torch.bmm(weights[layer].mT, delta) * (below > 0)
        weights, biases = next_weights, next_biases
    return weights, biases


def said(layers: Layers, inputs: Tensor) -> list[Tensor]:
    """Return the activations of every layer, the logits last, for ``[R, n, D]``.

    What :meth:`MLPStack.forward` does, but without writing over anything that autograd keeps.
    """
    activations, below = [], inputs.mT
    for number, (weight, bias) in enumerate(zip(*layers, strict=True), start=1):
        above = torch.baddbmm(bias, weight, below)
        below = above if number == len(layers[0]) else torch.relu(above)
        activations.append(below)
    return activations


def invent(
    training: LabelledImages,
    layer_sizes: Sequence[int],
    seeds: Sequence[int],
    images: int,
    steps: int,
    random_starts: bool,
    monitor: Monitor = SILENT,
) -> tuple[Invented, InventedCurve]:
    """Invent images, as many for each class, from which a network learns to read real digits.

    Parameters
    ----------
    training
        Real images: only the trial of what was learned sees them, never the student.
    images
        How many for each seed, a multiple of the number of classes.
    steps
        Steps that the student learns for.
    random_starts
        Whether the student starts from other weights each time, or always from the seed's own.

    Raises
    ------
    Cancelled
        If the monitor says so.
    """
    classes = layer_sizes[-1]
    invented = torch.stack(
        [
            0.5 * torch.rand(images, layer_sizes[0], generator=generator(s, "invented"))
            for s in seeds
        ]
    )
    log_rate = torch.zeros(len(seeds), 1, 1)
    labels = labels_of(images, classes, len(seeds))
    real = torch.nn.functional.one_hot(training.labels, classes).float()
    own = MLPStack.initialise(layer_sizes, seeds)
    trials = [generator(seed, "trials") for seed in seeds]
    draws = [generator(seed, "random starts") for seed in seeds]
    each = RANDOM_STARTS if random_starts else 1
    pixels, rates = Adam([invented], PIXEL_RATE), Adam([log_rate], LOG_RATE_RATE)
    curve = InventedCurve()
    for number in range(IMPROVEMENTS):
        if monitor.is_cancelled():
            raise Cancelled
        start = new_starts(layer_sizes, draws, each) if random_starts else (own.weights, own.biases)
        rows = torch.stack([torch.randint(len(real), (TRIED_ON,), generator=t) for t in trials])
        rows = rows.repeat_interleave(each, dim=0)
        leaves = [invented.clone().requires_grad_(), log_rate.clone().requires_grad_()]
        inputs, rate = (leaf.repeat_interleave(each, dim=0) for leaf in leaves)
        student = learned(start, inputs, labels.repeat_interleave(each, dim=0), rate.exp(), steps)
        reads = torch.log_softmax(said(student, training.inputs[rows])[-1], dim=1)
        loss = -(reads * real[rows].mT).sum(1).mean(-1).sum() / each
        by_pixels, by_rate = torch.autograd.grad(loss, leaves)
        pixels.learning_rate = PIXEL_RATE * (1 - number / IMPROVEMENTS)
        pixels.step([by_pixels])
        rates.step([by_rate])
        if (number + 1) * PICTURES >= IMPROVEMENTS * (1 + len(curve.pictures)):
            right = reads.detach().argmax(1) == training.labels[rows]
            curve.samples_seen.append(number + 1)
            curve.accuracy.append(right.double().mean(-1).view(-1, each).mean(1, keepdim=True))
            curve.pictures.append(invented[0].clone())
        monitor.report("invented", (number + 1) / IMPROVEMENTS, curve)
    return Invented(invented, log_rate.exp()), curve


def labels_of(images: int, classes: int, seeds: int) -> Tensor:
    """Return one-hot labels, each class in turn: ``[S, images, classes]``."""
    return torch.eye(classes).repeat(images // classes, 1).expand(seeds, -1, -1)


def new_starts(layer_sizes: Sequence[int], draws: Sequence[torch.Generator], each: int) -> Layers:
    """Draw some first weights from each generator, one behind the other."""
    layers = [
        initial_layers(inputs, outputs, [draw for draw in draws for _ in range(each)])
        for inputs, outputs in pairwise(layer_sizes)
    ]
    return [weight for weight, _ in layers], [bias for _, bias in layers]
