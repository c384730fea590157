"""The handwritten digits, their fixed split, and the few labels that a student sees."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from kdcore.randomness import generator

ASSETS = Path(__file__).resolve().parent.parent / "assets"

#: An image is 8×8 pixels of one of ten digits.
PIXELS, CLASSES = 64, 10
#: Images of each class in the training pool, the rest is for testing.
TRAINING_IMAGES_PER_CLASS = 90
#: Images of the training pool.
POOL = CLASSES * TRAINING_IMAGES_PER_CLASS
#: All images, those for testing included.
IMAGES = 1797


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Inputs ``[N, D]`` (float32, 0 to 1) with their labels ``[N]`` (int64)."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training pool and a held-out test set that nothing is ever trained or tuned on."""

    name: str
    classes: int
    training: LabelledImages
    test: LabelledImages


@lru_cache(maxsize=8)
def digits(split: int = 0) -> Dataset:
    """Return the UCI handwritten digits: 900 training images, 897 test images, 64 pixels.

    Every split is fixed, and class-balanced in the training pool.

    Parameters
    ----------
    split
        Which of the splits into training pool and test set; 0 is the usual one.

    Notes
    -----
    E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, CC BY 4.0.
    Pixels are 0 to 16 in the file and are divided by 16 here.
    """
    with gzip.open(ASSETS / "digits" / "digits.csv.gz", "rt", newline="") as file:
        table = torch.tensor([[float(cell) for cell in row] for row in csv.reader(file)])
    inputs, labels = table[:, :PIXELS] / 16, table[:, PIXELS].long()
    training_rows = _rows_per_class(labels, TRAINING_IMAGES_PER_CLASS, generator(split, "split"))
    is_training = torch.zeros(len(labels), dtype=torch.bool)
    is_training[training_rows] = True
    return Dataset(
        name=f"digits, split {split}",
        classes=CLASSES,
        training=LabelledImages(inputs[is_training], labels[is_training]),
        test=LabelledImages(inputs[~is_training], labels[~is_training]),
    )


def few_labels(labels: Tensor, count: int, seed: int, purpose: str = "labels") -> Tensor:
    """Return the rows of a random subset: the labelled images that a student sees.

    The draw is plain, not class-balanced: with few labels some classes come up short, as they do
    where labels are scarce. The same seed gives the same subset, whatever the condition.

    Parameters
    ----------
    labels
        Labels ``[N]`` of the training pool.
    count
        How many to draw, from 1 to N.
    seed
        Whose draw it is.
    purpose
        Another purpose draws other images: what a teacher learned from is not the student's.

    Returns
    -------
    Tensor
        Sorted row numbers ``[count]``.

    Raises
    ------
    ValueError
        If ``count`` is not from 1 to N.
    """
    if not 1 <= count <= len(labels):
        raise ValueError(f"labels must be from 1 to {len(labels)}, not {count}")
    order = torch.randperm(len(labels), generator=generator(seed, purpose))
    return order[:count].sort().values


def noisy_labels(labels: Tensor, share: float, classes: int, seed: int) -> Tensor:
    """Replace a share of the labels by another, wrong class, each wrong class as likely.

    The same seed draws the same images and the same wrong classes; a larger share only adds to
    them, so that the steps between two shares are paired, too.

    Parameters
    ----------
    labels
        Labels ``[n]`` of the images that are learned from.
    share
        Share of them that becomes wrong, from 0 to 1: exactly ``round(share * n)`` images.
    classes
        How many classes there are.
    seed
        Whose draw it is.

    Returns
    -------
    Tensor
        A new tensor of labels ``[n]``.

    Raises
    ------
    ValueError
        If ``share`` is not from 0 to 1.

    Notes
    -----
    Known as symmetric label noise: Angluin, Laird (1988), *Learning from noisy examples*.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"label noise must be from 0 to 1, not {share}")
    draw = generator(seed, "label noise")
    wrong = torch.randperm(len(labels), generator=draw)[: round(share * len(labels))]
    # A step of 1 to classes − 1 around the circle of classes never comes back to the right one.
    steps = torch.randint(1, classes, labels.shape, generator=draw)
    noisy = labels.clone()
    noisy[wrong] = (labels[wrong] + steps[wrong]) % classes
    return noisy


def _rows_per_class(labels: Tensor, each: int, draw: torch.Generator) -> Tensor:
    """Draw ``each`` rows of every class."""
    chosen = []
    for label in labels.unique().tolist():
        rows = torch.nonzero(labels == label).flatten()
        chosen.append(rows[torch.randperm(len(rows), generator=draw)[:each]])
    return torch.cat(chosen)
