"""Without the data: which inputs will do, and images that were invented to teach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kdcore.data import digits
from kdcore.experiments import distilled_data, without_data
from kdcore.experiments.distilled_data import DistilledDataSettings
from kdcore.experiments.result import AnyResult
from kdcore.experiments.without_data import INPUTS, WithoutDataSettings
from kdcore.models import MLPStack
from kdcore.today.inputs import SEEN_HALF, draw_inputs, images
from kdcore.today.invented import learned, said


@pytest.fixture(scope="module")
def blind() -> AnyResult:
    return without_data.EXPERIMENT.run(WithoutDataSettings(seeds=3))


@pytest.fixture(scope="module")
def invented() -> AnyResult:
    return distilled_data.EXPERIMENT.run(DistilledDataSettings(seeds=3))


def test_pure_noise_teaches_as_well_as_digits_and_another_noise_teaches_nothing(
    blind: AnyResult,
) -> None:
    rows = {row["inputs"]: row for row in blind.rows}
    assert without_data.needs_the_data(blind).verdict == "contradicted"
    assert blind.interval(rows["noise"]).low > 0.9
    assert rows["uniform"]["verdict"] == "hurts"
    assert blind.interval(rows["uniform"]).high < 0.5


def test_the_cue_is_how_many_classes_the_teacher_names(blind: AnyResult) -> None:
    named = {row["inputs"]: row["classes_named"] for row in blind.rows}
    assert named["noise"] > 9 > 5 > named["uniform"]
    assert named["half"] == pytest.approx(5, abs=0.5)


def test_soft_labels_of_five_digits_teach_some_of_the_other_five(blind: AnyResult) -> None:
    half = list(INPUTS).index("half")
    assert blind.interval(blind.rows[half], "recall_unseen").low > 0.1
    assert blind.measured.hard_recall[:, half].max() < 0.02
    assert without_data.soft_labels_reach_further(blind).verdict == "supported"


def test_half_shows_no_image_of_the_other_half() -> None:
    pool = digits(0).training
    shown = draw_inputs(images, without_data.source(pool, "half"), 200, (0,))[0]
    which = (shown[:, None] == pool.inputs).all(-1).int().argmax(1)
    assert set(pool.labels[which].tolist()) == set(SEEN_HALF)


def test_invented_images_teach_the_network_that_they_were_made_for_and_not_another(
    invented: AnyResult,
) -> None:
    assert distilled_data.invented_teach_more(invented).verdict == "supported"
    assert invented.interval(invented.rows[0]).low > 0.8
    assert distilled_data.any_network_learns(invented).verdict != "supported"
    assert len(invented.measured.pictures) == len(invented.measured.improvements) == 12


def test_images_invented_for_any_start_teach_new_ones() -> None:
    for_any = distilled_data.EXPERIMENT.run(DistilledDataSettings(seeds=3, starts="random"))
    assert distilled_data.any_network_learns(for_any).verdict == "supported"


def test_the_steps_written_out_are_those_of_autograd() -> None:
    stack = MLPStack.initialise((6, 5, 3), (0, 1))
    inputs = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    one_hot = torch.eye(3)[torch.tensor([0, 1, 2, 0])].expand(2, -1, -1)
    rate = torch.tensor([0.5, 0.1]).view(2, 1, 1)
    weights, biases = learned((stack.weights, stack.biases), inputs, one_hot, rate, 2)
    own = [p.clone().requires_grad_() for p in stack.parameters]
    for _ in range(2):
        logits = said((own[::2], own[1::2]), inputs)[-1]
        loss = -(torch.log_softmax(logits, 1) * one_hot.mT).sum(1).mean(-1).sum()
        gradients = torch.autograd.grad(loss, own)
        own = [
            (p - rate * g).detach().requires_grad_() for p, g in zip(own, gradients, strict=True)
        ]
    for written, expected in zip([*weights, *biases], [*own[::2], *own[1::2]], strict=True):
        np.testing.assert_allclose(written, expected.detach(), rtol=1e-6, atol=1e-5)


def test_images_come_in_equal_numbers_of_each_digit() -> None:
    with pytest.raises(ValueError, match="multiple of 10"):
        DistilledDataSettings(images=15)
