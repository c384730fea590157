"""Two humps and one Gaussian: where each divergence puts a student that cannot be both.

The teacher is an even mixture of two Gaussians of standard deviation 1, the student one Gaussian.
Nothing is trained: the divergence is computed for every student of a grid, and the best is read
off. On a fine grid of places a density is a distribution over many classes, and ln density its
logits: so the divergences are those of :mod:`kdcore.losses`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kdcore.losses import generalised_jsd, kl_divergence, reverse_kl, skewed_kl

Divergence = Literal["forward", "reverse", "skewed", "skewed-reverse", "jsd"]

#: Where densities are compared.
PLACES = torch.linspace(-12, 12, 241, dtype=torch.float64)
#: The students of the grid.
MEANS = tuple(round(0.2 * i, 1) for i in range(-25, 26))
SPREADS = tuple(round(0.1 * i, 1) for i in range(4, 51))
#: A place counts as improbable if the teacher's density there is under this share of its highest.
IMPROBABLE = 0.1


@dataclass(frozen=True, eq=False)
class Landscape:
    """The divergence of every student from the teacher, in nats."""

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    #: ``[means, spreads]``
    divergence: Tensor

    @property
    def best(self) -> tuple[tuple[float, float], ...]:
        """Mean and standard deviation of the best student; two of them, if they are mirrored."""
        lowest = self.divergence.min()
        places = torch.nonzero(self.divergence <= lowest + 1e-9).tolist()
        return tuple((self.means[m], self.spreads[s]) for m, s in places)


def two_humps(separation: float) -> Tensor:
    """Return ln density of the teacher at each place, up to a constant: humps at ± separation/2."""
    return torch.logaddexp(_gaussian(-separation / 2, 1.0), _gaussian(separation / 2, 1.0))


def landscape(
    separation: float, divergence: Divergence = "forward", share: float = 0.5
) -> Landscape:
    """Return the divergence from two humps of every Gaussian of the grid.

    Parameters
    ----------
    separation
        How far apart the humps are, in standard deviations.
    divergence
        Which one.
    share
        λ of the skewed ones, β of the generalised JSD.

    Notes
    -----
    Bishop (2006), *Pattern recognition and machine learning*, figure 10.3, shows the two ways to
    approximate two humps by one.
    """
    means = torch.tensor(MEANS, dtype=torch.float64).view(-1, 1, 1)
    spreads = torch.tensor(SPREADS, dtype=torch.float64).view(1, -1, 1)
    students = _gaussian(means, spreads).unsqueeze(-2)  # [means, spreads, 1, places]
    measure = _measure(divergence, share)
    return Landscape(MEANS, SPREADS, measure(two_humps(separation).view(1, 1, 1, -1), students))


def on_improbable_ground(separation: float, mean: float, spread: float) -> float:
    """Return the probability that a student puts where the teacher has hardly any."""
    teacher = two_humps(separation)
    student = torch.softmax(_gaussian(mean, spread), dim=-1)
    improbable = teacher < teacher.max() + math.log(IMPROBABLE)
    return float(student[improbable].sum())


def beta_curve(separation: float, mean: float, spread: float, betas: Sequence[float]) -> Tensor:
    """Return the generalised JSD of one student for each β: it jumps at both ends."""
    student = _gaussian(mean, spread).view(1, 1, -1).expand(len(betas), 1, -1)
    teacher = two_humps(separation).view(1, 1, -1)
    return generalised_jsd(teacher, student, torch.tensor(betas, dtype=torch.float64))


def _measure(divergence: Divergence, share: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a divergence as a function of teacher's and student's logits."""
    measures: dict[Divergence, Callable[[Tensor, Tensor], Tensor]] = {
        "forward": kl_divergence,
        "reverse": reverse_kl,
        "skewed": lambda teacher, student: skewed_kl(teacher, student, share),
        "skewed-reverse": lambda teacher, student: skewed_kl(student, teacher, share),
        "jsd": lambda teacher, student: generalised_jsd(teacher, student, share),
    }
    return measures[divergence]


def _gaussian(mean: float | Tensor, spread: float | Tensor) -> Tensor:
    """Return ln density at each place, up to a constant that is the same for all places."""
    return -0.5 * ((PLACES - mean) / spread) ** 2
