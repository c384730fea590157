"""How many bytes a value holds, and how many a run will take before it is started."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

from kdcore.models import MOST_PARAMETERS, parameter_count

#: What training holds for each parameter, in numbers: the weight, its gradient, Adam's two
#: moments, and the copies while weights are drawn.
NUMBERS_A_PARAMETER = 5
BYTES_A_NUMBER = 4

#: What any run takes beside its networks: batches, labels, charts' figures.
LEAST_RUN_BYTES = 16 * 2**20

#: Samples that a network sees, where a run says its work only: few of them mean many networks.
_SAMPLES = 12_000


def bytes_held(value: object) -> int:
    """Return the bytes that a value keeps alive, each tensor's memory counted once and whole.

    A view keeps all of what it is a view of. Modules, classes and functions are nobody's own.
    """
    seen: set[int] = set()
    total, todo = 0, [value]
    while todo:
        item = todo.pop()
        if item is None or isinstance(item, type | ModuleType | FunctionType):
            continue
        place, size, parts = _look_into(item)
        if place not in seen:
            seen.add(place)
            total += size
            todo.extend(parts)
    return total


def _look_into(item: Any) -> tuple[int, int, list[Any]]:
    """Return where an item lies in memory, its own bytes, and what else it keeps."""
    if isinstance(item, torch.Tensor):
        storage = item.untyped_storage()
        return storage.data_ptr() or id(item), storage.nbytes(), []
    if isinstance(item, np.ndarray):
        while isinstance(item.base, np.ndarray):
            item = item.base
        return item.__array_interface__["data"][0], item.nbytes, []
    parts: list[Any] = []
    if isinstance(item, Mapping):
        parts = [*item.keys(), *item.values()]
    elif isinstance(item, list | tuple | set | frozenset):
        parts = list(item)
    parts += vars(item).values() if hasattr(item, "__dict__") else ()
    return id(item), sys.getsizeof(item), parts


def training_bytes(layer_sizes: tuple[int, ...], networks: int, examples: int) -> int:
    """Return about what it takes at most to train a stack and to keep its logits.

    Parameters
    ----------
    layer_sizes
        From input to output, such as ``(64, 32, 10)``.
    networks
        How many there are in the stack.
    examples
        For how many its logits are computed; their probabilities are held for a moment, too.
    """
    numbers = NUMBERS_A_PARAMETER * parameter_count(layer_sizes) + 3 * layer_sizes[-1] * examples
    return BYTES_A_NUMBER * networks * numbers


def kept_bytes(layer_sizes: tuple[int, ...], networks: int, examples: int) -> int:
    """Return what stays of a stack that was trained: weights, and logits for some examples.

    The parameters are as :func:`training_bytes` has them.
    """
    numbers = parameter_count(layer_sizes) + layer_sizes[-1] * examples
    return BYTES_A_NUMBER * networks * numbers


def run_bytes(settings: Hashable) -> int:
    """Return the bytes that a run with these settings is expected to take at most.

    What the settings' own ``memory()`` says; where they have none, a guess from their ``work()``
    in multiply-adds, three for each parameter and sample, as if all were trained at once: too much
    rather than too little, up to the largest stack there is.
    """
    if callable(memory := getattr(settings, "memory", None)):
        return max(LEAST_RUN_BYTES, int(memory()))
    parameters = min(MOST_PARAMETERS, run_work(settings) / (3 * _SAMPLES))
    return LEAST_RUN_BYTES + int(NUMBERS_A_PARAMETER * BYTES_A_NUMBER * parameters)


def run_work(settings: Hashable) -> float:
    """Return the multiply-adds of a run with these settings; 0 where they do not say."""
    work = getattr(settings, "work", None)
    return float(work()) if callable(work) else 0.0
