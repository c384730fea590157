"""A stack is nothing but many ordinary networks, paired by seed."""

from __future__ import annotations

import math
import pickle
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from kdcore import models
from kdcore.models import ALIGNMENT, MLPStack, filled_sizes, parameter_count

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
    assert not stack.logits(examples(4, 64).requires_grad_()).requires_grad
    assert stack.forward(examples(2, 4, 64).requires_grad_())[-1].requires_grad


@pytest.mark.parametrize("layer", [0, 1, -2, -1])
def test_features_are_the_activations_of_their_layer(layer: int) -> None:
    stack = stack_of_different_networks((64, 33, 17, 10))
    inputs = examples(40, 64)
    expected = stack.forward(inputs.expand(2, -1, -1))[layer].unflatten(0, (2, 3)).mT
    assert torch.allclose(stack.features(inputs, layer), expected, atol=1e-6)


# ------------------------------------------------------------------------------------- one buffer


def addresses(tensor: Tensor) -> list[int]:
    """Return where in memory each network's part of a tensor ``[R, ...]`` begins."""
    return [part.data_ptr() for part in tensor]


@pytest.mark.parametrize("layer_sizes", [*SHAPES, (2, 5, 3), (2, 17, 10, 3), (3, 2)], ids=str)
def test_the_weights_of_each_network_begin_where_a_vector_register_may(
    layer_sizes: tuple[int, ...],
) -> None:
    stack = stack_of_different_networks(layer_sizes)
    for weight in stack.weights:
        assert all(address % (4 * ALIGNMENT) == 0 for address in addresses(weight))
    assert stack.buffer.numel() % ALIGNMENT == 0


@pytest.mark.parametrize("layer_sizes", SHAPES, ids=str)
def test_weights_and_biases_are_views_of_one_buffer_with_zeros_between(
    layer_sizes: tuple[int, ...],
) -> None:
    stack = stack_of_different_networks(layer_sizes)
    assert stack.buffer.count_nonzero() == sum(p.count_nonzero() for p in stack.parameters)
    stack.buffer.zero_()
    assert not any(p.any() for p in stack.parameters)


@pytest.mark.parametrize(
    ("sizes", "filled"),
    [
        ((64, 32, 10), [64, 32, 10]),  # nothing is odd
        ((64, 4, 10), [64, 8, 10]),  # 10 · 8 is a multiple of 16
        ((64, 5, 3), [64, 16, 3]),
        ((2, 8, 2), [2, 8, 2]),
        ((2, 17, 10, 3), [16, 17, 16, 3]),
    ],
)
def test_layers_are_filled_up_no_further_than_they_must(
    sizes: tuple[int, ...], filled: list[int]
) -> None:
    assert filled_sizes(sizes) == filled


def test_a_stack_that_went_to_another_process_is_the_same_and_no_larger() -> None:
    stack = stack_of_different_networks((64, 33, 10))
    packed = pickle.dumps(stack)
    assert len(packed) < 1.1 * 4 * sum(p.numel() for p in stack.parameters) + 10_000
    sent = pickle.loads(packed)
    assert (sent.seeds, sent.conditions) == (stack.seeds, stack.conditions)
    assert torch.equal(sent.logits(examples(40, 64)), stack.logits(examples(40, 64)))
    sent.buffer.zero_()
    assert not any(p.any() for p in sent.parameters)


# --------------------------------------------------------------------------------------- company


def some_seeds(stack: MLPStack, positions: list[int]) -> MLPStack:
    """Return a stack of some of the seeds of another, by their positions."""
    models = [s * stack.conditions + c for s in positions for c in range(stack.conditions)]
    return MLPStack(
        stack.layer_sizes,
        tuple(stack.seeds[s] for s in positions),
        stack.conditions,
        [weight[models] for weight in stack.weights],
        [bias[models] for bias in stack.biases],
    )


@pytest.mark.parametrize("count", [1, 7, 50, 300, 450])
@pytest.mark.parametrize("layer_sizes", [*SHAPES, (2, 5, 3), (2, 17, 10, 3)], ids=str)
def test_what_a_network_says_does_not_depend_on_its_company(
    layer_sizes: tuple[int, ...], count: int
) -> None:
    stack = MLPStack.initialise(layer_sizes, range(9), conditions=3)
    together = stack.logits(examples(count, layer_sizes[0]))
    for positions in ([0], [8], [3, 7], [6, 2, 5, 1]):
        alone = some_seeds(stack, positions).logits(examples(count, layer_sizes[0]))
        assert torch.equal(alone, together[positions])


def test_how_many_seeds_are_evaluated_at_once_changes_no_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = MLPStack.initialise((64, 33, 17, 10), range(7), conditions=2)
    at_once = stack.logits(examples(450, 64))
    monkeypatch.setattr(models, "_EVALUATION_SIZE", 3 * 2 * 256 * 40)  # three seeds
    assert torch.equal(stack.logits(examples(450, 64)), at_once)


def test_logits_can_be_written_over_those_of_before() -> None:
    stack = stack_of_different_networks((64, 33, 10))
    said = stack.logits(examples(450, 64))
    stack.buffer.mul_(2)
    expected = stack.logits(examples(450, 64))
    assert not torch.equal(said, expected)
    assert stack.logits(examples(450, 64), said) is said
    assert torch.equal(said, expected)


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


def test_a_seed_that_stands_in_a_stack_twice_starts_twice_from_its_weights() -> None:
    stack = MLPStack.initialise((64, 32, 10), seeds=(7, 3, 7), conditions=2, peers=(0, 1))
    once = MLPStack.initialise((64, 32, 10), seeds=(3, 7), conditions=2, peers=(0, 1))
    for many, one in zip(stack.parameters, once.parameters, strict=True):
        assert torch.equal(many[[0, 1, 4, 5]], one[[2, 3, 2, 3]])
        assert torch.equal(many[2:4], one[:2])


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
