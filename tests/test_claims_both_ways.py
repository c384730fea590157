"""Each claim has a run that supports it and one that contradicts it; the rules find them.

The settings are those of ``docs/statistics.md``, with as few seeds as they need. Those of the
factor T² are held by ``test_t_squared.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.controls import controls_pattern
from kdcore.experiments.result import AnyResult

#: Runs with the same teachers, which cost more than all of their students, have as many seeds.
SEEDS = 7


def run(name: str, **settings: Any) -> AnyResult:
    experiment = EXPERIMENTS[name]
    return experiment.run(experiment.settings(**settings))


BOTH_WAYS: list[tuple[str, dict[str, Any], str]] = [
    (
        "temperature",
        {
            "student_samples": 5_000,
            "teacher_hidden": (16,),
            "temperatures": (1.0, 4.0, 20.0),
            "seeds": 20,
        },
        "supported",
    ),
    (
        "temperature",
        {"student_hidden": (64,), "temperatures": (3.0, 5.0, 20.0), "seeds": SEEDS},
        "contradicted",
    ),
    # The best T is 10, and 3 and 5 are as good.
    (
        "temperature",
        {
            "student_hidden": (64,),
            "teacher_hidden": (64,),
            "labels": 300,
            "temperatures": (3.0, 5.0, 10.0),
            "seeds": 6,
        },
        "undecided",
    ),
    # No T helps a tiny student that trains for so short a time.
    (
        "temperature",
        {"student_hidden": (8,), "temperatures": (2.0, 4.0, 8.0), "seeds": SEEDS},
        "undecided",
    ),
    # After so short a training the softest labels teach least, whatever they say.
    (
        "controls",
        {
            "student_hidden": (8,),
            "student_samples": 3_000,
            "labels": 900,
            "temperature": 20.0,
            "seeds": SEEDS,
        },
        "contradicted",
    ),
    ("teacher-size", {"teachers": ((64,), (64, 64, 64)), "seeds": 5}, "supported"),
    (
        "teacher-size",
        {
            "teachers": ((4,), (8,), (16,), (64,)),
            "student_hidden": (64,),
            "temperature": 10.0,
            "seeds": 5,
        },
        "contradicted",
    ),
    (
        "balance",
        {
            "teacher_labels": 900,
            "label_noise": 0.6,
            "alphas": (0.0, 0.8, 1.0),
            "seeds": 6,
        },
        "contradicted",
    ),
    ("patience", {"student_samples": 36_000, "seeds": SEEDS}, "supported"),
    ("patience", {"student_samples": 6_000, "labels": 200, "seeds": SEEDS}, "contradicted"),
    ("unseen-class", {"temperatures": (1.0,), "seeds": 2}, "contradicted"),
]


@pytest.mark.parametrize(("name", "settings", "said"), BOTH_WAYS)
def test_a_claim_can_come_out_either_way(name: str, settings: dict[str, Any], said: str) -> None:
    (judged,) = run(name, **settings).judgements().values()
    assert judged.verdict == said


def test_with_all_labels_soft_ones_beat_both_impostors_and_lose_to_hard_ones() -> None:
    with_all_labels = run("controls", labels=900, seeds=SEEDS)
    (judged,) = with_all_labels.judgements().values()
    assert judged.verdict == "supported"
    assert judged.gain is not None
    assert judged.gain.high < 0
    assert controls_pattern(with_all_labels) == "hard-wins"
