"""One loop trains every network as if it were alone, in pairs, and can be stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor, nn

from kdcore import distillation, training
from kdcore.distillation import HardLabels, Response
from kdcore.models import MLPStack
from kdcore.randomness import generator
from kdcore.training import (
    Adam,
    Cancelled,
    Diverged,
    Objective,
    Progress,
    TrainingSettings,
    train,
)

POOL, INPUTS, CLASSES = 60, 6, 4
SEEDS = (3, 8)
SETTINGS = TrainingSettings(samples_seen=160, batch_size=8, learning_rate=0.01)

Batches = list[Tensor]


def pool() -> tuple[Tensor, Tensor]:
    """Return inputs and labels of a small training pool."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(POOL, INPUTS, generator=draw)
    return inputs, torch.randint(CLASSES, (POOL,), generator=draw)


def some_teacher_logits() -> Tensor:
    """Return logits ``[S, N, classes]`` that could be anybody's."""
    draw = torch.Generator().manual_seed(1)
    return 3 * torch.randn(len(SEEDS), POOL, CLASSES, generator=draw)


def some_rows(each: int = 20) -> Tensor:
    """Return other rows of the pool for each seed, ``[S, each]``."""
    draws = [torch.randperm(POOL, generator=torch.Generator().manual_seed(seed)) for seed in SEEDS]
    return torch.stack([draw[:each] for draw in draws])


def new_stack(conditions: int = 1, seeds: tuple[int, ...] = SEEDS) -> MLPStack:
    return MLPStack.initialise((INPUTS, 5, CLASSES), seeds, conditions)


def in_float64(stack: MLPStack) -> MLPStack:
    """Return the stack in double precision, where rounding hides nothing."""
    return MLPStack(
        stack.layer_sizes,
        stack.seeds,
        stack.conditions,
        [weight.double() for weight in stack.weights],
        [bias.double() for bias in stack.biases],
    )


def hard_labels() -> HardLabels:
    return HardLabels(pool()[1], CLASSES)


