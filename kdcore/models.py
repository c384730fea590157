"""A stack of networks: R independent MLPs of one shape, held in one set of tensors.

An experiment compares C conditions over S seeds. Its R = S · C networks have the same shape, so
they are one model with a leading axis, and all are trained by the same few large operations.

What a network becomes does not depend, to the last bit, on the seeds beside it. For that, each
product keeps its shape whatever their number, and whatever belongs to one network begins where a
vector register may begin: libraries round otherwise from an odd place on. Where sizes are odd,
layers are made wider inside, by units that are always 0 and stay so.

Inside, activations are *feature-major*, ``[R, features, examples]``. Two things follow. Weights
have PyTorch's own shape, ``[R, out, in]``. And since the conditions of one seed see the same
batch, their first layers are one tall matrix, ``[S, C·out, in]``, without copying anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from kdcore.randomness import generator

#: Whatever belongs to one network or tensor begins at a multiple of this many numbers: those of
#: the longest vector register. Products round otherwise where a matrix begins elsewhere, and so
#: does the optimiser for numbers that do not fill a register: results would depend on the place.
ALIGNMENT = 16

#: Examples that are evaluated at once, however large the stack: they are a side of each product.
_EVALUATED_TOGETHER = 256
#: Numbers in the widest activation when a stack is evaluated, seeds by seeds: larger ones leave
#: the cache.
_EVALUATION_SIZE = 2**18

#: What one stack may hold: Adam keeps three more numbers for each parameter, so this is 480 MB.
MOST_PARAMETERS = 30_000_000
#: And how many networks: their logits for the test images are 36 KB each.
MOST_NETWORKS = 10_000


class Layer(NamedTuple):
    """One layer of all networks: ``weight [R, out, in]`` and ``bias [R, out, 1]``."""

    weight: Tensor
    bias: Tensor


@dataclass(eq=False)
class MLPStack:
    """``len(seeds) * conditions`` MLPs with ReLU between layers; model ``s * conditions + c``.

    The models of one seed stand next to each other. A seed may stand in a stack more than once:
    so several runs can be trained as one, each as if it were alone.
    """

    #: Sizes of input, hidden layers and output, such as ``(64, 32, 10)``.
    layer_sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    conditions: int
    #: One ``[R, out, in]`` tensor a layer.
    weights: list[Tensor]
    #: One ``[R, out, 1]`` tensor a layer.
    biases: list[Tensor]
    #: All of them once more: the stack copies what it is given into one flat tensor, and
    #: ``weights`` and ``biases`` are views of it. What fills it up between them is 0.
    buffer: Tensor = field(init=False, repr=False)
    #: Weights and biases of each layer with the units that fill it up.
    _layers: list[Layer] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.buffer, self._layers = self.new_buffer()
        with torch.no_grad():
            self.weights = [
                layer.weight[:, : given.shape[1], : given.shape[2]].copy_(given)
                for layer, given in zip(self._layers, self.weights, strict=True)
            ]
            self.biases = [
                layer.bias[:, : given.shape[1]].copy_(given)
                for layer, given in zip(self._layers, self.biases, strict=True)
            ]

    def __reduce__(self) -> tuple[object, ...]:
        # Tensors carry all the memory that they are views of: here each would, all of it.
        weights, biases = ([t.clone() for t in ts] for ts in (self.weights, self.biases))
        return type(self), (self.layer_sizes, self.seeds, self.conditions, weights, biases)

    def new_buffer(self) -> tuple[Tensor, list[Layer]]:
        """Return a flat tensor of zeros like :attr:`buffer`, and the layers that it holds."""
        R, sizes = len(self), filled_sizes(self.layer_sizes)
        shapes = [
            shape
            for inputs, outputs in pairwise(sizes)
            for shape in ((R, outputs, inputs), (R, outputs, 1))
        ]
        buffer, views = one_buffer(shapes, like=self.weights[0])
        return buffer, [Layer(*views[i : i + 2]) for i in range(0, len(views), 2)]

    @classmethod
    def initialise(
        cls,
        layer_sizes: Sequence[int],
        seeds: Sequence[int],
        conditions: int = 1,
        peers: Sequence[int] | None = None,
    ) -> MLPStack:
        """Draw initial weights: the same seed gives the same network in every condition.

        Parameters
        ----------
        peers
            Which peer of a cohort each condition is, one number a condition. Peers start from
            different weights, the same peer of the same seed always from the same; peer 0 is the
            seed's own network, which all conditions are unless told otherwise.

        Raises
        ------
        ValueError
            If the stack would not fit into the memory of a small machine.
        """
        sizes = tuple(layer_sizes)
        networks = len(seeds) * conditions
        if networks > MOST_NETWORKS or networks * parameter_count(sizes) > MOST_PARAMETERS:
            raise ValueError(
                f"{networks:,} networks of {parameter_count(sizes):,} parameters each do not fit "
                "into memory together: take fewer seeds, fewer conditions or narrower networks"
            )
        peers = tuple(peers) if peers is not None else (0,) * conditions
        if len(peers) != conditions:
            raise ValueError(f"{conditions} conditions cannot be {len(peers)} peers")
        kinds = dict.fromkeys((seed, peer) for seed in seeds for peer in peers)
        draws = [
            generator(seed, f"weights of peer {peer}" if peer else "weights")
            for seed, peer in kinds
        ]
        # Model s · conditions + c is a copy of the network of seeds[s] and peer peers[c].
        place = {kind: i for i, kind in enumerate(kinds)}
        copies = [place[seed, peer] for seed in seeds for peer in peers]
        weights, biases = [], []
        for inputs, outputs in pairwise(sizes):
            weight, bias = initial_layers(inputs, outputs, draws)
            weights.append(weight[copies])
            biases.append(bias[copies])
        return cls(sizes, tuple(seeds), conditions, weights, biases)

    def __len__(self) -> int:
        return len(self.seeds) * self.conditions

    def network(self, seed: int, condition: int = 0) -> MLPStack:
        """Return a stack that holds a copy of one network of this one, by its positions."""
        model = seed * self.conditions + condition
        return MLPStack(
            self.layer_sizes,
            (self.seeds[seed],),
            1,
            [weight[model : model + 1] for weight in self.weights],
            [bias[model : model + 1] for bias in self.biases],
        )

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and biases of the stack, layer by layer."""
        return [tensor for layer in zip(self.weights, self.biases, strict=True) for tensor in layer]

    def filled(self, inputs: Tensor) -> Tensor:
        """Return inputs ``[..., D]`` with the zeros that fill the first layer up."""
        missing = self._layers[0].weight.shape[-1] - inputs.shape[-1]
        return torch.nn.functional.pad(inputs, (0, missing)) if missing else inputs

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the activations of every layer, the logits last: ``[R, features, N]`` each.

        Parameters
        ----------
        inputs
            ``[S, N, D]``: the models of a seed share its examples.
        """
        activations = forward(self._layers, self.filled(inputs))
        sizes = self.layer_sizes[1:]
        return [layer[:, :size] for layer, size in zip(activations, sizes, strict=True)]

    def logits(self, inputs: Tensor, out: Tensor | None = None) -> Tensor:
        """Return logits ``[S, C, N, classes]`` for examples ``[N, D]`` that all models share."""
        return self.features(inputs, -1, out)

    @torch.no_grad()
    def features(self, inputs: Tensor, layer: int, out: Tensor | None = None) -> Tensor:
        """Return what one layer says of examples ``[N, D]`` that all models share.

        Besides what it returns it needs a few megabytes, whatever the number of networks.

        Parameters
        ----------
        layer
            0 is the first hidden layer, −2 the last, −1 are the logits.
        out
            What an earlier call returned, to be overwritten; new memory if not given.

        Returns
        -------
        Tensor
            ``[S, C, N, width of the layer]``
        """
        S, C, N = len(self.seeds), self.conditions, len(inputs)
        depth = range(len(self.weights))[layer] + 1
        width = self.layer_sizes[depth]
        if out is None:
            out = self.buffer.new_empty(S, C, width, N).transpose(-1, -2)
        # Examples, too, are filled up, so that each network's activations begin in a good place.
        inputs = torch.nn.functional.pad(self.filled(inputs), (0, 0, 0, -N % ALIGNMENT))
        together = min(len(inputs), _EVALUATED_TOGETHER)
        sizes = [layer.bias.shape[1] for layer in self._layers[:depth]]
        seeds = min(S, max(1, _EVALUATION_SIZE // (C * together * max(sizes))))
        memory = [self.buffer.new_empty(seeds * C * size * together) for size in sizes]
        for first in range(0, S, seeds):
            some = slice(first, min(S, first + seeds))
            models = slice(some.start * C, some.stop * C)
            layers = [Layer(weight[models], bias[models]) for weight, bias in self._layers[:depth]]
            for begin in range(0, N, together):
                chunk = inputs[begin : begin + together].expand(some.stop - some.start, -1, -1)
                shapes = [(models.stop - models.start, size, chunk.shape[1]) for size in sizes]
                places = [
                    room[: math.prod(shape)].view(shape)
                    for room, shape in zip(memory, shapes, strict=True)
                ]
                said = forward(layers, chunk, places)[-1][:, :width]
                if depth < len(self.weights):
                    said.relu_()
                taken = out[some, :, begin : begin + together]
                by_seed = said.view(-1, C, *said.shape[1:]).mT
                taken.copy_(by_seed[:, :, : taken.shape[2]])
        return out


class Passes:
    """The forward and backward pass of a stack, batch after batch, always in the same memory.

    Memory that is new for every batch costs as much as the products that fill it. So whatever a
    pass returns is overwritten by the next. Inputs are :meth:`~MLPStack.filled` already.
    """

    def __init__(self, stack: MLPStack, batch_size: int) -> None:
        self._layers = stack._layers
        self._activations = [
            layer.bias.new_empty(*layer.bias.shape[:2], batch_size) for layer in self._layers
        ]
        self._leaves = [
            activation[:, :size].detach().requires_grad_()
            for activation, size in zip(self._activations, stack.layer_sizes[1:], strict=True)
        ]
        self._by_hidden = [torch.empty_like(hidden) for hidden in self._activations[:-1]]
        self._by_buffer, self._by_layers = stack.new_buffer()

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the activations of every layer for ``[S, B, D]``, as leaves for autograd."""
        forward(self._layers, inputs, self._activations)
        return self._leaves

    def backward(self, inputs: Tensor, pulls: Sequence[Tensor | None]) -> Tensor:
        """Return the gradient of ``stack.buffer``, by back-propagation.

            ∂L/∂W_l = δ_l · h_{l−1}ᵀ,   ∂L/∂b_l = Σ_n δ_l
            δ_{l−1} = (W_lᵀ · δ_l + the loss's own pull on h_{l−1}) where h_{l−1} > 0, else 0

        Parameters
        ----------
        inputs
            What went into :meth:`forward`.
        pulls
            The loss's own gradient by the activations of each layer, ``None`` where it has none;
            it always pulls on the logits.
        """
        S, B, D = inputs.shape
        delta = pulls[-1]
        assert delta is not None
        for i in reversed(range(1, len(self._layers))):
            by_weight, by_bias = self._by_layers[i]
            hidden, by_hidden = self._activations[i - 1], self._by_hidden[i - 1]
            torch.bmm(delta, hidden.transpose(1, 2), out=by_weight)
            torch.sum(delta, -1, keepdim=True, out=by_bias)
            torch.bmm(self._layers[i].weight.transpose(1, 2), delta, out=by_hidden)
            if (pull := pulls[i - 1]) is not None:
                by_hidden[:, : pull.shape[1]] += pull
            torch.ops.aten.threshold_backward.grad_input(by_hidden, hidden, 0, grad_input=by_hidden)
            delta = by_hidden
        by_weight, by_bias = self._by_layers[0]
        torch.bmm(delta.reshape(S, -1, B), inputs, out=by_weight.view(S, -1, D))
        torch.sum(delta, -1, keepdim=True, out=by_bias)
        return self._by_buffer


