"""The formulas of distillation hold what their equations say, and none of the published bugs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kdcore.losses import (
    cross_entropy,
    distillation_gradient,
    distillation_loss,
    entropy,
    hard_gradient,
    kl_divergence,
    soft_labels,
)

#: A shared machine may pause for longer than Hypothesis allows an example to take.
unhurried = settings(deadline=None)

TEMPERATURES = [0.1, 0.5, 1.0, 3.0, 10.0, 100.0]


class Example(NamedTuple):
    """Logits ``[R, N, C]`` of students and their surer teachers, with targets ``[R, N]``."""

    student: Tensor
    teacher: Tensor
    targets: Tensor


def example(models: int = 3, n: int = 5, classes: int = 4, scale: float = 3.0) -> Example:
    draw = torch.Generator().manual_seed(7)
    teacher, student = scale * torch.randn(
        2, models, n, classes, generator=draw, dtype=torch.float64
    )
    return Example(student / 2, teacher, torch.randint(classes, (models, n), generator=draw))


def one_hot(targets: Tensor, classes: int = 4) -> Tensor:
    return F.one_hot(targets, classes).double()


def torch_loss(
    student: Tensor, teacher: Tensor, targets: Tensor, temperature: float, alpha: float
) -> Tensor:
    """Return one model's loss as PyTorch's own functions give it; logits ``[N, C]``."""
    soft = F.kl_div(
        F.log_softmax(student / temperature, dim=-1),
        F.softmax(teacher / temperature, dim=-1),
        reduction="batchmean",
    )
    return alpha * F.cross_entropy(student, targets) + (1 - alpha) * temperature**2 * soft


def gradient_of_loss(
    student: Tensor,
    teacher: Tensor,
    targets: Tensor,
    temperature: float | Tensor,
    alpha: float | Tensor,
) -> Tensor:
    """Return what autograd makes of the loss of all models, times the number of examples."""
    student = student.clone().requires_grad_()
    total = distillation_loss(student, teacher, targets, temperature, alpha).total
    (gradient,) = torch.autograd.grad(total.sum(), student)
    return gradient * student.shape[-2]


def written_gradient(
    student: Tensor, teacher: Tensor, targets: Tensor, temperature: float, alpha: float
) -> Tensor:
    """Return the written-out gradient for one temperature and α."""
    return distillation_gradient(
        student,
        teacher,
        F.one_hot(targets, student.shape[-1]).to(student.dtype),
        torch.tensor(temperature, dtype=student.dtype),
        torch.tensor(alpha, dtype=student.dtype),
    )


@st.composite
def some_logits(draw: st.DrawFn, largest: float = 50.0) -> Tensor:
    """Draw logits ``[N, C]`` in float64, of 1 to 4 examples and 2 to 6 classes."""
    n, classes = draw(st.integers(1, 4)), draw(st.integers(2, 6))
    numbers = st.floats(-largest, largest)
    values = draw(st.lists(numbers, min_size=n * classes, max_size=n * classes))
    return torch.tensor(values, dtype=torch.float64).view(n, classes)


@st.composite
def two_logits(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Draw the logits of two networks for the same examples."""
    logits = draw(some_logits())
    numbers = st.lists(st.floats(-50, 50), min_size=logits.numel(), max_size=logits.numel())
    return logits, torch.tensor(draw(numbers), dtype=torch.float64).view_as(logits)


some_temperature = st.floats(0.1, 100)

# ---------------------------------------------------------------------------------- soft labels


def test_soft_labels_at_temperature_1_are_the_softmax() -> None:
    logits = example().student
    assert torch.allclose(soft_labels(logits, 1.0), F.softmax(logits, dim=-1))


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_soft_labels_are_the_softmax_of_the_divided_logits(temperature: float) -> None:
    logits = example().student
    expected = F.softmax(logits / temperature, dim=-1)
    assert torch.allclose(soft_labels(logits, temperature), expected)


def test_soft_labels_of_a_textbook_example() -> None:
    # Odds of 1 : 2 : 4 at T = 1 become their square roots at T = 2.
    logits = torch.tensor([[0.0, math.log(2), math.log(4)]])
    assert torch.allclose(soft_labels(logits, 1.0), torch.tensor([[1.0, 2.0, 4.0]]) / 7)
    roots = torch.tensor([[1.0, math.sqrt(2), 2.0]])
    assert torch.allclose(soft_labels(logits, 2.0), roots / roots.sum())


