"""A stack is nothing but many ordinary networks, paired by seed."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from kdcore.models import MLPStack, parameter_count

SHAPES = [(64, 10), (64, 32, 10), (64, 256, 128, 10), (5, 7, 6, 4, 3)]


def sequential(layer_sizes: tuple[int, ...]) -> nn.Sequential:
    """Return the ordinary PyTorch network of a shape."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(layer_sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def network(stack: MLPStack, model: int) -> nn.Sequential:
    """Return one model of a stack as an ordinary PyTorch network with the same weights."""
    plain = sequential(stack.layer_sizes)
    linear = [layer for layer in plain if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, weight, bias in zip(linear, stack.weights, stack.biases, strict=True):
            layer.weight.copy_(weight[model])
            layer.bias.copy_(bias[model, :, 0])
    return plain


def stack_of_different_networks(layer_sizes: tuple[int, ...]) -> MLPStack:
    """Return 2 seeds × 3 conditions whose networks all differ, as they do after training."""
    stack = MLPStack.initialise(layer_sizes, seeds=(0, 1), conditions=3)
    draw = torch.Generator().manual_seed(0)
    for parameter in stack.parameters:
        parameter += 0.1 * torch.randn(parameter.shape, generator=draw)
    return stack


def examples(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layer_sizes", SHAPES, ids=str)
def test_a_stack_says_what_its_networks_say_one_by_one(layer_sizes: tuple[int, ...]) -> None:
    stack = stack_of_different_networks(layer_sizes)
    inputs = examples(40, layer_sizes[0])
    logits = stack.logits(inputs)
    assert logits.shape == (2, 3, 40, layer_sizes[-1])
    for model in range(6):
        alone = network(stack, model)(inputs)
        assert torch.allclose(logits[model // 3, model % 3], alone, atol=1e-5)


def test_logits_of_many_examples_come_in_their_order() -> None:
    # 5,000 examples of the widest layer are more than is evaluated at once.
    stack = stack_of_different_networks((64, 256, 10))
    inputs = examples(5000, 64)
    logits = stack.logits(inputs)
    assert logits.shape == (2, 3, 5000, 10)
    assert torch.allclose(logits[1, 2], network(stack, 5)(inputs), atol=1e-5)


def test_each_seed_has_its_own_batch_shared_by_its_conditions() -> None:
    stack = stack_of_different_networks((64, 32, 16, 10))
    batches = examples(2, 8, 64)
    activations = stack.forward(batches)
    assert [tuple(a.shape) for a in activations] == [(6, 32, 8), (6, 16, 8), (6, 10, 8)]
    for model in range(6):
        alone = network(stack, model)(batches[model // 3])
        assert torch.allclose(activations[-1][model].T, alone, atol=1e-5)


def test_hidden_activations_are_those_after_relu() -> None:
    stack = stack_of_different_networks((64, 32, 16, 10))
    batches = examples(2, 8, 64)
    first, second, _ = stack.forward(batches)
    plain = network(stack, 4)
    assert torch.allclose(first[4].T, plain[:2](batches[1]), atol=1e-5)
    assert torch.allclose(second[4].T, plain[:4](batches[1]), atol=1e-5)


def test_asking_for_logits_records_no_gradient() -> None:
    stack = stack_of_different_networks((64, 32, 10))
    for parameter in stack.parameters:
        parameter.requires_grad_(True)
    assert not stack.logits(examples(4, 64)).requires_grad
    assert stack.forward(examples(2, 4, 64))[-1].requires_grad


# -------------------------------------------------------------------------------- initial weights


def test_the_same_seed_has_the_same_initial_weights_in_every_condition() -> None:
    stack = MLPStack.initialise((64, 32, 10), seeds=(4, 5), conditions=3)
    assert len(stack) == 6
    for parameter in stack.parameters:
        for seed in range(2):
            of_seed = parameter[3 * seed : 3 * seed + 3]
            assert torch.equal(of_seed, of_seed[:1].expand_as(of_seed))
        assert not torch.equal(parameter[0], parameter[3])


def test_the_initial_weights_of_a_seed_do_not_depend_on_its_company() -> None:
    alone = MLPStack.initialise((64, 32, 10), seeds=(7,))
    together = MLPStack.initialise((64, 32, 10), seeds=(3, 7, 1), conditions=2)
    for one, many in zip(alone.parameters, together.parameters, strict=True):
        assert torch.equal(one[0], many[2])
        assert torch.equal(one[0], many[3])


def test_conditions_of_a_seed_start_equal_but_do_not_share_memory() -> None:
    stack = MLPStack.initialise((64, 32, 10), seeds=(0,), conditions=2)
    for parameter in stack.parameters:
        parameter[0] += 1
        assert not torch.equal(parameter[0], parameter[1])


def test_initial_weights_do_not_depend_on_global_seeds() -> None:
    torch.manual_seed(1)
    first = MLPStack.initialise((64, 32, 10), seeds=(0,))
    torch.manual_seed(2)
    second = MLPStack.initialise((64, 32, 10), seeds=(0,))
    for one, other in zip(first.parameters, second.parameters, strict=True):
        assert torch.equal(one, other)


def test_initial_weights_are_uniform_within_one_over_the_root_of_the_inputs() -> None:
    stack = MLPStack.initialise((64, 256, 128, 10), seeds=range(10))
    for inputs, weight, bias in zip((64, 256, 128), stack.weights, stack.biases, strict=True):
        bound = 1 / math.sqrt(inputs)
        for values, least in ((weight, 0.99), (bias, 0.9)):
            assert values.abs().max() <= bound
            assert values.max() > least * bound
            assert values.min() < -least * bound
        # A uniform distribution from −b to b has mean 0 and standard deviation b/√3.
        assert abs(weight.mean().item()) < 0.05 * bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)


def test_initial_weights_spread_as_those_of_pytorchs_linear_layer() -> None:
    torch_layer = nn.Linear(64, 4096)
    ours = MLPStack.initialise((64, 4096), seeds=(0,))
    assert ours.weights[0].std().item() == pytest.approx(torch_layer.weight.std().item(), rel=0.02)
    assert ours.biases[0].std().item() == pytest.approx(torch_layer.bias.std().item(), rel=0.05)


def test_every_weight_and_bias_of_a_network_is_a_draw_of_its_own() -> None:
    stack = MLPStack.initialise((16, 16, 16), seeds=(0,))
    drawn = torch.cat([parameter.flatten() for parameter in stack.parameters])
    assert len(drawn) == 2 * (16 * 16 + 16)
    assert len(drawn.unique()) == len(drawn)


# ------------------------------------------------------------------------------------------ size


@pytest.mark.parametrize(
    ("layer_sizes", "count"),
    [((64, 10), 650), ((64, 32, 10), 2410), ((32, 256, 128, 10), 42_634), ((32, 64, 10), 2_762)],
)
def test_parameters_are_weights_and_biases(layer_sizes: tuple[int, ...], count: int) -> None:
    assert parameter_count(layer_sizes) == count
    assert count == sum(p.numel() for p in sequential(layer_sizes).parameters())
    one = MLPStack.initialise(layer_sizes, seeds=(0,))
    assert count == sum(p.numel() for p in one.parameters)


@pytest.mark.parametrize(
    ("sizes", "seeds", "conditions"), [((64, 1024, 1024, 10), 30, 1), ((64, 1, 10), 1000, 11)]
)
def test_a_stack_too_large_for_memory_is_refused_before_it_is_made(
    sizes: tuple[int, ...], seeds: int, conditions: int
) -> None:
    with pytest.raises(ValueError, match="do not fit into memory together: take fewer seeds"):
        MLPStack.initialise(sizes, range(seeds), conditions)
