"""One Gaussian for two humps: where each divergence puts it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kdcore.views.humps import (
    beta_curve,
    landscape,
    on_improbable_ground,
)


@pytest.mark.parametrize("separation", [0.0, 3.0, 6.0, 8.0])
def test_forward_kl_matches_mean_and_variance(separation: float) -> None:
    # The moments of the mixture: mean 0, variance 1 + (separation / 2)².
    ((mean, spread),) = landscape(separation, "forward").best
    assert mean == 0
    assert spread == pytest.approx(math.hypot(1, separation / 2), abs=0.1)


def test_reverse_kl_chooses_one_hump_once_they_are_far_enough_apart() -> None:
    assert set(landscape(6, "reverse").best) == {(-3.0, 1.0), (3.0, 1.0)}
    for separation in (2.0, 4.0, 5.5):
        for direction in ("forward", "reverse"):
            ((mean, _),) = landscape(separation, direction).best
            assert mean == 0


def test_the_middle_is_improbable_ground_and_a_hump_is_not() -> None:
    assert on_improbable_ground(6, 0, 3.1) == pytest.approx(0.31, abs=0.02)
    assert on_improbable_ground(6, 3, 1.0) == pytest.approx(0.03, abs=0.02)


def test_one_hump_is_matched_by_every_divergence() -> None:
    for divergence in ("forward", "reverse", "skewed", "skewed-reverse", "jsd"):
        result = landscape(0, divergence)
        assert result.best == ((0.0, 1.0),)
        assert result.divergence.min().item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("divergence", "share"), [("forward", 0.5), ("reverse", 0.5), ("jsd", 0.3)]
)
def test_the_landscape_is_the_integral_it_stands_for(divergence: str, share: float) -> None:
    """NumPy, densities in float64, on places of its own."""
    x = np.linspace(-20, 20, 20_001)

    def density(mean: float, spread: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        scaled = np.exp(-0.5 * ((x - mean) / spread) ** 2)
        return np.asarray(scaled / (spread * math.sqrt(2 * math.pi)))

    def kl(
        a: np.ndarray[tuple[int], np.dtype[np.float64]],
        b: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> float:
        terms = np.where(a > 0, a * np.log(np.maximum(a, 1e-300) / np.maximum(b, 1e-300)), 0)
        return float(terms.sum() * (x[1] - x[0]))

    teacher = (density(-2, 1) + density(2, 1)) / 2
    result = landscape(4, divergence, share)  # type: ignore[arg-type]
    for mean, spread in ((0.0, 2.0), (2.0, 1.0), (-1.0, 1.5)):
        student = density(mean, spread)
        mixture = share * teacher + (1 - share) * student
        expected = {
            "forward": kl(teacher, student),
            "reverse": kl(student, teacher),
            "jsd": share * kl(teacher, mixture) + (1 - share) * kl(student, mixture),
        }[divergence]
        place = result.means.index(mean), result.spreads.index(spread)
        assert result.divergence[place].item() == pytest.approx(expected, abs=2e-3)


def test_the_size_jumps_at_both_ends_of_beta() -> None:
    zero, near_zero, middle, near_one, one = beta_curve(6, 0, 3.1, (0, 0.001, 0.5, 0.999, 1))
    assert zero > 0.4
    assert one > 0.4
    assert max(near_zero, near_one) < 0.01 < middle


def test_what_is_best_does_not_jump_with_the_size() -> None:
    for end, near in ((0.0, 0.001), (1.0, 0.999)):
        assert landscape(6, "jsd", end).best == landscape(6, "jsd", near).best