@unhurried
@given(some_logits(), some_temperature)
def test_soft_labels_are_probabilities(logits: Tensor, temperature: float) -> None:
    probabilities = soft_labels(logits, temperature)
    assert probabilities.shape == logits.shape
    assert (probabilities >= 0).all()
    assert torch.allclose(probabilities.sum(-1), torch.ones(len(logits), dtype=torch.float64))


@unhurried
@given(some_logits(), some_temperature, st.floats(-100, 100))
def test_a_shift_of_all_logits_changes_no_soft_label(
    logits: Tensor, temperature: float, shift: float
) -> None:
    shifted = soft_labels(logits + shift, temperature)
    assert torch.allclose(shifted, soft_labels(logits, temperature), atol=1e-9)


@unhurried
@given(some_logits(), some_temperature)
def test_temperature_never_changes_the_order_of_the_answers(
    logits: Tensor, temperature: float
) -> None:
    ranked = soft_labels(logits, temperature).gather(-1, logits.argsort(-1))
    assert (ranked.diff(dim=-1) >= 0).all()


def test_at_temperature_0_only_the_largest_logit_is_left() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.999]])
    assert soft_labels(logits, 1e-6).tolist() == [[0.0, 1.0, 0.0]]


def test_at_temperature_0_equal_logits_share_the_answer() -> None:
    logits = torch.tensor([[2.0, 5.0, 5.0, 1.0], [1e4, 1e4, 1e4, 1e4]])
    expected = torch.tensor([[0.0, 0.5, 0.5, 0.0], [0.25, 0.25, 0.25, 0.25]])
    assert torch.equal(soft_labels(logits, 1e-6), expected)


@pytest.mark.parametrize("temperature", [1e-12, 1e-30, 1e-38])
def test_however_small_the_temperature_soft_labels_stay_probabilities(temperature: float) -> None:
    logits = torch.tensor([[1e4, -1e4, 9999.0], [0.0, -1.0, 1.0], [-1e4, -1e4, -1e4]])
    expected = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3]])
    assert torch.allclose(soft_labels(logits, temperature), expected)


@pytest.mark.parametrize("temperature", [1e9, math.inf])
def test_at_infinite_temperature_every_answer_is_equally_likely(temperature: float) -> None:
    logits = torch.tensor([[30.0, -20.0, 1.0, 0.0]])
    assert torch.allclose(soft_labels(logits, temperature), torch.full((1, 4), 0.25))


def test_each_model_has_its_own_temperature() -> None:
    logits = example().student
    temperatures = [0.5, 2.0, 20.0]
    expected = torch.stack([soft_labels(z, T) for z, T in zip(logits, temperatures, strict=True)])
    stacked = torch.tensor(temperatures)
    assert torch.allclose(soft_labels(logits, stacked), expected)
    assert torch.allclose(soft_labels(logits, stacked[:, None, None]), expected)


def test_whole_number_logits_have_the_soft_labels_of_their_values() -> None:
    whole = torch.tensor([[1, 2, 3]])
    for temperature in (0.5, 1.0, 2.5):
        assert torch.allclose(
            soft_labels(whole, temperature), soft_labels(whole.float(), temperature)
        )


# -------------------------------------------------------------------------------------- entropy


def test_entropy_of_a_hard_label_is_0_and_of_the_uniform_ln_c() -> None:
    assert entropy(torch.eye(10)).tolist() == [0.0] * 10
    uniform = torch.full((10,), 0.1, dtype=torch.float64)
    assert entropy(uniform).item() == pytest.approx(math.log(10))


def test_entropy_is_that_of_torch_distributions() -> None:
    probabilities = soft_labels(example().student, 2.0)
    expected = torch.distributions.Categorical(probs=probabilities).entropy()
    assert entropy(probabilities).shape == (3, 5)
    assert torch.allclose(entropy(probabilities), expected)


def test_entropy_of_a_half_and_two_quarters() -> None:
    assert entropy(torch.tensor([0.5, 0.25, 0.25])).item() == pytest.approx(1.5 * math.log(2))


@unhurried
@given(some_logits(), some_temperature)
def test_entropy_lies_between_0_and_ln_c(logits: Tensor, temperature: float) -> None:
    values = entropy(soft_labels(logits, temperature))
    assert (values >= 0).all()
    assert (values <= math.log(logits.shape[-1]) + 1e-12).all()


