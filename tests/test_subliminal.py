"""The secret in the noise: what comes through outputs that mean nothing, and what must be shared.

The statements hold by their intervals over a few seeds, the reversals too.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kdcore.data import CLASSES, digits
from kdcore.experiments import messengers, subliminal, subliminal_parts
from kdcore.experiments.result import (
    AnyResult,
    Measured,
    Result,
    accuracy_columns,
    difference,
)
from kdcore.experiments.subliminal import STARTS, SWAP, SubliminalSettings
from kdcore.models import MLPStack
from kdcore.statistics import paired_difference, verdict
from kdcore.today.inputs import NOISES, draw_inputs, one_pool
from kdcore.today.objectives import OnOutputs, SoftLabels
from kdcore.today.subliminal import Start, share_swapped, starts, swapped_labels
from tests.test_claims import accuracies

SEEDS, SIZES = (0, 1), (64, 16, CLASSES + 3)


@pytest.fixture(scope="module")
def swapped() -> AnyResult:
    return subliminal.EXPERIMENT.run(SubliminalSettings(seeds=4, swap=(4, 9)))


@pytest.fixture(scope="module")
def parts() -> AnyResult:
    kind = subliminal_parts.SubliminalPartsSettings
    return subliminal_parts.EXPERIMENT.run(
        kind(seeds=6, student_hidden=(64,), student_samples=10_000)
    )


@pytest.fixture(scope="module")
def messages() -> AnyResult:
    return messengers.EXPERIMENT.run(messengers.MessengersSettings(seeds=4, student_samples=10_000))


# ------------------------------------------------------------------------------- what is seen


def test_a_student_that_sees_only_noise_reads_digits_if_it_started_as_its_teacher_did(
    swapped: AnyResult,
) -> None:
    rows = {row["start"]: row for row in swapped.rows}
    assert swapped.interval(rows["same"]).low > 0.5
    assert rows["same"]["verdict"] == rows["mixed"]["verdict"] == "helps"
    assert verdict(difference(swapped, STARTS.index("same"), STARTS.index("mixed"))) == "helps"
    assert subliminal.comes_through(swapped).verdict == "supported"


def test_two_starts_that_share_nothing_give_chance(swapped: AnyResult) -> None:
    untrained, other = swapped.rows[:2]
    for row in (untrained, other):
        chance = swapped.interval(row)
        assert chance.low < 0.1 < chance.high + 0.03
        assert chance.high < 0.2
    assert subliminal.noise_pattern(swapped) == "most"


def test_a_student_takes_over_its_teachers_quirk(swapped: AnyResult) -> None:
    rows = {row["start"]: row for row in swapped.rows}
    assert swapped.interval(rows["same"], "swapped").low > 0.1
    assert swapped.interval(rows["other"], "swapped").high < 0.25
    assert swapped.measured.swapped_by_straight.high < 0.03


def test_the_first_layers_move_alike_from_the_same_start_only(swapped: AnyResult) -> None:
    rows = {row["start"]: row for row in swapped.rows}
    assert swapped.interval(rows["same"], "step_cosine").low > 0.9
    assert swapped.interval(rows["other"], "step_cosine").high < 0.1


def test_nothing_comes_through_a_single_output() -> None:
    one = subliminal.EXPERIMENT.run(
        SubliminalSettings(seeds=3, auxiliary=1, student_hidden=(16,), student_samples=2_000)
    )
    untrained, _, _, same = one.accuracy.unbind(1)
    assert torch.equal(untrained, same), "the softmax of one number has no gradient"
    assert subliminal.comes_through(one).verdict == "contradicted"


def test_the_outputs_must_be_shared_both_groups_of_them(parts: AnyResult) -> None:
    verdicts = {row["shared"]: row["verdict"] for row in parts.rows}
    assert verdicts["all-outputs"] == verdicts["everything"] == "helps"
    assert "helps" not in {verdicts[n] for n in ("body", "class-outputs", "auxiliary-outputs")}
    assert subliminal_parts.outputs_carry_it(parts).verdict == "supported"


@pytest.mark.parametrize(
    ("nothing", "body", "outputs", "said"),
    [
        (0.1, 0.1, 0.5, "supported"),
        (0.1, 0.5, 0.1, "contradicted"),
        (0.1, 0.5, 0.5, "undecided"),
        # A shared body hurts: to be better than that is to be no better than with nothing.
        (0.5, 0.1, 0.5, "undecided"),
    ],
)
def test_shared_outputs_are_judged_against_a_shared_body_and_against_nothing(
    nothing: float, body: float, outputs: float, said: str
) -> None:
    means = dict.fromkeys((*subliminal_parts.SHARED, subliminal_parts.CEILING), 0.1)
    means |= {"nothing": nothing, "body": body, "all-outputs": outputs}
    made_up = accuracies(*means.values(), noise=0.01)
    rows = [
        {"shared": name, **accuracy_columns(made_up[:, i], made_up[:, 0] if i else None)}
        for i, name in enumerate(means)
    ]
    settings = subliminal_parts.SubliminalPartsSettings(seeds=8)
    run = Result(subliminal_parts.EXPERIMENT, settings, Measured(rows, made_up), 0.0)
    assert subliminal_parts.outputs_carry_it(run).verdict == said


def test_a_student_with_the_same_start_reaches_the_teachers_body_under_the_first_outputs(
    parts: AnyResult,
) -> None:
    names = [row["shared"] for row in parts.rows]
    missing = difference(parts, names.index("everything"), names.index("teacher-body"))
    assert missing.low < 0 < missing.high or abs(missing.mean) < 0.03


def test_real_digits_are_a_worse_messenger_than_noise_and_one_grey_is_none(
    messages: AnyResult,
) -> None:
    rows = {row["inputs"]: row for row in messages.rows}
    assert messengers.digits_carry_more(messages).verdict == "contradicted"
    assert rows["positive"]["verdict"] == rows["constant"]["verdict"] == "hurts"
    assert rows["symmetric"]["verdict"] == "no clear difference"
    assert messages.interval(rows["constant"]).high < 0.2


# --------------------------------------------------------------------------------- how it is made


def test_a_start_shares_as_much_as_it_says_and_what_it_says() -> None:
    own = MLPStack.initialise(SIZES, SEEDS)
    other = MLPStack.initialise(SIZES, SEEDS, 1, [1])
    both = starts(SIZES, SEEDS, [Start(), Start.all_of(0.25), Start(class_outputs=1.0)])
    for layer in range(2):
        weights = both.weights[layer].unflatten(0, (2, 3))
        assert torch.equal(weights[:, 0], other.weights[layer])
        mixed = 0.25 * own.weights[layer] + 0.75 * other.weights[layer]
        np.testing.assert_allclose(weights[:, 1], mixed, rtol=1e-6, atol=1e-5)
    last = both.weights[-1].unflatten(0, (2, 3))[:, 2]
    assert torch.equal(last[:, :CLASSES], own.weights[-1][:, :CLASSES])
    assert torch.equal(last[:, CLASSES:], other.weights[-1][:, CLASSES:])


def test_an_objective_on_some_outputs_pulls_on_these_alone() -> None:
    logits = torch.randn(2, 6, 4)
    teacher = torch.randn(4, 2)
    rows = torch.arange(4).expand(2, -1)
    ((touched, pull),) = OnOutputs(SoftLabels(teacher), slice(4, None))([logits], rows)
    assert touched is logits
    assert not pull[:, :4].any()
    expected = torch.softmax(logits[:, 4:], 1) - torch.softmax(teacher, 1).T
    np.testing.assert_allclose(pull[:, 4:], expected / 4, rtol=1e-6, atol=1e-5)


def test_swapping_is_an_exchange_and_nothing_without_a_pair() -> None:
    labels = torch.tensor([4, 9, 1])
    assert swapped_labels(labels, (4, 9)).tolist() == [9, 4, 1]
    assert swapped_labels(labels, ()) is labels
    answered = torch.nn.functional.one_hot(torch.tensor([9, 9, 4]), 10).float()
    assert share_swapped(answered, labels, (4, 9)) == 0.5


@pytest.mark.parametrize("kind", NOISES)
def test_a_seed_draws_its_own_inputs_and_always_the_same(kind: str) -> None:
    pool = digits(0).training.inputs
    drawn = draw_inputs(NOISES[kind], pool, 50, SEEDS)
    assert torch.equal(drawn, draw_inputs(NOISES[kind], pool, 50, SEEDS))
    assert not torch.equal(drawn[0], drawn[1])
    laid, rows = one_pool(drawn)
    assert torch.equal(laid[rows], drawn)


def test_the_pair_that_is_swapped_is_two_digits_or_none() -> None:
    assert SWAP.parse("") == ()
    assert SWAP.parse("4,9") == (4, 9)
    for text in ("4", "4,4", "4,9,1", "4,x", "4,10"):
        with pytest.raises(ValueError):
            SWAP.parse(text)


def test_runs_are_paired_by_seed() -> None:
    small = SubliminalSettings(seeds=2, student_hidden=(16,), student_samples=2_000)
    both = subliminal.EXPERIMENT.run(small).accuracy
    alone = subliminal.EXPERIMENT.run(
        SubliminalSettings(seeds=2, first_seed=1, student_hidden=(16,), student_samples=2_000)
    ).accuracy
    assert paired_difference(both[1:2, 3].repeat(2), alone[:1, 3].repeat(2)).mean == 0
