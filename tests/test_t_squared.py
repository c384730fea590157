"""The factor T²: what it does to gradients, and what leaving it out does to students."""

from __future__ import annotations

import pytest
import torch

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import AnyResult
from kdcore.experiments.t_squared import (
    TSquaredMeasured,
    TSquaredSettings,
    factor,
    gained_by_factor,
    gradient_changes,
)
from kdcore.losses import alpha_without_factor, cross_entropy, distillation_loss, kl_divergence
from pages.common import run_words


@pytest.fixture(scope="module")
def wide() -> AnyResult:
    return EXPERIMENTS["t-squared"].run(TSquaredSettings(seeds=5))


@pytest.fixture(scope="module")
def measured(wide: AnyResult) -> TSquaredMeasured:
    assert isinstance(wide.measured, TSquaredMeasured)
    return wide.measured


def rows(measured: TSquaredMeasured, kind: str) -> dict[float, dict[str, float]]:
    return {row["temperature"]: row for row in measured.rows if row["factor"] == kind}


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_a_loss_without_the_factor_is_a_loss_with_another_alpha_but_for_its_scale(
    alpha: float, temperature: float
) -> None:
    draw = torch.Generator().manual_seed(1)
    student, teacher = torch.randn(2, 16, 10, generator=draw, dtype=torch.float64)
    targets = torch.randint(0, 10, (16,), generator=draw)
    plain = alpha * cross_entropy(student, targets) + (1 - alpha) * kl_divergence(
        teacher, student, temperature
    )
    meant = alpha_without_factor(alpha, temperature)
    scale = alpha + (1 - alpha) / temperature**2
    with_factor = distillation_loss(student, teacher, targets, temperature, meant).total
    assert plain.item() == pytest.approx(scale * with_factor.item(), rel=1e-10)


def test_at_t_1_the_factor_changes_nothing() -> None:
    assert alpha_without_factor(0.3, 1.0) == pytest.approx(0.3)


def test_the_higher_t_the_less_the_teacher_is_heard_without_it() -> None:
    meant = [alpha_without_factor(0.3, T) for T in (1.0, 2.0, 4.0, 20.0)]
    assert meant == sorted(meant)
    assert meant[-1] > 0.99


def test_without_the_factor_the_soft_gradient_is_smaller_by_t_squared(
    measured: TSquaredMeasured,
) -> None:
    squared, plain = rows(measured, "T²"), rows(measured, "none")
    for T in squared:
        assert squared[T]["soft_gradient"] == pytest.approx(T**2 * plain[T]["soft_gradient"])


def test_students_are_the_same_at_t_1_and_far_apart_at_t_20(measured: TSquaredMeasured) -> None:
    squared, plain = rows(measured, "T²"), rows(measured, "none")
    assert squared[1.0]["student_accuracy"] == plain[1.0]["student_accuracy"]
    assert squared[20.0]["gain"] - plain[20.0]["gain"] > 0.03


def test_the_claim_is_supported_over_a_wide_range_and_contradicted_over_a_narrow_low_one(
    wide: AnyResult,
) -> None:
    experiment = EXPERIMENTS["t-squared"]
    assert factor(wide).verdict == "supported"
    # Its figure is powers of ten, neither points nor percent.
    powers = factor(wide).figure
    assert run_words.judgement(factor(wide))["figure"] == (
        f"{powers.mean:.1f} ± {powers.half_width:.1f}"
    )
    # From T = 1 to 2 a confident teacher's soft gradient grows by itself; the factor adds to it.
    narrow = experiment.run(TSquaredSettings(seeds=5, temperatures=(1.0, 2.0)))
    assert factor(narrow).verdict == "contradicted"
    # At one temperature nothing changes, with or without.
    assert factor(experiment.run(TSquaredSettings(seeds=5, temperatures=(4.0,)))).verdict == (
        "undecided"
    )


def test_gradient_changes_are_powers_of_ten(wide: AnyResult, measured: TSquaredMeasured) -> None:
    with_factor, without = gradient_changes(wide)
    sizes = measured.gradients
    assert sizes is not None
    low, high = (
        [row["temperature"] == T and row["factor"] == "none" for row in measured.rows].index(True)
        for T in (1.0, 20.0)
    )
    expected = (sizes[:, high] / sizes[:, low]).log10().abs()
    assert without == pytest.approx(expected.numpy())
    assert (with_factor < without).all()
    # With the factor the size rises and falls again: it is the largest over the smallest.
    squared = sizes[:, [row["factor"] == "T²" for row in measured.rows]]
    ends = (squared[:, -1] / squared[:, 0]).log10().abs()
    largest = (squared.amax(dim=1) / squared.amin(dim=1)).log10()
    assert (largest > ends).all()
    assert with_factor == pytest.approx(largest.numpy())


def test_what_the_factor_gains_is_paired_and_nothing_at_t_1(wide: AnyResult) -> None:
    gained = gained_by_factor(wide)
    assert list(gained) == list(wide.settings.temperatures)
    assert (gained[1.0].mean, gained[1.0].half_width) == (0, 0)
    assert factor(wide).gain == gained[20.0]
    own = {(row["temperature"], row["factor"]): row["student_accuracy"] for row in wide.rows}
    assert gained[20.0].mean == pytest.approx(own[20.0, "T²"] - own[20.0, "none"])


def test_other_results_have_no_soft_gradients() -> None:
    balance = EXPERIMENTS["balance"]
    result = balance.run(balance.settings(alphas=(0.5,), student_samples=320, seeds=2))
    with pytest.raises(ValueError, match="no soft gradients"):
        gradient_changes(result)
