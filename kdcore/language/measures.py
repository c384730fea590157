"""The columns of a table on writers: means over seeds with intervals, and paired gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kdcore.language.exact import (
    Trie,
    acceptance_rate,
    distinct_words,
    effective_words,
    kl_to_truth,
    validity,
)
from kdcore.language.learning import Writers
from kdcore.statistics import mean_interval, paired_difference, verdict


@dataclass(frozen=True, eq=False)
class WordMeasures:
    """What is measured of writers, one value for each seed and condition, ``[S, C]`` each."""

    #: Share of what they write that is a word.
    validity: Tensor
    #: KL(truth ‖ writer) in nats a word.
    kl_to_truth: Tensor
    #: How many equally likely words would be as varied as theirs.
    effective_words: Tensor
    #: Different valid words among a hundred, on average.
    distinct: Tensor
    #: Share of their letters that the teacher would accept.
    acceptance: Tensor

    @classmethod
    def of(cls, writers: Writers, teachers: Writers, trie: Trie) -> WordMeasures:
        """Measure writers, seed by seed against their own teacher."""
        words = writers.log_words
        accepted = acceptance_rate(
            teachers.log_probabilities, writers.log_probabilities, trie.visits
        )
        return cls(
            validity(words),
            kl_to_truth(words),
            effective_words(words),
            distinct_words(words),
            accepted.double(),
        )

    def beside(self, others: WordMeasures) -> WordMeasures:
        """Return these conditions and behind them others of the same seeds."""
        return WordMeasures(
            *(torch.cat([mine, theirs], 1) for mine, theirs in zip(self, others, strict=True))
        )

    def __iter__(self) -> Any:
        return iter(vars(self).values())


def mean_columns(name: str, values: Tensor) -> dict[str, float]:
    """Return a mean over seeds ``[S]`` and its interval, as ``name`` and ``name_ci``."""
    mean = mean_interval(values)
    return {name: mean.mean, f"{name}_ci": mean.half_width}


def gain_columns(name: str, values: Tensor, baseline: int = 0) -> list[dict[str, Any]]:
    """Return what each condition gains over a baseline, paired over seeds, with its verdict.

    Parameters
    ----------
    name
        The columns are called ``{name}_gain``, ``{name}_gain_ci`` and ``{name}_verdict``.
    values
        ``[S, C]``; more is better.
    baseline
        The condition that the others are held against; its own columns are empty.
    """
    rows: list[dict[str, Any]] = []
    for condition in range(values.shape[1]):
        if condition == baseline:
            rows.append({f"{name}_gain": None, f"{name}_gain_ci": None, f"{name}_verdict": None})
            continue
        gain = paired_difference(values[:, condition], values[:, baseline])
        rows.append(
            {
                f"{name}_gain": gain.mean,
                f"{name}_gain_ci": gain.half_width,
                f"{name}_verdict": verdict(gain),
            }
        )
    return rows
