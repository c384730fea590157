"""The one training loop. Teachers, students and whatever comes later all go through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.optim.adam import adam

from kdcore.models import MLPStack, Passes, one_buffer
from kdcore.randomness import generator

#: Optimiser steps, at least, from one look for networks that diverged to the next.
STEPS_BETWEEN_CHECKS = 32


class Cancelled(Exception):
    """Training was stopped on request, between two batches."""


class Diverged(ValueError):
    """Training left the finite numbers; the message says what to change."""


class Objective(Protocol):
    """What a stack is trained towards."""

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the tensors that the loss touches, each with the loss's gradient by it.

        A gradient may stand in memory that the next call writes to.

        Parameters
        ----------
        activations
            The stack's layers for one batch, ``[R, features, B]`` each, the logits last.
        rows
            Rows of the training pool that make up each seed's batch, ``[S, B]``.
        """
        ...


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train. Work is counted in samples seen, whatever the subset."""

    samples_seen: int = 12_000
    batch_size: int = 32
    learning_rate: float = 3e-3

    @property
    def steps(self) -> int:
        """Optimiser steps: batches needed to see that many samples."""
        return -(-self.samples_seen // self.batch_size)


class Progress(NamedTuple):
    """Where training stands at the end of an epoch (one pass through the seed's examples)."""

    samples_seen: int
    fraction: float


@torch.no_grad()
def train(
    stack: MLPStack,
    inputs: Tensor,
    rows: Tensor,
    objective: Objective,
    settings: TrainingSettings,
    on_epoch: Callable[[Progress], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    extra_parameters: Sequence[Tensor] = (),
    epoch: int | None = None,
) -> None:
    """Train all models of a stack in place, with Adam.

    What a network becomes depends on its own seed, rows and objective only, to the last bit: a
    stack may hold the seeds of several runs, in any order, the same ones more than once.

    Parameters
    ----------
    inputs
        The training pool ``[N, D]``.
    rows
        Rows of the pool that each seed may see, ``[S, n]``.
    objective
        Gives the gradient of the loss; it decides what is learned.
    on_epoch
        Called at the end of each epoch (at most once per batch), for progress and curves.
    is_cancelled
        Asked before each batch.
    extra_parameters
        What else is trained, by the same steps: parts of the objective, such as a regressor, that
        the tensors it returns depend on. They become views of one buffer, like the stack's own.
    epoch
        How many samples are an epoch; as many as a seed has rows unless given.

    Raises
    ------
    Cancelled
        If ``is_cancelled`` says so.
    Diverged
        If a parameter is no longer a finite number; checked at the end of an epoch, but not more
        often than every :data:`STEPS_BETWEEN_CHECKS` steps.
    """
    buffers = [stack.buffer]
    by_buffers: list[Tensor] = []
    by_extra: list[Tensor] = []
    if extra_parameters:
        shapes = [parameter.shape for parameter in extra_parameters]
        buffer, views = one_buffer(shapes, like=extra_parameters[0])
        for parameter, view in zip(extra_parameters, views, strict=True):
            parameter.data = view.copy_(parameter)
            parameter.requires_grad_(True)
        by_buffer, by_extra = one_buffer(shapes, like=extra_parameters[0])
        buffers.append(buffer)
        by_buffers.append(by_buffer)
    optimiser = Adam(buffers, settings.learning_rate)
    batches = _BatchOrder(stack.seeds, rows, settings.batch_size)
    passes = Passes(stack, settings.batch_size)
    inputs = stack.filled(inputs)
    images = inputs.new_empty(len(rows) * settings.batch_size, inputs.shape[1])
    batch = images.view(len(rows), settings.batch_size, -1)
    samples_seen = epochs = next_check = 0
    epoch = epoch or rows.shape[1]
    for step in range(1, settings.steps + 1):
        if is_cancelled is not None and is_cancelled():
            raise Cancelled
        batch_rows = batches.next()
        torch.index_select(inputs, 0, batch_rows.flatten(), out=images)
        activations = passes.forward(batch)
        pulls = _pulls(objective(activations, batch_rows), [*activations, *extra_parameters])
        by_stack = passes.backward(batch, pulls[: len(activations)])
        for gradient, pull in zip(by_extra, pulls[len(activations) :], strict=True):
            gradient.zero_() if pull is None else gradient.copy_(pull)
        optimiser.step([by_stack, *by_buffers])
        samples_seen += settings.batch_size
        if samples_seen // epoch > epochs or step == settings.steps:
            epochs = samples_seen // epoch
            # With few examples an epoch is a step or two, and looking costs as much as a step.
            if step >= next_check or step == settings.steps:
                _check_finite(stack)
                next_check = step + STEPS_BETWEEN_CHECKS
            if on_epoch is not None:
                on_epoch(Progress(samples_seen, step / settings.steps))
    for parameter in extra_parameters:
        parameter.requires_grad_(False)


def _pulls(touched: list[tuple[Tensor, Tensor]], sources: list[Tensor]) -> list[Tensor | None]:
    """Return the loss's gradient by each source, given its gradients by what it touches.

    Sources are the activations and the objective's own parameters. Most objectives touch the
    activations themselves; what others compute from the sources is left to autograd.
    """
    pulls: list[Tensor | None] = [None] * len(sources)
    for tensor, gradient in touched:
        found: Sequence[Tensor | None]
        if any(tensor is source for source in sources):
            found = [gradient if tensor is source else None for source in sources]
        else:
            # The product has the same gradient. To be handed one, autograd would import SymPy, and
            # 30 MB would stay.
            with torch.enable_grad():
                product = (tensor * gradient).sum()
            found = torch.autograd.grad(product, sources, allow_unused=True)
        for i, pull in enumerate(found):
            if pull is not None:
                pulls[i] = pull if (known := pulls[i]) is None else known + pull
    return pulls


class Adam:
    """Adam (Kingma, Ba 2015, algorithm 1) over a list of tensors.

    torch.optim.Adam would do the same through the same kernel, but merely constructing it imports
    the compiler stack: more than a second and 70 MB that a small cloud machine does not have. The
    function that it calls needs none of it.

    The numbers at the end of a tensor that do not fill a vector register are rounded otherwise
    than the rest; a buffer of :func:`~kdcore.models.one_buffer` has none.
    """

    def __init__(self, parameters: Sequence[Tensor], learning_rate: float) -> None:
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.first_moments = [torch.zeros_like(p) for p in self.parameters]
        self.second_moments = [torch.zeros_like(p) for p in self.parameters]
        self.steps = [torch.tensor(0.0) for _ in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move each parameter by −rate · m̂ / (√v̂ + ε), β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸."""
        adam(
            self.parameters,
            [gradient.contiguous() for gradient in gradients],
            self.first_moments,
            self.second_moments,
            [],
            self.steps,
            fused=True,
            lr=self.learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class _BatchOrder:
    """An endless stream of batches per seed, made of one shuffle of its rows after another.

    A batch may span two shuffles. So every batch is full, however few labels there are, and the
    work depends on the samples seen only. A seed that stands there more than once is shuffled
    once: its order depends on the seed and the number of its rows.
    """

    def __init__(self, seeds: Sequence[int], rows: Tensor, batch_size: int) -> None:
        draws = {seed: generator(seed, "batches") for seed in seeds}
        self._draws = list(draws.values())
        which = {seed: i for i, seed in enumerate(draws)}
        self._which = torch.tensor([which[seed] for seed in seeds])
        self._rows = rows
        self._batch_size = batch_size
        self._waiting = rows[:, :0]

    def next(self) -> Tensor:
        """Return the rows of the next batch of each seed, ``[S, B]``."""
        size = self._batch_size
        while self._waiting.shape[1] < size:
            n = self._rows.shape[1]
            orders = torch.stack([torch.randperm(n, generator=draw) for draw in self._draws])
            shuffled = self._rows.gather(1, orders[self._which])
            self._waiting = torch.cat([self._waiting, shuffled], dim=1)
        batch, self._waiting = self._waiting[:, :size], self._waiting[:, size:]
        return batch


def _check_finite(stack: MLPStack) -> None:
    # A sum is finite only if all its terms are, and it is one pass over them.
    if bool(torch.isfinite(stack.buffer.sum())):
        return
    lost = [~torch.isfinite(parameter).all(2).all(1) for parameter in stack.parameters]
    if count := int(torch.stack(lost).any(0).sum()):
        raise Diverged(
            f"Training diverged: {count} of {len(stack)} networks left the finite numbers. "
            "Lower the learning rate, or bring the temperature nearer to the range 1 to 20."
        )
