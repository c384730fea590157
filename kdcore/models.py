"""A stack of networks: R independent MLPs of one shape, held in one set of tensors.

An experiment compares C conditions over S seeds. Its R = S · C networks have the same shape, so
they are one model with a leading axis, and all are trained by the same few large operations.

Inside, activations are *feature-major*, ``[R, features, examples]``. Two things follow. Weights
have PyTorch's own shape, ``[R, out, in]``. And since the conditions of one seed see the same
batch, their first layers are one tall matrix, ``[S, C·out, in]``, without copying anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from kdcore.randomness import generator

#: Numbers in the widest activation when a stack is evaluated: larger ones leave the cache, and
#: memory that is new for every chunk costs more than the products do.
_EVALUATION_SIZE = 2**18

#: What one stack may hold: Adam keeps three more numbers for each parameter, so this is 480 MB.
MOST_PARAMETERS = 30_000_000
#: And how many networks: their logits for the test images are 36 KB each.
MOST_NETWORKS = 10_000


@dataclass(eq=False)
class MLPStack:
    """``len(seeds) * conditions`` MLPs with ReLU between layers; model ``s * conditions + c``.

    The models of one seed stand next to each other.
    """

    #: Sizes of input, hidden layers and output, such as ``(64, 32, 10)``.
    layer_sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    conditions: int
    #: One ``[R, out, in]`` tensor a layer.
    weights: list[Tensor]
    #: One ``[R, out, 1]`` tensor a layer.
    biases: list[Tensor]

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

    def forward(self, inputs: Tensor, out: list[Tensor] | None = None) -> list[Tensor]:
        """Return the activations of every layer, the logits last: ``[R, features, N]`` each.

        Parameters
        ----------
        inputs
            ``[S, N, D]``: the models of a seed share its examples.
        out
            Tensors that take the activations, one a layer; new ones if not given. With them
            nothing is recorded for autograd.
        """
        S, N, D = inputs.shape
        # All conditions of a seed at once: [S, C·out, D] @ [S, D, N].
        first = torch.baddbmm(
            self.biases[0].view(S, -1, 1),
            self.weights[0].view(S, -1, D),
            inputs.transpose(1, 2),
            out=None if out is None else out[0].view(S, -1, N),
        )
        activations = [first.view(len(self), -1, N)]
        for layer in range(1, len(self.weights)):
            hidden = activations[-1].relu_()
            place = None if out is None else out[layer]
            activations.append(
                torch.baddbmm(self.biases[layer], self.weights[layer], hidden, out=place)
            )
        return activations

    def logits(self, inputs: Tensor) -> Tensor:
        """Return logits ``[S, C, N, classes]`` for examples ``[N, D]`` that all models share."""
        return self.features(inputs, -1)

    @torch.no_grad()
    def features(self, inputs: Tensor, layer: int) -> Tensor:
        """Return what one layer says of examples ``[N, D]`` that all models share.

        Parameters
        ----------
        layer
            0 is the first hidden layer, −2 the last, −1 are the logits.

        Returns
        -------
        Tensor
            ``[S, C, N, width of the layer]``
        """
        shape = (len(self.seeds), self.conditions, self.layer_sizes[1:][layer], -1)
        examples = max(16, _EVALUATION_SIZE // (len(self) * max(self.layer_sizes[1:])))
        chunks = [
            self.forward(chunk.expand(len(self.seeds), *chunk.shape))[layer].view(shape)
            for chunk in inputs.split(examples)
        ]
        return torch.cat(chunks, dim=-1).transpose(-1, -2)


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
        self._by_hidden = [torch.empty_like(hidden) for hidden in self._activations[:-1]]
        self._by_parameter = [torch.empty_like(parameter) for parameter in stack.parameters]

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the activations of every layer for ``[S, B, D]``, as leaves for autograd."""
        self._stack.forward(inputs, out=self._activations)
        return [activation.detach().requires_grad_() for activation in self._activations]

    def backward(self, inputs: Tensor, pulls: Sequence[Tensor | None]) -> list[Tensor]:
        """Return the gradients of ``stack.parameters``, by back-propagation.

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
        return self._by_parameter


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