@unhurried
@given(some_logits(), some_temperature, st.floats(1.01, 10))
def test_entropy_rises_with_temperature(logits: Tensor, temperature: float, factor: float) -> None:
    cooler = entropy(soft_labels(logits, temperature))
    warmer = entropy(soft_labels(logits, temperature * factor))
    assert (warmer >= cooler - 1e-12).all()


# ------------------------------------------------------------------------ cross-entropy and KL


def test_cross_entropy_is_pytorchs_for_each_model() -> None:
    student, _, targets = example()
    expected = torch.stack([F.cross_entropy(z, y) for z, y in zip(student, targets, strict=True)])
    assert torch.allclose(cross_entropy(student, targets), expected)


def test_models_may_share_their_targets() -> None:
    student, _, targets = example()
    shared = cross_entropy(student, targets[0])
    assert torch.allclose(shared, cross_entropy(student, targets[0].expand(3, -1)))
    assert shared.shape == (3,)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_kl_is_pytorchs_batchmean_for_each_model(temperature: float) -> None:
    student, teacher, _ = example()
    expected = torch.stack(
        [
            F.kl_div(
                F.log_softmax(z / temperature, -1),
                F.softmax(t / temperature, -1),
                reduction="batchmean",
            )
            for z, t in zip(student, teacher, strict=True)
        ]
    )
    assert torch.allclose(kl_divergence(teacher, student, temperature), expected, atol=1e-14)


@unhurried
@given(two_logits(), some_temperature)
def test_kl_is_never_negative_and_0_only_from_a_student_to_itself(
    logits: tuple[Tensor, Tensor], temperature: float
) -> None:
    teacher, student = logits
    assert kl_divergence(teacher, student, temperature).item() >= -1e-12
    assert kl_divergence(teacher, teacher, temperature).item() == 0
    differ = (soft_labels(teacher, temperature) - soft_labels(student, temperature)).abs().max()
    if differ > 1e-3:
        # Pinsker: KL is at least half the squared L1 distance; the mean runs over N examples.
        assert kl_divergence(teacher, student, temperature) >= differ**2 / 2 / len(teacher)


@unhurried
@given(two_logits(), some_temperature, st.floats(-100, 100))
def test_kl_does_not_see_a_shift_of_all_logits(
    logits: tuple[Tensor, Tensor], temperature: float, shift: float
) -> None:
    teacher, student = logits
    expected = kl_divergence(teacher, student, temperature)
    shifted = kl_divergence(teacher + shift, student - shift, temperature)
    assert torch.allclose(shifted, expected, atol=1e-9)


def test_a_class_that_the_teacher_excludes_adds_nothing() -> None:
    teacher = torch.tensor([[0.0, -math.inf, 0.0]])
    student = torch.tensor([[0.0, -math.inf, 0.0]])
    assert kl_divergence(teacher, student).item() == 0
    assert kl_divergence(teacher, torch.zeros(1, 3)).item() == pytest.approx(math.log(1.5))


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1)])
def test_students_may_share_a_teacher_in_kl(shape: tuple[int, ...]) -> None:
    student, teacher, _ = example()
    temperatures = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    shared = kl_divergence(teacher[0], student, temperatures.view(shape))
    expected = [kl_divergence(teacher[0], z, T) for z, T in zip(student, temperatures, strict=True)]
    assert shared.shape == (3,)
    assert torch.allclose(shared, torch.stack(expected))


# ---------------------------------------------------------------------------- the loss of a stack


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_distillation_loss_is_pytorchs_for_each_model(temperature: float, alpha: float) -> None:
    student, teacher, targets = example()
    loss = distillation_loss(student, teacher, targets, temperature, alpha)
    expected = torch.stack(
        [torch_loss(z, t, y, temperature, alpha) for z, t, y in zip(*example(), strict=True)]
    )
    assert loss.total.shape == (3,)
    assert torch.allclose(loss.total, expected)


def test_the_total_is_alpha_times_hard_plus_the_rest_times_soft() -> None:
    student, teacher, targets = example()
    loss = distillation_loss(student, teacher, targets, 3.0, 0.3)
    assert torch.allclose(loss.hard, cross_entropy(student, targets))
    assert torch.allclose(loss.soft, 9 * kl_divergence(teacher, student, 3.0))
    assert torch.allclose(loss.total, 0.3 * loss.hard + 0.7 * loss.soft)