def recording(objective: Objective, batches: Batches) -> Objective:
    """Return an objective that writes down the rows of every batch it sees."""

    def record(activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        batches.append(rows.clone())
        return objective(activations, rows)

    return record


def batches_of(stack: MLPStack, rows: Tensor, settings: TrainingSettings = SETTINGS) -> Tensor:
    """Train the stack and return the rows that each seed saw, ``[S, steps, B]``."""
    batches: Batches = []
    train(stack, pool()[0], rows, recording(hard_labels(), batches), settings)
    return torch.stack(batches, dim=1)


def train_plainly(
    stack: MLPStack,
    model: int,
    batches: Batches,
    loss: Callable[[Tensor, Tensor], Tensor],
    settings: TrainingSettings,
) -> nn.Sequential:
    """Train one model of a stack alone, the way any PyTorch tutorial does.

    ``loss`` gets the logits and the rows of a batch.
    """
    hidden, last = nn.Linear(INPUTS, 5).double(), nn.Linear(5, CLASSES).double()
    with torch.no_grad():
        for layer, weight, bias in zip((hidden, last), stack.weights, stack.biases, strict=True):
            layer.weight.copy_(weight[model])
            layer.bias.copy_(bias[model, :, 0])
    network = nn.Sequential(hidden, nn.ReLU(), last)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    for rows in batches:
        of_seed = rows[model // stack.conditions]
        optimiser.zero_grad()
        loss(network(pool()[0].double()[of_seed]), of_seed).backward()
        optimiser.step()
    return network


def assert_same_weights(stack: MLPStack, model: int, plain: nn.Sequential) -> None:
    theirs = list(plain.parameters())
    assert len(theirs) == len(stack.parameters)
    for ours, their in zip(stack.parameters, theirs, strict=True):
        assert torch.allclose(ours[model].view_as(their), their, atol=1e-9)


def assert_same_stacks(first: MLPStack, second: MLPStack) -> None:
    """Hold two stacks equal to the last bit."""
    for one, other in zip(first.parameters, second.parameters, strict=True):
        assert torch.equal(one, other)


# ----------------------------------------------------------------------------------------- Adam


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("learning_rate", [3e-3, 0.5])
def test_adam_is_pytorchs_adam(dtype: torch.dtype, learning_rate: float) -> None:
    draw = torch.Generator().manual_seed(0)
    ours = [torch.randn(shape, generator=draw, dtype=dtype) for shape in ((2, 3, 4), (2, 3, 1))]
    theirs = [parameter.clone().requires_grad_() for parameter in ours]
    start = [parameter.clone() for parameter in ours]
    adam, torch_adam = Adam(ours, learning_rate), torch.optim.Adam(theirs, lr=learning_rate)
    for step in range(30):
        gradients = [torch.randn(p.shape, generator=draw, dtype=dtype) / (step + 1) for p in ours]
        adam.step(gradients)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient.clone()
        torch_adam.step()
        for mine, other in zip(ours, theirs, strict=True):
            assert torch.allclose(mine, other, rtol=1e-5, atol=1e-6)
    assert all((p - s).abs().min() > 0 for p, s in zip(ours, start, strict=True))


def test_adam_takes_gradients_however_they_lie_in_memory() -> None:
    parameter, turned = torch.zeros(3, 2), torch.zeros(3, 2)
    gradient = torch.arange(6.0).view(2, 3).T
    assert not gradient.is_contiguous()
    Adam([parameter], 0.1).step([gradient])
    Adam([turned], 0.1).step([gradient.contiguous()])
    assert torch.equal(parameter, turned)
    # The first step of Adam is the learning rate, whatever the size of the gradient.
    assert torch.allclose(parameter, torch.where(gradient == 0, 0.0, -0.1), atol=1e-6)


# ------------------------------------------------------------------- a stack is many networks


def test_a_stack_trains_as_its_networks_would_alone_on_hard_labels() -> None:
    batches: Batches = []
    stack = in_float64(new_stack())
    start = in_float64(new_stack())
    train(stack, pool()[0].double(), some_rows(), recording(hard_labels(), batches), SETTINGS)
    labels = pool()[1]
    for model in range(len(stack)):
        plain = train_plainly(
            start, model, batches, lambda z, rows: F.cross_entropy(z, labels[rows]), SETTINGS
        )
        assert_same_weights(stack, model, plain)


def test_a_stack_trains_as_its_networks_would_alone_by_distillation() -> None:
    temperatures, alphas = (1.0, 4.0, 20.0), (0.25, 0.5, 0.0)  # exact in float32
    teachers, labels = some_teacher_logits(), pool()[1]
    batches: Batches = []
    stack = in_float64(new_stack(conditions=3))
    start = in_float64(new_stack(conditions=3))
    objective = recording(Response(labels, teachers, temperatures, alphas), batches)
    train(stack, pool()[0].double(), some_rows(), objective, SETTINGS)
    for model in range(len(stack)):
        seed, condition = divmod(model, 3)
        T, alpha = temperatures[condition], alphas[condition]

        def loss(
            logits: Tensor, rows: Tensor, seed: int = seed, T: float = T, a: float = alpha
        ) -> Tensor:
            log_p = F.log_softmax(logits / T, -1)
            q = F.softmax(teachers.double()[seed, rows] / T, -1)
            soft = F.kl_div(log_p, q, reduction="batchmean")
            return a * F.cross_entropy(logits, labels[rows]) + (1 - a) * T**2 * soft

        # The soft labels are made in float32, so the two agree to its precision only.
        plain = train_plainly(start, model, batches, loss, SETTINGS)
        for ours, their in zip(stack.parameters, plain.parameters(), strict=True):
            assert torch.allclose(ours[model].view_as(their), their, atol=1e-5)


def test_training_learns_what_can_be_learned() -> None:
    inputs, labels = pool()
    stack = new_stack()
    rows = torch.arange(POOL).expand(2, -1)
    train(stack, inputs, rows, hard_labels(), TrainingSettings(20_000, 20, 0.01))
    right = (stack.logits(inputs)[:, 0].argmax(-1) == labels).double().mean(-1)
    assert right.min() > 0.55  # random labels, memorised as far as 5 units can; chance is 0.25


# --------------------------------------------------------------------------- paired by construction


def test_every_seed_and_purpose_has_a_stream_of_random_numbers_of_its_own() -> None:
    def drawn(seed: int, purpose: str) -> list[float]:
        return torch.rand(4, generator=generator(seed, purpose)).tolist()

    assert drawn(3, "weights") == drawn(3, "weights")
    streams = [drawn(seed, purpose) for seed in range(50) for purpose in ("weights", "batches")]
    assert len({tuple(stream) for stream in streams}) == 100


def test_the_same_settings_give_the_same_bits() -> None:
    first, second = new_stack(conditions=2), new_stack(conditions=2)
    for stack in (first, second):
        objective = Response(pool()[1], some_teacher_logits(), (2.0, 9.0), (0.3, 0.3))
        train(stack, pool()[0], some_rows(), objective, SETTINGS)
        torch.manual_seed(99)  # what others do to the global generator does not matter
    assert_same_stacks(first, second)
    assert not torch.equal(first.weights[0], new_stack(conditions=2).weights[0])


def test_a_conditions_result_does_not_depend_on_the_other_conditions() -> None:
    stacks = []
    for other_temperature, other_alpha in ((1.0, 1.0), (20.0, 0.0)):
        stack = new_stack(conditions=2)
        objective = Response(
            pool()[1], some_teacher_logits(), (other_temperature, 4.0), (other_alpha, 0.3)
        )
        train(stack, pool()[0], some_rows(), objective, SETTINGS)
        stacks.append(stack)
    for first, second in zip(stacks[0].parameters, stacks[1].parameters, strict=True):
        assert torch.equal(first[1::2], second[1::2])
        assert not torch.equal(first[0::2], second[0::2])


def test_equal_conditions_of_a_seed_stay_equal() -> None:
    stack = new_stack(conditions=3)
    objective = Response(pool()[1], some_teacher_logits(), (4.0,) * 3, (0.3,) * 3)
    train(stack, pool()[0], some_rows(), objective, SETTINGS)
    for parameter in stack.parameters:
        # Not to the last bit: a product may round the rows at its end otherwise.
        for first in (0, 3):
            of_seed = parameter[first : first + 3]
            assert torch.allclose(of_seed, of_seed[:1].expand_as(of_seed), atol=1e-5)
        assert not torch.allclose(parameter[0], parameter[3], atol=1e-2)


def test_the_batch_order_is_the_same_however_many_conditions_there_are() -> None:
    alone = batches_of(new_stack(conditions=1), some_rows())
    assert torch.equal(alone, batches_of(new_stack(conditions=3), some_rows()))


def test_the_batch_order_of_a_seed_does_not_depend_on_its_company() -> None:
    together = batches_of(new_stack(), some_rows())
    alone = batches_of(new_stack(seeds=SEEDS[1:]), some_rows()[1:])
    assert torch.equal(alone[0], together[1])


def test_seeds_have_different_batch_orders() -> None:
    same_rows = torch.arange(20).expand(2, -1)
    order = batches_of(new_stack(), same_rows)
    assert not torch.equal(order[0], order[1])


@pytest.mark.parametrize("each", [5, 12, 20], ids=lambda n: f"{n} labels")
def test_every_epoch_shows_each_row_of_the_seed_once(each: int) -> None:
    rows = some_rows(each)
    order = batches_of(new_stack(), rows).flatten(1)  # batches of 8 may span two epochs
    assert order.shape == (2, 160)
    for of_seed, seen in zip(rows, order, strict=True):
        epochs = [epoch.tolist() for epoch in seen.split(each) if len(epoch) == each]
        assert len(epochs) == 160 // each
        assert all(sorted(epoch) == sorted(of_seed.tolist()) for epoch in epochs)
        # Shuffled anew each time; two shuffles of five rows are alike once in 120 times.
        alike = sum(one == following for one, following in pairwise(epochs))
        assert alike <= 1


@pytest.mark.parametrize(
    ("samples", "batch", "steps"), [(12_000, 32, 375), (160, 8, 20), (161, 8, 21), (1, 32, 1)]
)
def test_work_is_counted_in_samples_whatever_the_number_of_labels(
    samples: int, batch: int, steps: int
) -> None:
    assert TrainingSettings(samples, batch).steps == steps


def test_few_labels_are_seen_as_often_as_it_takes() -> None:
    for each in (1, 3, 50):
        assert batches_of(new_stack(), some_rows(each)).shape == (2, 20, 8)


def test_nothing_outside_the_given_rows_is_ever_seen() -> None:
    inputs, rows = pool()[0], some_rows(10)
    clean, spoiled = new_stack(), new_stack()
    train(clean, inputs, rows, hard_labels(), SETTINGS)
    unseen = torch.ones(POOL, dtype=torch.bool)
    unseen[rows.flatten()] = False
    assert unseen.any()
    inputs[unseen] = torch.nan
    train(spoiled, inputs, rows, hard_labels(), SETTINGS)
    assert_same_stacks(clean, spoiled)


def test_training_leaves_the_global_generators_alone() -> None:
    torch.manual_seed(12345)
    np.random.seed(12345)
    torch.rand(3)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state(legacy=False)
    stack = new_stack(conditions=2)
    objective = Response(pool()[1], some_teacher_logits(), (1.0, 4.0), (0.5, 0.5))
    train(stack, pool()[0], some_rows(), objective, SETTINGS)
    assert torch.equal(torch.get_rng_state(), torch_state)
    after = np.random.get_state(legacy=False)
    assert repr(after) == repr(numpy_state)


def test_a_trained_stack_records_no_more_gradients() -> None:
    stack = new_stack()
    train(stack, pool()[0], some_rows(), hard_labels(), SETTINGS)
    assert not any(parameter.requires_grad for parameter in stack.parameters)


# --------------------------------------------------------------------------- runs trained as one


@dataclass(frozen=True, eq=False)
class Run:
    """Students of S seeds × C conditions with settings of their own."""

    seeds: tuple[int, ...]
    #: Each ``[S, ...]``.
    rows: Tensor
    teacher_logits: Tensor
    temperatures: Tensor
    alphas: Tensor

    def __getitem__(self, positions: list[int]) -> Run:
        """Return the students of some seeds, by their positions."""
        seeds = tuple(self.seeds[position] for position in positions)
        tensors = self.rows, self.teacher_logits, self.temperatures, self.alphas
        return Run(seeds, *(tensor[positions] for tensor in tensors))

    def train(self, layer_sizes: tuple[int, ...]) -> MLPStack:
        """Train the students with inputs and labels that are the same for all runs."""
        draw = torch.Generator().manual_seed(2)
        inputs = torch.randn(POOL, layer_sizes[0], generator=draw)
        labels = torch.randint(layer_sizes[-1], (POOL,), generator=draw)
        stack = MLPStack.initialise(layer_sizes, self.seeds, self.temperatures.shape[1])
        objective = Response(labels, self.teacher_logits, self.temperatures, self.alphas)
        settings = TrainingSettings(samples_seen=32 * 12, learning_rate=0.01)
        train(stack, inputs, self.rows, objective, settings)
        return stack


def merged(runs: Sequence[Run]) -> Run:
    """Return the run of all seeds of all runs, one after another."""
    tensors = ((r.rows, r.teacher_logits, r.temperatures, r.alphas) for r in runs)
    seeds = tuple(seed for run in runs for seed in run.seeds)
    return Run(seeds, *(torch.cat(parts) for parts in zip(*tensors, strict=True)))


def some_run(seeds: tuple[int, ...], conditions: int, classes: int, draw_from: int) -> Run:
    """Return a run of these seeds whose settings and teachers are drawn."""
    draw, S = torch.Generator().manual_seed(draw_from), len(seeds)
    return Run(
        seeds,
        torch.stack([torch.randperm(POOL, generator=draw)[:20] for _ in seeds]),
        3 * torch.randn(S, POOL, classes, generator=draw),
        0.5 + 10 * torch.rand(S, conditions, generator=draw),
        torch.rand(S, conditions, generator=draw),
    )


#: Odd and even widths, two inputs as in the plane, one layer and three.
MERGED_SHAPES = [
    (64, 32, 10), (2, 5, 3), (2, 16, 3), (64, 4, 10), (64, 10, 10), (6, 17, 4),
    (6, 17, 7, 33, 3), (64, 10), (3, 1, 2), (17, 33, 10, 5),
]  # fmt: skip


@pytest.mark.parametrize("layer_sizes", MERGED_SHAPES, ids=str)
@hypothesis_settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_runs_trained_as_one_are_each_run_alone_to_the_last_bit(
    layer_sizes: tuple[int, ...], data: st.DataObject
) -> None:
    conditions = data.draw(st.sampled_from([1, 2, 3]), label="conditions")
    some_seeds = st.lists(st.integers(0, 5), min_size=1, max_size=4)
    runs = [
        some_run(tuple(seeds), conditions, layer_sizes[-1], draw_from)
        for draw_from, seeds in enumerate(
            data.draw(st.lists(some_seeds, min_size=1, max_size=4), label="seeds of the runs")
        )
    ]
    together = merged(runs)
    order = data.draw(st.permutations(range(len(together.seeds))), label="order")
    stack = together[order].train(layer_sizes)
    images = torch.randn(50, layer_sizes[0], generator=torch.Generator().manual_seed(3))
    said, first = stack.logits(images), 0
    for run in runs:
        alone = run.train(layer_sizes)
        places = [order.index(first + s) for s in range(len(run.seeds))]
        models = [place * conditions + c for place in places for c in range(conditions)]
        for one, many in zip(alone.parameters, stack.parameters, strict=True):
            assert torch.equal(one, many[models])
        assert torch.equal(alone.logits(images), said[places])
        first += len(run.seeds)


@pytest.mark.parametrize("layer_sizes", MERGED_SHAPES, ids=str)
def test_conditions_of_a_seed_may_as_well_stand_as_seeds_of_their_own(
    layer_sizes: tuple[int, ...],
) -> None:
    run = some_run((4, 1), 3, layer_sizes[-1], draw_from=0)
    one_by_one = Run(
        tuple(seed for seed in run.seeds for _ in range(3)),
        run.rows.repeat_interleave(3, 0),
        run.teacher_logits.repeat_interleave(3, 0),
        run.temperatures.view(-1, 1),
        run.alphas.view(-1, 1),
    )
    assert_same_stacks(run.train(layer_sizes), one_by_one.train(layer_sizes))


def test_settings_of_each_seed_are_those_of_its_own_students() -> None:
    # The property above would hold, too, if nobody listened to the settings.
    run = some_run((1, 1, 1), 1, 4, draw_from=0)
    rows, teacher_logits = run.rows[:1].expand(3, -1), run.teacher_logits[:1].expand(3, -1, -1)
    T, alpha = torch.tensor([[1.0], [8.0], [8.0]]), torch.tensor([[0.3], [0.3], [0.9]])
    weights = Run(run.seeds, rows, teacher_logits, T, alpha).train((6, 5, 4)).weights[0]
    assert len({tuple(network.flatten().tolist()) for network in weights}) == 3


def test_one_setting_for_each_condition_is_one_for_each_seed_as_well() -> None:
    run = some_run((1, 4), 3, 4, draw_from=0)
    T, alpha = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([0.0, 0.3, 1.0])
    of_each_seed = Run(
        run.seeds, run.rows, run.teacher_logits, T.expand(2, -1), alpha.expand(2, -1)
    ).train((6, 5, 4))
    stack = MLPStack.initialise((6, 5, 4), run.seeds, 3)
    draw = torch.Generator().manual_seed(2)
    inputs = torch.randn(POOL, 6, generator=draw)
    labels = torch.randint(4, (POOL,), generator=draw)
    objective = Response(labels, run.teacher_logits, T.tolist(), alpha.tolist())
    train(stack, inputs, run.rows, objective, TrainingSettings(32 * 12, learning_rate=0.01))
    assert_same_stacks(stack, of_each_seed)


def test_soft_labels_too_many_to_keep_are_made_anew_to_the_same_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = some_run((1, 4), 3, 10, draw_from=0)
    kept = run.train((64, 32, 10))
    monkeypatch.setattr(distillation, "MOST_SOFT_LABELS", 0)
    assert_same_stacks(run.train((64, 32, 10)), kept)


class Shifted:
    """Cross-entropy of logits that are shifted by a parameter of each network's own."""

    def __init__(self, networks: int) -> None:
        self._hard = hard_labels()
        self.shift = torch.zeros(networks, CLASSES, 1)

    def __call__(self, activations: list[Tensor], rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        with torch.enable_grad():
            shifted = activations[-1] + self.shift
        ((_, gradient),) = self._hard([shifted.detach()], rows)
        return [(shifted, gradient)]


@pytest.mark.parametrize("company", [(0, 8, 3), (3, 5), (6, 6, 6, 6, 3)])
def test_parameters_of_an_objective_do_not_depend_on_the_company_either(
    company: tuple[int, ...],
) -> None:
    rows, settings = some_rows()[:1], TrainingSettings(320, 16, 0.01)
    shifts, place = [], company.index(3)
    for seeds in ((3,), company):
        objective = Shifted(len(seeds))
        extra = [objective.shift]
        stack = new_stack(seeds=seeds)
        train(
            stack, pool()[0], rows.expand(len(seeds), -1), objective, settings,
            extra_parameters=extra,
        )  # fmt: skip
        assert extra[0] is objective.shift
        assert not objective.shift.requires_grad
        shifts.append(objective.shift)
    assert shifts[0].abs().min() > 0.01
    assert torch.equal(shifts[0][0], shifts[1][place])


def test_a_step_is_one_call_of_the_optimiser_for_one_tensor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def counting(parameters: list[Tensor], *rest: object, **options: object) -> None:
        calls.append(len(parameters))

    monkeypatch.setattr(training, "adam", counting)
    train(new_stack(conditions=3), pool()[0], some_rows(), hard_labels(), SETTINGS)
    assert calls == [1] * SETTINGS.steps


# ------------------------------------------------------------------- progress, stop, divergence


def test_an_epoch_is_reported_once_and_the_last_report_is_the_end() -> None:
    reports: list[Progress] = []
    settings = TrainingSettings(samples_seen=160, batch_size=8)
    train(new_stack(), pool()[0], some_rows(20), hard_labels(), settings, reports.append)
    # An epoch of 20 ends within batches 3, 5, 8, 10, … of 8.
    assert [report.samples_seen for report in reports] == [24, 40, 64, 80, 104, 120, 144, 160]
    assert [report.fraction for report in reports] == [r.samples_seen / 160 for r in reports]
    assert reports[-1].fraction == 1


def test_epochs_shorter_than_a_batch_are_reported_once_a_batch() -> None:
    reports: list[Progress] = []
    train(new_stack(), pool()[0], some_rows(3), hard_labels(), SETTINGS, reports.append)
    assert [report.samples_seen for report in reports] == list(range(8, 161, 8))


def test_training_that_ends_within_an_epoch_reports_its_end() -> None:
    reports: list[Progress] = []
    train(new_stack(), pool()[0], some_rows(50), hard_labels(), SETTINGS, reports.append)
    assert [report.samples_seen for report in reports] == [56, 104, 152, 160]
    assert reports[-1].fraction == 1


def test_a_last_batch_beyond_the_samples_wanted_is_no_more_than_the_end() -> None:
    reports: list[Progress] = []
    settings = TrainingSettings(samples_seen=161, batch_size=8)
    train(new_stack(), pool()[0], some_rows(20), hard_labels(), settings, reports.append)
    assert reports[-1] == Progress(samples_seen=168, fraction=1)
    assert all(report.fraction <= 1 for report in reports)


def test_reports_come_after_the_step_they_tell_of() -> None:
    stack = new_stack()
    seen: list[Tensor] = []
    train(
        stack,
        pool()[0],
        some_rows(),
        hard_labels(),
        SETTINGS,
        lambda _: seen.append(stack.weights[0].detach().clone()),
    )
    assert torch.equal(seen[-1], stack.weights[0])


@pytest.mark.parametrize("batches_before", [0, 1, 7])
def test_a_stop_takes_effect_between_two_batches(batches_before: int) -> None:
    asked, batches = 0, Batches()

    def is_cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > batches_before

    stack = new_stack()
    with pytest.raises(Cancelled):
        train(
            stack,
            pool()[0],
            some_rows(),
            recording(hard_labels(), batches),
            SETTINGS,
            is_cancelled=is_cancelled,
        )
    assert len(batches) == batches_before
    assert asked == batches_before + 1
    # What was trained until then is what that many batches make of it.
    expected = new_stack()
    if batches_before:
        shorter = TrainingSettings(8 * batches_before, 8, SETTINGS.learning_rate)
        train(expected, pool()[0], some_rows(), hard_labels(), shorter)
    assert_same_stacks(stack, expected)


def test_who_is_never_told_to_stop_is_asked_before_each_batch() -> None:
    asked: list[int] = []

    def is_cancelled() -> bool:
        asked.append(1)
        return False

    train(
        new_stack(),
        pool()[0],
        some_rows(),
        hard_labels(),
        SETTINGS,
        is_cancelled=is_cancelled,
    )
    assert len(asked) == SETTINGS.steps


def test_an_absurd_learning_rate_is_reported_as_divergence() -> None:
    absurd = TrainingSettings(samples_seen=800, batch_size=8, learning_rate=1e30)
    batches: Batches = []
    with pytest.raises(
        Diverged, match=r"2 of 2 networks left the finite numbers\. Lower the learning rate"
    ):
        train(new_stack(), pool()[0], some_rows(), recording(hard_labels(), batches), absurd)
    assert len(batches) < 20  # of 100: noticed at the end of an epoch, not of the training


def test_divergence_of_one_network_among_many_is_reported() -> None:
    inputs, rows = pool()[0], some_rows(10)
    only_second = next(row for row in rows[1].tolist() if row not in rows[0].tolist())
    inputs[only_second] = torch.inf
    with pytest.raises(Diverged, match="3 of 6 networks"):
        train(new_stack(conditions=3), inputs, rows, hard_labels(), SETTINGS)


def test_divergence_in_the_last_batch_is_reported() -> None:
    inputs, rows = pool()[0], some_rows(POOL)
    last_row = batches_of(new_stack(), rows, TrainingSettings(16, 8))[0, 1, -1]
    inputs[last_row] = torch.nan
    reports: list[Progress] = []
    with pytest.raises(Diverged):
        train(new_stack(), inputs, rows, hard_labels(), TrainingSettings(16, 8), reports.append)
    assert not reports  # nobody is told of progress that is none


def test_divergence_is_a_refusal_like_any_other_bad_input() -> None:
    assert issubclass(Diverged, ValueError)
