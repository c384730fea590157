"""Inputs to ask a teacher about: digits, what is left of them, and noise that shows nothing.

Each kind is a function of the training pool and a generator, so that a seed draws its own. They
are what a student sees *instead of* labelled images; no label of any image goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from kdcore.randomness import generator

#: Digits that *half* of the classes shows; the other five are never seen.
SEEN_HALF = (0, 1, 2, 3, 4)
UNSEEN_HALF = (5, 6, 7, 8, 9)
#: Images that *few* shows again and again, and that *blends* mixes.
FEW_IMAGES = 20


def normal_noise(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Every pixel drawn from N(0, 1): half of them darker than black paper can be."""
    return torch.randn(count, pool.shape[1], generator=draw)


def symmetric_noise(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Every pixel uniform from −1 to 1."""
    return 2 * torch.rand(count, pool.shape[1], generator=draw) - 1


def positive_noise(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Every pixel uniform from 0 to 1, the range of the digits' own pixels."""
    return torch.rand(count, pool.shape[1], generator=draw)


def constant(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """All pixels of an image alike, at a grey drawn for each image."""
    return torch.rand(count, 1, generator=draw).repeat(1, pool.shape[1])


def images(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """The digits themselves, each as often as another."""
    return pool[_rows(len(pool), count, draw)]


def shuffled_pixels(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Digits whose pixels change places, each image in its own way: the ink without the shape."""
    drawn = images(pool, count, draw)
    return drawn.gather(1, torch.rand(drawn.shape, generator=draw).argsort(1))


def few_images(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """:data:`FEW_IMAGES` digits, over and over."""
    return images(pool[_rows(len(pool), FEW_IMAGES, draw)], count, draw)


def blends(pool: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Mixtures of two of :data:`FEW_IMAGES` digits.

        x = λ · a + (1 − λ) · b,   λ uniform from 0 to 1

    Notes
    -----
    Zhang et al. (2018), *mixup: beyond empirical risk minimization*, without its labels.
    """
    few = pool[_rows(len(pool), FEW_IMAGES, draw)]
    first, second = (torch.randint(len(few), (count,), generator=draw) for _ in range(2))
    share = torch.rand(count, 1, generator=draw)
    return share * few[first] + (1 - share) * few[second]


Kind = Callable[[Tensor, int, torch.Generator], Tensor]

#: What a messenger can be made of, by name.
NOISES: Mapping[str, Kind] = {
    "normal": normal_noise,
    "symmetric": symmetric_noise,
    "positive": positive_noise,
    "constant": constant,
    "shuffled": shuffled_pixels,
    "digits": images,
}


def draw_inputs(
    kind: Kind, pool: Tensor, count: int, seeds: Sequence[int], purpose: str = "noise"
) -> Tensor:
    """Draw each seed's own inputs, ``[S, count, D]``.

    Parameters
    ----------
    pool
        The training images ``[N, D]`` that some kinds are made from.
    purpose
        Two kinds with one purpose begin with the same random numbers, seed by seed.
    """
    return torch.stack([kind(pool, count, generator(seed, purpose)) for seed in seeds])


def one_pool(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Lay the seeds' own inputs ``[S, n, D]`` one behind the other, as training takes them.

    Returns
    -------
    pool : Tensor
        ``[S·n, D]``
    rows : Tensor
        Rows of the pool that belong to each seed, ``[S, n]``.
    """
    S, n, _ = inputs.shape
    return inputs.flatten(0, 1), torch.arange(S * n).view(S, n)


def _rows(size: int, count: int, draw: torch.Generator) -> Tensor:
    """Draw ``count`` rows of ``size``, one shuffle after another: none is drawn much more often."""
    shuffles = [torch.randperm(size, generator=draw) for _ in range(-(-count // size))]
    return torch.cat(shuffles)[:count]
