"""Is it the gap in confidence? One scale for the teacher, against T and against standardising."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kdcore.data import digits
from kdcore.distillation import layer_sizes
from kdcore.experiments import confidence
from kdcore.experiments.confidence import ConfidenceSettings, StandardisedResponse
from kdcore.experiments.result import AnyResult, Measured, Result, Row
from kdcore.losses import kl_divergence
from kdcore.models import MLPStack
from kdcore.targets import spread, standardised
from tests.test_claims import accuracies


@pytest.fixture(scope="module")
def sure() -> AnyResult:
    return confidence.EXPERIMENT.run(ConfidenceSettings(seeds=6, teacher_hidden=(128, 64)))


def test_one_scale_for_the_teacher_helps_where_a_high_temperature_hurts(sure: AnyResult) -> None:
    gains = {
        (row["treatment"], row["temperature"]): sure.interval(row, "gain")
        for row in sure.rows
        if row["gain"] is not None
    }
    # By the rows' own intervals: with few seeds the marks, made together, say less.
    assert gains["temperature", 8.0].high < 0
    assert gains["one-scale", 1.0].low > 0
    assert confidence.scale_beats_temperature(sure).verdict == "supported"


def test_standardising_each_example_adds_nothing_to_one_scale(sure: AnyResult) -> None:
    assert confidence.standardising_adds(sure).verdict != "supported"


@pytest.mark.parametrize(
    ("tried", "scaled", "said"),
    [
        ((0.5, 0.7, 0.6), 0.8, "supported"),
        ((0.5, 0.7, 0.6), 0.65, "contradicted"),  # it beats others, not the best
        ((0.5, 0.6, 0.7), 0.7, "undecided"),
    ],
)
def test_one_scale_is_judged_against_the_best_temperature(
    tried: tuple[float, ...], scaled: float, said: str
) -> None:
    made_up = accuracies(0.4, *tried, scaled)
    rows: list[Row] = [
        {"treatment": "hard"},
        *({"treatment": "temperature", "temperature": T} for T in (1.0, 4.0, 8.0)),
        {"treatment": "one-scale"},
    ]
    run = Result(confidence.EXPERIMENT, ConfidenceSettings(seeds=8), Measured(rows, made_up), 0.0)
    judged = confidence.scale_beats_temperature(run)
    assert judged.verdict == said
    assert judged.said == {"best": "4" if max(tried) == tried[1] else "8"}


def test_with_a_small_teacher_and_a_larger_student_standardising_hurts() -> None:
    small = confidence.EXPERIMENT.run(
        ConfidenceSettings(seeds=6, teacher_hidden=(16,), student_hidden=(64,), temperatures=(1.0,))
    )
    assert confidence.standardising_adds(small).verdict == "contradicted"
    (row,) = (row for row in small.rows if row["treatment"] == "standardised")
    assert small.interval(row, "gain").high < 0


def test_standardised_logits_have_mean_0_and_spread_1() -> None:
    logits = 7 * torch.randn(3, 5, 10, generator=torch.Generator().manual_seed(1)) + 2
    by_hand = logits.double().numpy()
    by_hand = (by_hand - by_hand.mean(-1, keepdims=True)) / by_hand.std(-1, keepdims=True)
    np.testing.assert_allclose(standardised(logits), by_hand, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(spread(standardised(logits)), np.ones((3, 5, 1)), atol=1e-5)


def test_its_gradient_is_that_of_the_loss() -> None:
    dataset = digits(0)
    labels, rows = dataset.training.labels, torch.arange(8)[None]
    teacher = 5 * torch.randn(1, len(labels), 10, generator=torch.Generator().manual_seed(2))
    stack = MLPStack.initialise(layer_sizes(dataset, (16,)), (0,))
    logits = stack.forward(dataset.training.inputs[rows])[-1]
    ((_, gradient),) = StandardisedResponse(labels, teacher, 2.0, 0.1)([logits], rows)
    free = logits.double().requires_grad_()
    kl = kl_divergence(standardised(teacher[:, :8].double()), standardised(free.mT), 2.0)
    hard = torch.nn.functional.cross_entropy(free[0].T, labels[:8])
    (expected,) = torch.autograd.grad((0.1 * hard + 0.9 * 4 * kl).sum(), free)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)
