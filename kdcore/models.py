"""A stack of networks: R independent MLPs of one shape, held in one set of tensors.

An experiment compares C conditions over S seeds. Its R = S · C networks have the same shape, so
they are one model with a leading axis, and all are trained by the same few large operations.

What a network becomes does not depend, to the last bit, on the seeds beside it: each product keeps
its shape whatever their number, and all parameters stand in one buffer without odd ends.

Inside, activations are *feature-major*, ``[R, features, examples]``. Two things follow. Weights
have PyTorch's own shape, ``[R, out, in]``. And since the conditions of one seed see the same
batch, their first layers are one tall matrix, ``[S, C·out, in]``, without copying anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from kdcore.randomness import generator

#: Each tensor in a buffer begins at a multiple of this many numbers, and is filled up to one: the
#: longest vector register holds 16. What does not fill a register takes another path through the
#: optimiser, which rounds otherwise, and who takes it would depend on the number of networks.
ALIGNMENT = 16

#: Examples that are evaluated at once. Always the same number, because it is a side of each
#: product, and who stands in a stack must not change how a product is rounded.
_EVALUATED_TOGETHER = 256
#: Numbers in the widest activation when a stack is evaluated, seeds by seeds: larger ones leave
#: the cache.
_EVALUATION_SIZE = 2**18

#: What one stack may hold: Adam keeps three more numbers for each parameter, so this is 480 MB.
MOST_PARAMETERS = 30_000_000
#: And how many networks: their logits for the test images are 36 KB each.
MOST_NETWORKS = 10_000


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

    def __post_init__(self) -> None:
        self.buffer, views = in_one_buffer(self.parameters)
        self.weights, self.biases = views[::2], views[1::2]

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
        kinds = sorted(set(peers))
        draws = [
            generator(seed, f"weights of peer {peer}" if peer else "weights")
            for seed in seeds
            for peer in kinds
        ]
        # Model s · conditions + c is a copy of the network of seed s and peer peers[c].
        copies = [s * len(kinds) + kinds.index(peer) for s in range(len(seeds)) for peer in peers]
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
            [weight[model : model + 1].clone() for weight in self.weights],
            [bias[model : model + 1].clone() for bias in self.biases],
        )

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and biases of the stack, layer by layer."""
        return [tensor for layer in zip(self.weights, self.biases, strict=True) for tensor in layer]

    def forward(self, inputs: Tensor, out: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Return the activations of every layer, the logits last: ``[R, features, N]`` each.

        Parameters
        ----------
        inputs
            ``[S, N, D]``: the models of a seed share its examples.
        out
            Tensors that take the activations, one a layer; new ones if not given. With them
            nothing is recorded for autograd.
        """
        return _forward(self.weights, self.biases, inputs, out)

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
        layers = range(len(self.weights))[layer] + 1
        sizes = self.layer_sizes[1 : layers + 1]
        if out is None:
            out = self.buffer.new_empty(S, C, sizes[-1], N).transpose(-1, -2)
        together = min(N, _EVALUATED_TOGETHER)
        seeds = min(S, max(1, _EVALUATION_SIZE // (C * together * max(sizes))))
        memory = [self.buffer.new_empty(seeds * C * size * together) for size in sizes]
        for first in range(0, S, seeds):
            some = slice(first, min(S, first + seeds))
            models = slice(some.start * C, some.stop * C)
            weights = [weight[models] for weight in self.weights[:layers]]
            biases = [bias[models] for bias in self.biases[:layers]]
            for begin in range(0, N, together):
                chunk = inputs[begin : begin + together].expand(some.stop - some.start, -1, -1)
                shapes = [(len(biases[0]), size, chunk.shape[1]) for size in sizes]
                places = [
                    room[: math.prod(shape)].view(shape)
                    for room, shape in zip(memory, shapes, strict=True)
                ]
                said = _forward(weights, biases, chunk, places)[-1]
                if layers < len(self.weights):
                    said.relu_()
                out[some, :, begin : begin + together] = said.unflatten(0, (-1, C)).mT
        return out


def _forward(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    inputs: Tensor,
    out: Sequence[Tensor] | None,
) -> list[Tensor]:
    """Return the activations of the layers given; for the rest see :meth:`MLPStack.forward`."""
    S, N, D = inputs.shape
    # All conditions of a seed at once: [S, C·out, D] @ [S, D, N].
    first = torch.baddbmm(
        biases[0].view(S, -1, 1),
        weights[0].view(S, -1, D),
        inputs.transpose(1, 2),
        out=None if out is None else out[0].view(S, -1, N),
    )
    activations = [first.view(len(weights[0]), -1, N)]
    for layer in range(1, len(weights)):
        hidden = activations[-1].relu_()
        place = None if out is None else out[layer]
        activations.append(torch.baddbmm(biases[layer], weights[layer], hidden, out=place))
    return activations


class Passes:
    """The forward and backward pass of a stack, batch after batch, always in the same memory.

    Memory that is new for every batch costs as much as the products that fill it. So whatever a
    pass returns is overwritten by the next.
    """

    def __init__(self, stack: MLPStack, batch_size: int) -> None:
        self._stack = stack
        self._activations = [
            bias.new_empty(len(stack), size, batch_size)
            for bias, size in zip(stack.biases, stack.layer_sizes[1:], strict=True)
        ]
        self._leaves = [activation.detach().requires_grad_() for activation in self._activations]
        self._by_hidden = [torch.empty_like(hidden) for hidden in self._activations[:-1]]
        self._by_buffer, self._by_parameter = in_one_buffer(map(torch.zeros_like, stack.parameters))

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the activations of every layer for ``[S, B, D]``, as leaves for autograd."""
        self._stack.forward(inputs, out=self._activations)
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
        stack, (S, B, D) = self._stack, inputs.shape
        delta = pulls[-1]
        assert delta is not None
        for layer in reversed(range(1, len(stack.weights))):
            by_weight, by_bias = self._by_parameter[2 * layer : 2 * layer + 2]
            hidden, by_hidden = self._activations[layer - 1], self._by_hidden[layer - 1]
            torch.bmm(delta, hidden.transpose(1, 2), out=by_weight)
            torch.sum(delta, -1, keepdim=True, out=by_bias)
            torch.bmm(stack.weights[layer].transpose(1, 2), delta, out=by_hidden)
            if (pull := pulls[layer - 1]) is not None:
                by_hidden += pull
            torch.ops.aten.threshold_backward.grad_input(by_hidden, hidden, 0, grad_input=by_hidden)
            delta = by_hidden
        by_weight, by_bias = self._by_parameter[:2]
        torch.bmm(delta.reshape(S, -1, B), inputs, out=by_weight.view(S, -1, D))
        torch.sum(delta, -1, keepdim=True, out=by_bias)
        return self._by_buffer


@torch.no_grad()
def in_one_buffer(tensors: Iterable[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Copy tensors of one type into one flat tensor; return it and the copies, views of it.

    Each begins at a multiple of :data:`ALIGNMENT` numbers, and zeros fill it up to the next. So
    what works through the buffer number by number treats each number alike, wherever it stands.
    """
    tensors = list(tensors)
    lengths = [-(-tensor.numel() // ALIGNMENT) * ALIGNMENT for tensor in tensors]
    buffer = tensors[0].new_zeros(sum(lengths))
    views = [
        room[: tensor.numel()].view(tensor.shape).copy_(tensor)
        for room, tensor in zip(buffer.split(lengths), tensors, strict=True)
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