def test_alpha_weighs_the_hard_labels() -> None:
    student, teacher, targets = example()
    only_hard = distillation_loss(student, teacher, targets, 3.0, 1.0)
    only_soft = distillation_loss(student, teacher, targets, 3.0, 0.0)
    assert torch.equal(only_hard.total, only_hard.hard)
    assert torch.equal(only_soft.total, only_soft.soft)


def test_one_network_alone_has_one_loss() -> None:
    student, teacher, targets = example()
    alone = distillation_loss(student[0], teacher[0], targets[0], 2.0, 0.5)
    stack = distillation_loss(student, teacher, targets, 2.0, 0.5)
    assert alone.total.shape == ()
    assert torch.allclose(alone.total, stack.total[0])


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1)])
def test_each_model_has_its_own_temperature_and_alpha(shape: tuple[int, ...]) -> None:
    student, teacher, targets = example()
    temperatures, alphas = [1.0, 4.0, 20.0], [0.0, 0.3, 1.0]
    loss = distillation_loss(
        student,
        teacher,
        targets,
        torch.tensor(temperatures, dtype=torch.float64).view(shape),
        torch.tensor(alphas, dtype=torch.float64).view(shape),
    )
    alone = [
        distillation_loss(z, t, y, T, a)
        for z, t, y, T, a in zip(student, teacher, targets, temperatures, alphas, strict=True)
    ]
    for part in ("total", "hard", "soft"):
        expected = torch.stack([getattr(one, part) for one in alone])
        assert getattr(loss, part).shape == (3,)
        assert torch.allclose(getattr(loss, part), expected)


def test_seeds_and_conditions_may_be_two_axes_with_one_teacher_a_seed() -> None:
    draw = torch.Generator().manual_seed(1)
    student = torch.randn(2, 3, 5, 4, generator=draw, dtype=torch.float64)  # [S, C, N, classes]
    teacher = torch.randn(2, 1, 5, 4, generator=draw, dtype=torch.float64)
    targets = torch.randint(4, (2, 1, 5), generator=draw)
    temperatures = torch.tensor([1.0, 4.0, 20.0], dtype=torch.float64)
    alphas = torch.tensor([[0.0], [0.5]], dtype=torch.float64)
    loss = distillation_loss(student, teacher, targets, temperatures, alphas)
    assert loss.total.shape == (2, 3)
    for s in range(2):
        for c in range(3):
            alone = torch_loss(
                student[s, c],
                teacher[s, 0],
                targets[s, 0],
                temperatures[c].item(),
                alphas[s, 0].item(),
            )
            assert loss.total[s, c].item() == pytest.approx(alone.item())


def test_the_loss_of_one_model_does_not_depend_on_the_others() -> None:
    student, teacher, targets = example()
    before = distillation_loss(student, teacher, targets, 2.0, 0.5).total
    student[1] += torch.randn(5, 4, generator=torch.Generator().manual_seed(2)).double()
    after = distillation_loss(student, teacher, targets, 2.0, 0.5).total
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert after[1] != before[1]


# ------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_gradient_of_the_loss_is_its_slope(temperature: float, alpha: float) -> None:
    student, teacher, targets = example(scale=1.0)

    def total(logits: Tensor) -> Tensor:
        return distillation_loss(logits, teacher, targets, temperature, alpha).total

    assert torch.autograd.gradcheck(total, student.requires_grad_())


def test_entropy_and_soft_labels_have_their_slopes() -> None:
    logits = example(scale=1.0).student.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: entropy(soft_labels(z, 2.0)), logits)
    assert torch.autograd.gradcheck(lambda z: soft_labels(z, 0.7), logits)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_written_gradient_is_what_autograd_makes_of_the_loss(
    temperature: float, alpha: float
) -> None:
    student, teacher, targets = example()
    automatic = gradient_of_loss(student, teacher, targets, temperature, alpha)
    written = written_gradient(student, teacher, targets, temperature, alpha)
    assert torch.allclose(written, automatic, atol=1e-12)


