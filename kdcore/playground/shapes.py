"""Sets of points in the plane: moons, spirals, blobs, circles.

Two numbers are all that a network sees of a point, so that what it believes can be drawn for
every place of the plane. The learner's own points are in :mod:`kdcore.playground.own`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import Dataset, LabelledImages
from kdcore.randomness import generator, in_split

#: Held-out points of each set; few would make the accuracy a matter of luck.
TEST_POINTS = 600
#: Names of classes that have no other.
LETTERS = "ABCDEF"


@dataclass(frozen=True, eq=False)
class Plane:
    """A data set in the plane, standardised, and the way back to the units it came in."""

    dataset: Dataset
    class_names: tuple[str, ...]
    axes: tuple[str, str]
    #: What was subtracted from each coordinate, and by what it was divided then: ``[2]`` each.
    centre: Tensor
    scale: Tensor
    #: Whether accuracy is measured on points that nothing was trained on.
    held_out: bool


def moons(points: int, noise: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return two interleaved half circles: inputs ``[points, 2]`` and labels ``[points]``.

    upper moon: (cos t, sin t),   lower moon: (1 − cos t, ½ − sin t),   t from 0 to π
    """
    labels = _balanced(points, 2)
    t = math.pi * torch.rand(points, generator=draw)
    upper = torch.stack([t.cos(), t.sin()], dim=1)
    lower = torch.stack([1 - t.cos(), 0.5 - t.sin()], dim=1)
    inputs = torch.where(labels[:, None] == 0, upper, lower)
    return inputs + noise * torch.randn(points, 2, generator=draw), labels


def spirals(points: int, noise: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return three arms of a spiral that turn around one centre.

    arm k: r · (cos φ, sin φ),   φ = 4 r + 2πk/3,   r from 0.1 to 1
    """
    labels = _balanced(points, 3)
    # The root spreads the points evenly along the arm instead of crowding them at the centre.
    radius = 0.1 + 0.9 * torch.rand(points, generator=draw).sqrt()
    angle = 4 * radius + 2 * math.pi / 3 * labels
    inputs = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return inputs + noise / 2 * torch.randn(points, 2, generator=draw), labels


def blobs(points: int, noise: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return four round clouds on a crooked square; noise adds to their own spread."""
    labels = _balanced(points, 4)
    centres = torch.tensor([[-1.0, -0.8], [1.1, -1.0], [0.9, 1.0], [-0.8, 1.1]])
    spread = 0.25 + noise
    return centres[labels] + spread * torch.randn(points, 2, generator=draw), labels


def circles(points: int, noise: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a ring of radius ½ inside a ring of radius 1."""
    labels = _balanced(points, 2)
    angle = 2 * math.pi * torch.rand(points, generator=draw)
    radius = torch.where(labels == 0, 0.5, 1.0)
    inputs = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return inputs + noise * torch.randn(points, 2, generator=draw), labels


#: The sets by name, each a pure function of number, noise and draw.
PLANES: Mapping[str, Callable[[int, float, torch.Generator], tuple[Tensor, Tensor]]] = {
    "moons": moons,
    "spirals": spirals,
    "blobs": blobs,
    "circles": circles,
}


def plane(name: str, points: int, noise: float, seed: int, split: int = 0) -> Plane:
    """Return a set with ``points`` to train on and 600 held-out ones, drawn apart.

    Inputs are standardised with mean and deviation of the training points. Another split has other
    held-out points.

    Raises
    ------
    ValueError
        If there is no set of that name.
    """
    if name not in PLANES:
        raise ValueError(f"plane must be one of {', '.join(PLANES)}, not {name[:40]!r}")
    training = PLANES[name](points, noise, generator(seed, f"{name}, training"))
    test = PLANES[name](TEST_POINTS, noise, generator(seed, in_split(f"{name}, test", split)))
    classes = int(training[1].max()) + 1
    return standardised(training, test, name, tuple(LETTERS[:classes]), ("x", "y"), held_out=True)


def labels_per_class(labels: Tensor, each: int, seed: int) -> Tensor:
    """Return the rows of ``each`` points of every class, or of all it has: what students see.

    With one seed, a larger number only adds to the points of a smaller one.
    """
    draw = generator(seed, "labels")
    rows = []
    for label in labels.unique().tolist():
        candidates = torch.nonzero(labels == label).flatten()
        rows.append(candidates[torch.randperm(len(candidates), generator=draw)[:each]])
    return torch.cat(rows).sort().values


def standardised(
    training: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    name: str,
    class_names: tuple[str, ...],
    axes: tuple[str, str],
    held_out: bool,
) -> Plane:
    """Return points ``[N, 2]`` and labels ``[N]`` as a plane, by the training points' own scale."""
    centre, scale = training[0].mean(0), training[0].std(0, correction=0)
    scale = scale.clamp_min(torch.finfo(torch.float32).tiny)
    first, second = (
        LabelledImages(((inputs - centre) / scale).float(), labels)
        for inputs, labels in (training, test)
    )
    dataset = Dataset(name, len(class_names), first, second)
    return Plane(dataset, class_names, axes, centre.double(), scale.double(), held_out)


def _balanced(points: int, classes: int) -> Tensor:
    """Return labels 0, 1, …, 0, 1, …: no two classes differ by more than one point."""
    return torch.arange(points) % classes
