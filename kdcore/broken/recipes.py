"""Which piece is wrong: every bug by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from kdcore.broken import (
    alpha_swapped,
    chosen_on_test,
    class_mean,
    no_t_squared,
    one_sided_temperature,
    probabilities,
    reverse_kl,
    right,
    shuffled_teacher,
)
from kdcore.losses import DistillationLoss


@dataclass(frozen=True)
class Recipe:
    """The pieces of a distillation run, which its code shows one below the other."""

    cache: Callable[[Tensor, Tensor, torch.Generator], Tensor] = right.cache
    loss: Callable[[Tensor, Tensor, Tensor, float, float], DistillationLoss] = right.loss
    report: Callable[[Tensor], Tensor] = right.report

    @property
    def code(self) -> tuple[Callable[..., object], ...]:
        """The pieces, in the order in which they run."""
        return self.cache, self.loss, self.report


#: All pieces right: what the healthy twin does.
HEALTHY = Recipe()

#: One piece wrong, by the bug's name.
BUGS: Mapping[str, Recipe] = MappingProxyType(
    {
        "alpha-swapped": Recipe(loss=alpha_swapped.loss),
        "chosen-on-test": Recipe(report=chosen_on_test.report),
        "class-mean": Recipe(loss=class_mean.loss),
        "no-t-squared": Recipe(loss=no_t_squared.loss),
        "one-sided-temperature": Recipe(loss=one_sided_temperature.loss),
        "probabilities": Recipe(loss=probabilities.loss),
        "reverse-kl": Recipe(loss=reverse_kl.loss),
        "shuffled-teacher": Recipe(cache=shuffled_teacher.cache),
    }
)