def test_the_written_gradient_holds_for_a_temperature_and_alpha_of_each_model() -> None:
    student, teacher, targets = example()
    temperatures = torch.tensor([0.5, 4.0, 20.0], dtype=torch.float64).view(3, 1, 1)
    alphas = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64).view(3, 1, 1)
    automatic = gradient_of_loss(student, teacher, targets, temperatures, alphas)
    written = distillation_gradient(student, teacher, one_hot(targets), temperatures, alphas)
    assert torch.allclose(written, automatic, atol=1e-12)


def test_the_written_gradient_is_the_same_with_classes_along_another_axis() -> None:
    student, teacher, targets = example()
    temperature, alpha = torch.tensor(3.0).double(), torch.tensor(0.3).double()
    turned = distillation_gradient(
        student.mT, teacher.mT, one_hot(targets).mT, temperature, alpha, class_axis=-2
    )
    assert torch.allclose(turned.mT, written_gradient(*example(), 3.0, 0.3))


def test_the_written_gradient_leaves_its_arguments_as_they_were() -> None:
    student, teacher, targets = example()
    labels = one_hot(targets)
    temperature, alpha = torch.tensor(3.0).double(), torch.tensor(0.3).double()
    arguments = (student, teacher, labels, temperature, alpha)
    copies = [argument.clone() for argument in arguments]
    distillation_gradient(*arguments)
    for argument, copy in zip(arguments, copies, strict=True):
        assert torch.equal(argument, copy)


@unhurried
@given(two_logits(), some_temperature, st.floats(0, 1))
def test_the_pulls_on_the_logits_of_an_example_cancel(
    logits: tuple[Tensor, Tensor], temperature: float, alpha: float
) -> None:
    student, teacher = logits
    targets = torch.zeros(len(student), dtype=torch.int64)
    pull = written_gradient(student, teacher, targets, temperature, alpha)
    assert torch.allclose(pull.sum(-1), torch.zeros(len(student)).double(), atol=1e-9)


def test_the_hard_gradient_is_that_of_the_summed_cross_entropy() -> None:
    student, _, targets = example()
    logits = student.clone().requires_grad_()
    (expected,) = torch.autograd.grad(5 * cross_entropy(logits, targets).sum(), logits)
    assert torch.allclose(hard_gradient(student, one_hot(targets)), expected)


def test_a_student_that_equals_its_teacher_feels_no_soft_pull() -> None:
    student, _, targets = example()
    for temperature in TEMPERATURES:
        pull = written_gradient(student, student, targets, temperature, 0.0)
        assert torch.equal(pull, torch.zeros_like(pull))


@pytest.mark.parametrize("gradient", [gradient_of_loss, written_gradient])
def test_at_high_temperature_distillation_matches_logits(
    gradient: Callable[..., Tensor],
) -> None:
    """Hold Hinton et al. (2015), section 2.1: with zero-mean logits the pull is (z − v) / C."""
    student, teacher, targets = example()
    student = student - student.mean(-1, keepdim=True)
    teacher = teacher - teacher.mean(-1, keepdim=True)
    limit = (student - teacher) / 4
    distances = [
        (gradient(student, teacher, targets, T, 0.0) - limit).abs().max().item()
        for T in (10.0, 100.0, 1000.0)
    ]
    # What is left falls as 1/T.
    assert distances[1] < distances[0] / 8
    assert distances[2] < distances[1] / 8
    assert distances[2] < 0.01 * limit.abs().max().item()


# -------------------------------------------------------------------------------- extreme numbers


def extreme_logits(dtype: torch.dtype) -> Tensor:
    """Return rows of the largest logits there may be, near ties and far apart."""
    return torch.tensor(
        [
            [1e4, -1e4, 0.0],
            [-1e4, 1e4, 1e4],
            [1e4, 1e4, 1e4],
            [9999.0, 1e4, -1e4],
            [1e-4, 0.0, -1e-4],
        ],
        dtype=dtype,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_loss_and_gradient_stay_finite_for_the_largest_logits(
    dtype: torch.dtype, temperature: float, alpha: float
) -> None:
    rows = extreme_logits(dtype)
    # Every row as student against every row as teacher.
    student = rows.repeat_interleave(len(rows), dim=0)
    teacher = rows.repeat(len(rows), 1)
    targets = torch.arange(len(student)) % 3
    loss = distillation_loss(student, teacher, targets, temperature, alpha)
    for part in loss:
        assert part.dtype == dtype
        assert torch.isfinite(part)
        assert part >= 0
    automatic = gradient_of_loss(student, teacher, targets, temperature, alpha)
    written = written_gradient(student, teacher, targets, temperature, alpha)
    assert torch.isfinite(automatic).all()
    assert torch.isfinite(written).all()
    assert torch.allclose(written, automatic, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 100.0])
