"""Where all randomness comes from: one explicit generator for each seed and purpose."""

from __future__ import annotations

import numpy as np
import torch


def generator(seed: int, purpose: str) -> torch.Generator:
    """Return the random generator of one seed for one purpose.

    Each purpose (``"weights"``, ``"batches"``, ...) has a stream of its own, so that what one
    part draws never shifts what another part gets. This keeps conditions paired by seed.
    """
    entropy = [seed, *purpose.encode()]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def in_split(purpose: str, split: int) -> str:
    """Return a purpose that draws anew in another split of the data; in split 0 it is the same."""
    return f"{purpose}, split {split}" if split else purpose
