"""The divergences in two directions hold what their equations say, by NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdcore.losses import (
    generalised_jsd,
    kl_divergence,
    reverse_kl,
    reverse_kl_gradient,
    skewed_kl,
    soft_gradient,
)

Array = NDArray[np.float64]
TEMPERATURES = [0.5, 1.0, 4.0]


def example(models: int = 3, n: int = 5, classes: int = 4) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(11)
    teacher, student = 2 * torch.randn(2, models, n, classes, generator=draw, dtype=torch.float64)
    return teacher, student


def probabilities(logits: Tensor, temperature: float) -> Array:
    powers = np.exp(logits.detach().numpy() / temperature)
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def kl(first: Array, second: Array) -> Array:
    """Return KL(first ‖ second), summed over classes and averaged over examples."""
    return np.asarray((first * np.log(first / second)).sum(-1).mean(-1))


def jsd(teacher: Array, student: Array, beta: float) -> Array:
    if beta == 0:
        return kl(teacher, student)
    if beta == 1:
        return kl(student, teacher)
    mixture = beta * teacher + (1 - beta) * student
    return beta * kl(teacher, mixture) + (1 - beta) * kl(student, mixture)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_reverse_kl_weighs_by_the_student(temperature: float) -> None:
    teacher, student = example()
    q, p = probabilities(teacher, temperature), probabilities(student, temperature)
    measured = reverse_kl(teacher, student, temperature)
    assert np.allclose(measured, kl(p, q), rtol=1e-12)
    assert not np.allclose(measured, kl(q, p), rtol=1e-3)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("skew", [0.0, 0.1, 0.5, 0.99])
def test_skewed_kl_mixes_the_teacher_into_the_student(skew: float, temperature: float) -> None:
    teacher, student = example()
    q, p = probabilities(teacher, temperature), probabilities(student, temperature)
    measured = skewed_kl(teacher, student, skew, temperature)
    assert np.allclose(measured, kl(q, skew * q + (1 - skew) * p), rtol=1e-9)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("beta", [0.0, 0.001, 0.1, 0.5, 0.9, 1.0])
def test_generalised_jsd_holds_its_equation_and_its_two_ends(
    beta: float, temperature: float
) -> None:
    teacher, student = example()
    q, p = probabilities(teacher, temperature), probabilities(student, temperature)
    assert np.allclose(generalised_jsd(teacher, student, beta, temperature), jsd(q, p, beta))


def test_each_model_may_have_its_own_share() -> None:
    teacher, student = example()
    betas = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    together = generalised_jsd(teacher, student, betas)
    skewed = skewed_kl(teacher, student, betas / 2)
    for model, beta in enumerate(betas.tolist()):
        one = (teacher[model], student[model])
        assert together[model].item() == pytest.approx(generalised_jsd(*one, beta).item())
        assert skewed[model].item() == pytest.approx(skewed_kl(*one, beta / 2).item())


def test_generalised_jsd_jumps_at_both_ends_in_size_and_not_in_direction() -> None:
    teacher, student = example(models=1)

    def value_and_slope(beta: float) -> tuple[float, Tensor]:
        logits = student.clone().requires_grad_()
        value = generalised_jsd(teacher, logits, beta)
        (slope,) = torch.autograd.grad(value.sum(), logits)
        return value.item(), slope

    for end, near in ((0.0, 1e-6), (1.0, 1 - 1e-6)):
        at_end, slope_at_end = value_and_slope(end)
        nearby, slope_nearby = value_and_slope(near)
        assert nearby < 1e-5 * at_end
        alike = torch.cosine_similarity(slope_at_end.flatten(), slope_nearby.flatten(), 0)
        assert alike.item() == pytest.approx(1, abs=1e-4)
        # What is left is the KL times the distance from the end.
        assert nearby / 1e-6 == pytest.approx(at_end, rel=1e-3)


def test_skewing_bounds_what_leaving_out_costs() -> None:
    teacher = torch.tensor([[[0.0, 0.0, -1e4]]])
    student = torch.tensor([[[0.0, -1e4, -1e4]]])
    assert kl_divergence(teacher, student).item() > 1000
    assert skewed_kl(teacher, student, 0.1).item() < np.log(10)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_written_reverse_gradient_is_what_autograd_makes_of_the_loss(
    temperature: float,
) -> None:
    teacher, student = example()
    logits = student.clone().requires_grad_()
    total = 5 * temperature**2 * reverse_kl(teacher, logits, temperature).sum()
    (automatic,) = torch.autograd.grad(total, logits)
    T = torch.tensor(temperature, dtype=torch.float64)
    assert torch.allclose(reverse_kl_gradient(student, teacher, T), automatic, atol=1e-12)
    turned = reverse_kl_gradient(student.mT, teacher.mT, T, class_axis=-2).mT
    assert torch.allclose(turned, automatic, atol=1e-12)


def test_at_high_temperature_both_directions_pull_alike() -> None:
    teacher, student = example()
    hot = torch.tensor(1e4, dtype=torch.float64)
    forward = soft_gradient(student, teacher, hot)
    assert torch.allclose(reverse_kl_gradient(student, teacher, hot), forward, atol=1e-3)


@pytest.mark.parametrize("loss", [reverse_kl, lambda t, s: skewed_kl(t, s, 0.1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_largest_logits_stay_finite(
    loss: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype
) -> None:
    rows = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0, 1e-4, 1e4]], dtype=dtype)
    student, teacher = rows.repeat_interleave(3, 0), rows.repeat(3, 1)
    assert torch.isfinite(loss(teacher, student)).all()
    for beta in (0.0, 0.5, 1.0):
        assert torch.isfinite(generalised_jsd(teacher, student, beta)).all()
    T = torch.tensor(1.0, dtype=dtype)
    assert torch.isfinite(reverse_kl_gradient(student, teacher, T)).all()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    teacher, student = example()
    with pytest.raises(ValueError, match="beta must be from 0 to 1"):
        generalised_jsd(teacher, student, share)
    with pytest.raises(ValueError, match="skew must be from 0 to 1"):
        skewed_kl(teacher, student, share)
    with pytest.raises(ValueError, match="skew must be below 1"):
        skewed_kl(teacher, student, 1.0)