def test_soft_labels_and_entropy_stay_right_for_the_largest_logits(
    dtype: torch.dtype, temperature: float
) -> None:
    logits = extreme_logits(dtype).requires_grad_()
    probabilities = soft_labels(logits, temperature)
    values = entropy(probabilities)
    assert torch.allclose(probabilities.sum(-1), torch.ones(len(logits), dtype=dtype))
    assert values[0].item() == pytest.approx(0, abs=1e-30)
    assert values[1].item() == pytest.approx(math.log(2))
    assert values[2].item() == pytest.approx(math.log(3))
    (slope,) = torch.autograd.grad(probabilities[..., 0].sum(), logits)
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0, 100.0])
def test_float32_gives_the_loss_of_float64(temperature: float) -> None:
    student, teacher, targets = example()
    single = distillation_loss(student.float(), teacher.float(), targets, temperature, 0.3)
    double = distillation_loss(student, teacher, targets, temperature, 0.3)
    # T² enlarges the rounding of a KL that shrinks as 1/T².
    assert torch.allclose(
        single.total.double(), double.total, rtol=1e-5, atol=1e-7 * temperature**2
    )
    assert single.total.dtype == torch.float32


# -------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_that_is_not_above_zero_is_refused(temperature: float) -> None:
    student, teacher, targets = example()
    for wrong in (temperature, torch.tensor([1.0, temperature, 1.0])):
        with pytest.raises(ValueError, match="temperature must be above zero"):
            soft_labels(student, wrong)
        with pytest.raises(ValueError, match="temperature must be above zero"):
            kl_divergence(teacher, student, wrong)
        with pytest.raises(ValueError, match="temperature must be above zero"):
            distillation_loss(student, teacher, targets, wrong, 0.5)


@pytest.mark.parametrize("alpha", [-0.01, 1.01, math.nan, math.inf])
def test_an_alpha_outside_0_to_1_is_refused(alpha: float) -> None:
    student, teacher, targets = example()
    for wrong in (alpha, torch.tensor([0.5, alpha, 0.5])):
        with pytest.raises(ValueError, match="alpha must be from 0 to 1"):
            distillation_loss(student, teacher, targets, 2.0, wrong)


@pytest.mark.parametrize(
    "teacher_shape",
    [(3, 5, 1), (3, 5, 6), (3, 1, 4), (3, 6, 4), (2, 5, 4)],
    ids=["one class", "more classes", "one example", "more examples", "fewer models"],
)
def test_a_teacher_of_another_shape_is_refused(teacher_shape: tuple[int, ...]) -> None:
    student, _, targets = example()
    with pytest.raises(ValueError, match="student and teacher"):
        distillation_loss(student, torch.zeros(teacher_shape).double(), targets, 2.0, 0.5)


@pytest.mark.parametrize(
    "targets_shape",
    [(3, 4), (6,), (1,), (2, 5)],
    ids=["too few", "too many", "one for all", "fewer models"],
)
def test_targets_of_another_shape_are_refused(targets_shape: tuple[int, ...]) -> None:
    student, teacher, _ = example()
    targets = torch.zeros(targets_shape, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"targets|labels"):
        distillation_loss(student, teacher, targets, 2.0, 0.5)


@pytest.mark.parametrize("label", [4, -1])
def test_a_target_that_is_no_class_is_refused(label: int) -> None:
    student, teacher, targets = example()
    targets[1, 2] = label
    with pytest.raises(ValueError, match=r"targets|labels"):
        distillation_loss(student, teacher, targets, 2.0, 0.5)


def test_temperatures_for_another_number_of_models_are_refused() -> None:
    student, teacher, targets = example()
    with pytest.raises(ValueError, match="temperature"):
        distillation_loss(student, teacher, targets, torch.ones(2), 0.5)
    with pytest.raises(ValueError, match="alpha"):
        distillation_loss(student, teacher, targets, 2.0, torch.ones(2))


