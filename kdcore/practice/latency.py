"""What an answer costs: parameters, bytes, multiply-adds, and time measured on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch

from kdcore.models import MLPStack

#: A 32-bit number, which is what the networks here are made of.
BYTES_PER_PARAMETER = 4

#: Calls before the clock starts: the first ones load code and fill caches.
WARM_UP_CALLS = 20
#: A block of calls takes at least this long, so that the clock's own grain does not matter.
BLOCK_SECONDS = 0.001
#: How often each network has its turn. Many short turns: what else the machine does then spoils
#: some of them, and not the median.
ROUNDS = 61

Clock = Callable[[], float]


# -------------------------------------------------------------------------------- arithmetic


def multiply_adds(layer_sizes: Sequence[int]) -> int:
    """Return the multiply-adds of one example: each weight is used once, Σ inputs · outputs.

    Biases are only added.
    """
    return sum(inputs * outputs for inputs, outputs in pairwise(layer_sizes))


@dataclass(frozen=True)
class Fit:
    """Whether the weights of a model fit into the memory of a device: arithmetic alone.

    What a program needs besides (activations, the program itself) comes on top.
    """

    parameters: int
    bytes_per_parameter: int
    #: Memory of the device in bytes.
    memory: float

    @property
    def bytes(self) -> int:
        """Bytes of the weights."""
        return self.parameters * self.bytes_per_parameter

    @property
    def fits(self) -> bool:
        """Whether the weights fit."""
        return self.bytes <= self.memory

    @property
    def times(self) -> float:
        """How many times the weights fit; how many times they are too large if they do not."""
        return self.memory / self.bytes if self.fits else self.bytes / self.memory

    @property
    def multiply_adds(self) -> int:
        """About how many multiply-adds an answer takes, if every weight is used once for it."""
        return self.parameters


# ---------------------------------------------------------------------------------- latency


@dataclass(frozen=True, eq=False)
class Latency:
    """How long one call of a network takes, in seconds, round by round."""

    #: Examples in the call.
    batch: int
    #: Seconds a call, one mean a round.
    rounds: tuple[float, ...]
    #: The same for a network as deep whose layers have one unit: the cost of calling.
    calling_rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median over the rounds, in seconds."""
        return _percentile(self.rounds, 50)

    @property
    def low(self) -> float:
        """One round in ten was faster, in seconds."""
        return _percentile(self.rounds, 10)

    @property
    def high(self) -> float:
        """One round in ten was slower, in seconds."""
        return _percentile(self.rounds, 90)

    @property
    def calling(self) -> float:
        """Median cost of calling: Python and PyTorch's dispatch, in seconds."""
        return _percentile(self.calling_rounds, 50)

    @property
    def calling_share(self) -> float:
        """The share of the time that is calling and not the model, from 0 to 1.

        The one median divided by the other: the figures that stand beside it.
        """
        return min(1.0, self.calling / self.median)

    @property
    def is_mostly_calling(self) -> bool:
        """Whether calling takes half of the time or more."""
        return self.calling_share >= 0.5

    @property
    def examples_per_second(self) -> float:
        """Throughput at this batch size."""
        return self.batch / self.median


@dataclass(frozen=True)
class Speedup:
    """How many times faster one network answers than another, over rounds they shared."""

    median: float
    #: The tenth and the ninetieth percentile of the ratio over the rounds.
    low: float
    high: float

    @property
    def verdict(self) -> Literal["faster", "slower", "alike"]:
        """Faster or slower if nine rounds in ten say so."""
        if self.low > 1:
            return "faster"
        return "slower" if self.high < 1 else "alike"


def speedup(slow: Latency, fast: Latency) -> Speedup:
    """Return how many times faster ``fast`` is; noise of a round hits both and cancels."""
    ratios = [a / b for a, b in zip(slow.rounds, fast.rounds, strict=True)]
    return Speedup(*(_percentile(ratios, percent) for percent in (50, 10, 90)))


def measure_latency(
    networks: Mapping[str, MLPStack],
    batch: int,
    rounds: int = ROUNDS,
    clock: Clock = time.perf_counter,
) -> dict[str, Latency]:
    """Time the forward pass of several networks, each a stack of one, on a batch of examples.

    Included is all from the inputs in memory to the logits: every product, every ReLU, the memory
    for the activations, and the calls from Python. Not included are reading and scaling an image,
    and a softmax. No gradient is recorded.

    A call costs something however small the network is. So a network as deep whose layers have
    one unit is timed in the same rounds: what it takes is calling, Python and PyTorch's dispatch,
    and not the model.

    Parameters
    ----------
    networks
        Who takes part, by name.
    batch
        Examples in one call.
    rounds
        How often each has its turn.
    clock
        Returns seconds.
    """
    calls: dict[str, Callable[[], object]] = {}
    for name, network in networks.items():
        calls[name] = _call(network, batch)
        calls[_calling(network)] = _call(_one_unit_wide(network), batch)
    with torch.inference_mode():
        seconds = time_calls(calls, rounds, clock=clock)
    return {
        name: Latency(batch, tuple(seconds[name]), tuple(seconds[_calling(network)]))
        for name, network in networks.items()
    }


def time_calls(
    calls: Mapping[str, Callable[[], object]],
    rounds: int = ROUNDS,
    block_seconds: float = BLOCK_SECONDS,
    clock: Clock = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the seconds of one call, for each of the calls and each round.

    All take turns in every round, in an order that is turned about from round to round, so that
    whatever else the machine does hits all of them alike. A turn is a block of calls, long enough
    for the clock.
    """
    sizes = {name: _block_size(call, block_seconds, clock) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        order = list(calls) if number % 2 == 0 else list(calls)[::-1]
        for name in order:
            seconds[name].append(_time_block(calls[name], sizes[name], clock) / sizes[name])
    return seconds


def _block_size(call: Callable[[], object], block_seconds: float, clock: Clock) -> int:
    """Warm a call up, and return how many of it fill a block."""
    for _ in range(WARM_UP_CALLS):
        call()
    size = 1
    while (taken := _time_block(call, size, clock)) < block_seconds:
        # A clock that has not moved says nothing but "more".
        size = max(2 * size, math.ceil(size * block_seconds / taken) if taken > 0 else 0)
    return size


def _time_block(call: Callable[[], object], size: int, clock: Clock) -> float:
    started = clock()
    for _ in range(size):
        call()
    return clock() - started


def _call(network: MLPStack, batch: int) -> Callable[[], object]:
    inputs = torch.rand(
        1, batch, network.layer_sizes[0], generator=torch.Generator().manual_seed(0)
    )
    return lambda: network.forward(inputs)


def _one_unit_wide(network: MLPStack) -> MLPStack:
    return MLPStack.initialise((1,) * len(network.layer_sizes), seeds=(0,))


def _calling(network: MLPStack) -> str:
    # Networks that are as deep share it.
    return f"calling {len(network.weights)} layers"


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))