def forward(
    layers: Sequence[Layer], inputs: Tensor, out: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """Return the activations of every layer, ``[R, features, N]`` each, for ``[S, N, D]``.

    Parameters
    ----------
    out
        Tensors that take the activations, one a layer; new ones if not given. With them nothing
        is recorded for autograd.
    """
    S, N, D = inputs.shape
    # All conditions of a seed at once: [S, C·out, D] @ [S, D, N].
    first = torch.baddbmm(
        layers[0].bias.view(S, -1, 1),
        layers[0].weight.view(S, -1, D),
        inputs.transpose(1, 2),
        out=None if out is None else out[0].view(S, -1, N),
    )
    activations = [first.view(len(layers[0].weight), -1, N)]
    for i, (weight, bias) in enumerate(layers[1:], start=1):
        hidden, place = activations[-1].relu_(), None if out is None else out[i]
        activations.append(torch.baddbmm(bias, weight, hidden, out=place))
    return activations


def filled_sizes(layer_sizes: Sequence[int]) -> list[int]:
    """Return the sizes of layers, filled up where a network's weights would end at an odd place.

    The outputs stay as they are; each layer before is as wide as the weights between the two ask
    for, which are to be a multiple of :data:`ALIGNMENT`.
    """
    sizes = [layer_sizes[-1]]
    for size in reversed(layer_sizes[:-1]):
        unit = ALIGNMENT // math.gcd(ALIGNMENT, sizes[0])
        sizes.insert(0, -(-size // unit) * unit)
    return sizes


def one_buffer(shapes: Iterable[Sequence[int]], like: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return a flat tensor of zeros, and views of it in these shapes, one after another.

    Each begins at a multiple of :data:`ALIGNMENT` numbers, and the last is filled up to one. So
    what goes through the buffer number by number treats all numbers alike, wherever they stand.
    """
    shapes = list(shapes)
    lengths = [-(-math.prod(shape) // ALIGNMENT) * ALIGNMENT for shape in shapes]
    *starts, end = accumulate(lengths, initial=0)
    buffer = torch.zeros(end, dtype=like.dtype)
    views = [
        buffer[start : start + math.prod(shape)].view(*shape)
        for start, shape in zip(starts, shapes, strict=True)
    ]
    return buffer, views


def initial_layers(
    inputs: int, outputs: int, draws: Sequence[torch.Generator]
) -> tuple[Tensor, Tensor]:
    """Draw one layer from each generator: weights ``[R, out, in]`` and biases ``[R, out, 1]``.

    Both are uniform from −1/√inputs to 1/√inputs, what ``torch.nn.Linear`` does.
    """
    layers = torch.stack([torch.rand(outputs, inputs + 1, generator=draw) for draw in draws])
    layers = (2 * layers - 1) / math.sqrt(inputs)
    return layers[..., :-1].contiguous(), layers[..., -1:].contiguous()


def parameter_count(layer_sizes: Sequence[int]) -> int:
    """Return the number of weights and biases of one network of this shape."""
    return sum(a * b + b for a, b in pairwise(layer_sizes))