# ------------------------------------------------- losses gone wrong in public code (SCIENCE §5)
#
# Each test writes the published bug out, shows that it would be seen on this example, and holds
# the loss and the gradient that training uses to what is right. The two bugs that are about the
# training, not the formula, are in test_distillation.py: the order of cached teacher logits and
# the teacher left in training mode.


def soft_loss_and_gradient(temperature: float) -> tuple[Tensor, Tensor]:
    """Return the soft part of the loss ``[R]`` and its written gradient (α = 0)."""
    student, teacher, targets = example()
    soft = distillation_loss(student, teacher, targets, temperature, 0.0).soft
    return soft, written_gradient(student, teacher, targets, temperature, 0.0)


def assert_right_and_not_the_bug(
    temperature: float,
    right: Callable[[Tensor, Tensor], Tensor],
    bug: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """Hold loss and gradient to ``right``, a soft loss of one model's logits, and off ``bug``."""
    student, teacher, _ = example()
    soft, gradient = soft_loss_and_gradient(temperature)
    for model in range(3):
        for formula, is_right in ((right, True), (bug, False)):
            logits = student[model].clone().requires_grad_()
            value = formula(logits, teacher[model])
            (slope,) = torch.autograd.grad(value * len(logits), logits)
            assert torch.isclose(soft[model], value, rtol=0.02).item() is is_right
            assert torch.allclose(gradient[model], slope, rtol=0.02, atol=1e-6) is is_right


def hinton(temperature: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return T² · KL(teacher ‖ student) summed over classes, written with plain softmaxes."""

    def loss(student: Tensor, teacher: Tensor) -> Tensor:
        p, q = F.softmax(student / temperature, -1), F.softmax(teacher / temperature, -1)
        return temperature**2 * (q * (q / p).log()).sum() / len(student)

    return loss


def test_bug_kl_averaged_over_classes() -> None:
    def averaged(student: Tensor, teacher: Tensor) -> Tensor:
        log_p, q = F.log_softmax(student / 2, -1), F.softmax(teacher / 2, -1)
        return 4 * (q * (q.log() - log_p)).mean()  # reduction="mean"

    assert_right_and_not_the_bug(2.0, hinton(2.0), averaged)


def test_bug_no_t_squared() -> None:
    def without(student: Tensor, teacher: Tensor) -> Tensor:
        return hinton(5.0)(student, teacher) / 25

    assert_right_and_not_the_bug(5.0, hinton(5.0), without)
    # What the factor is for: the pull of a softened teacher keeps its size.
    sizes = [soft_loss_and_gradient(T)[1].norm().item() for T in (20.0, 100.0)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)


def test_bug_probabilities_where_log_probabilities_are_expected() -> None:
    def probabilities(student: Tensor, teacher: Tensor) -> Tensor:
        p, q = F.softmax(student / 2, -1), F.softmax(teacher / 2, -1)
        return 4 * F.kl_div(p, q, reduction="batchmean")

    assert_right_and_not_the_bug(2.0, hinton(2.0), probabilities)


@pytest.mark.parametrize("softened", ["student", "teacher"])
def test_bug_temperature_on_one_side_only(softened: str) -> None:
    def one_side(student: Tensor, teacher: Tensor) -> Tensor:
        log_p = F.log_softmax(student / (4 if softened == "student" else 1), -1)
        q = F.softmax(teacher / (4 if softened == "teacher" else 1), -1)
        return 16 * F.kl_div(log_p, q, reduction="batchmean")

    assert_right_and_not_the_bug(4.0, hinton(4.0), one_side)


def test_bug_kl_the_wrong_way_round() -> None:
    def reversed_kl(student: Tensor, teacher: Tensor) -> Tensor:
        return hinton(2.0)(teacher, student)

    assert_right_and_not_the_bug(2.0, hinton(2.0), reversed_kl)


def test_bug_gradient_into_the_teacher() -> None:
    student, teacher, targets = example()
    student.requires_grad_()
    teacher.requires_grad_()
    distillation_loss(student, teacher, targets, 3.0, 0.3).total.sum().backward()
    assert student.grad is not None
    assert student.grad.abs().max() > 0
    assert teacher.grad is None


def test_one_example_alone_keeps_its_shape() -> None:
    logits = torch.tensor([1.0, 2.0, 4.0])
    assert torch.equal(soft_labels(logits, 2.0), torch.softmax(logits / 2, dim=-1))
