"""Who writes, who corrects: the pen, its teacher, and three students."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kdcore.experiments import on_policy
from kdcore.experiments.on_policy import DATA, OnPolicyMeasured, OnPolicySettings, Pens, lower_by
from kdcore.experiments.result import AnyResult, Result
from kdcore.losses import kl_divergence, reverse_kl_gradient
from kdcore.models import MLPStack
from kdcore.randomness import generator
from kdcore.statistics import paired_difference, verdict
from kdcore.today import pen
from pages.common.components import module
from pages.common.pen import layers, rule
from tests.test_claims import accuracies


@pytest.fixture(scope="module")
def run() -> AnyResult:
    return on_policy.EXPERIMENT.run(OnPolicySettings(seeds=4))


def test_alike_on_the_teachers_path_the_students_are_apart_on_their_own(run: AnyResult) -> None:
    assert verdict(lower_by(run, "kl_own_path", "on-policy", "off-policy")) == "helps"
    assert verdict(lower_by(run, "left_lane", "on-policy", "off-policy")) == "helps"
    gap = abs(lower_by(run, "kl_teacher_path", "on-policy", "off-policy").mean)
    assert gap < 0.2 * lower_by(run, "kl_own_path", "on-policy", "off-policy").mean
    assert on_policy.own_drawings_help(run).verdict == "supported"


def test_jittered_drawings_of_the_teacher_do_as_well(run: AnyResult) -> None:
    assert verdict(lower_by(run, "left_lane", "jittered", "off-policy")) == "helps"
    assert on_policy.own_drawings_beat_jitter(run).verdict != "supported"


def test_the_latest_drawings_alone_with_forward_kl_do_not_help() -> None:
    latest = on_policy.EXPERIMENT.run(OnPolicySettings(seeds=4, kept=1, direction="forward"))
    assert on_policy.own_drawings_help(latest).verdict != "supported"
    assert verdict(lower_by(latest, "kl_teacher_path", "on-policy", "off-policy")) == "hurts"


def test_without_jitter_the_jittered_student_is_the_off_policy_one() -> None:
    still = on_policy.EXPERIMENT.run(OnPolicySettings(seeds=2, steps=300, jitter=0.0))
    values = still.measured.figures["left_lane"]
    assert torch.equal(values[:, 0], values[:, 2])


@pytest.mark.parametrize(
    ("own", "jittered", "pattern"),
    [
        (0.1, 0.3, "on-policy"),
        (0.1, 0.5, "on-policy"),
        (0.3, 0.1, "jittered"),
        (0.5, 0.1, "jittered"),
        (0.1, 0.1, "alike"),  # both are better, and neither is better than the other
        (0.5, 0.5, "nothing"),
        (0.7, 0.6, "nothing"),
    ],
)
def test_whose_drawings_keep_to_the_lane(own: float, jittered: float, pattern: str) -> None:
    """How many leave it is made up; off-policy it is a half."""
    left = accuracies(0.5, own, jittered, noise=0.01).double()
    verdicts = [verdict(paired_difference(left[:, 0], left[:, i])) for i in (1, 2)]
    rows = [
        {"data": data, "left_lane_verdict": said}
        for data, said in zip(DATA, (None, *verdicts), strict=True)
    ]
    measured = OnPolicyMeasured(
        rows, 1 - left, figures={"left_lane": left}, students=(), teacher_path=left, own_paths=()
    )
    run = Result(on_policy.EXPERIMENT, OnPolicySettings(seeds=8), measured, 0.0)
    assert on_policy.pen_pattern(run) == pattern


@pytest.mark.parametrize(
    "other", [{"kept": 1}, {"direction": "forward"}, {"steps": 500}, {"student_hidden": (16,)}]
)
def test_what_all_students_of_a_training_share_is_no_run_s_own(other: dict[str, Any]) -> None:
    usual = OnPolicySettings(seeds=2)
    assert Pens(replace(usual, **other)).alike != Pens(usual).alike
    with_own = replace(usual, jitter=0.0, seeds=3, first_seed=5, split=1)
    assert Pens(with_own).alike == Pens(usual).alike


def test_each_seed_has_drawings_and_a_jitter_of_its_own() -> None:
    def drawn(first: int) -> torch.Tensor:
        settings = OnPolicySettings(seeds=2, first_seed=first)
        stack = MLPStack.initialise((2, 4, 8), settings.seed_numbers * len(DATA))
        return on_policy._Rounds([settings], stack)(settings.steps)

    usual, later = drawn(0), drawn(1)
    # The second seed of the one is the first of the other. The students' own drawings are left
    # out: rounding may turn a token.
    for i in (DATA.index("off-policy"), DATA.index("jittered")):
        assert torch.allclose(usual[i, 1], later[i, 0], atol=1e-5)
    for data in usual:
        assert not torch.equal(data[0], data[1])
    jitter = usual[DATA.index("jittered")] - usual[DATA.index("off-policy")]
    assert not torch.allclose(jitter[0], jitter[1], atol=1e-2)


@pytest.mark.parametrize("width", [3, 4, 8, 16])
def test_every_round_is_written_to_what_the_training_reads(width: int) -> None:
    stack = MLPStack.initialise((2, width, 8), (0,) * 3)
    drawn = torch.full((3, 1, pen.DRAWINGS, pen.TOKENS, 2), 0.5)
    objective = pen.Corrected(stack, lambda steps: drawn * (1 + steps), kept=1, reverse=True)
    # Layers of odd widths are filled up: the training would take a copy of what is too narrow.
    read = stack.filled(objective.pool)
    rows = torch.arange(96).view(3, 32) % len(objective.pool)
    for _ in range(pen.STEPS_A_ROUND):
        objective([torch.zeros(3, 8, 32)], rows)
    assert (read[:, :2] == 0.5 * (1 + pen.STEPS_A_ROUND)).all()


def test_the_narrowest_student_learns_too() -> None:
    narrow = on_policy.EXPERIMENT.run(OnPolicySettings(student_hidden=(4,), seeds=2, steps=500))
    for row in narrow.rows:
        assert narrow.interval(row, "kl_teacher_path").mean < 0.5


def test_the_teacher_keeps_to_the_lane_and_returns_to_it() -> None:
    chance = torch.rand(pen.TOKENS, 200, generator=generator(0, "test"))
    begin = pen.first_positions(200, generator(0, "begin"))
    assert not pen.left_lane(pen.write(pen.teacher_logits, begin, chance)).any()
    outside = pen.write(pen.teacher_logits, 1.8 * begin, chance)
    assert (pen.distance_from_circle(outside[:, -1]) < pen.LANE).all()


def test_a_token_is_drawn_with_its_probability() -> None:
    at = torch.tensor([[0.3, -1.1]])
    uniform = torch.linspace(0, 1, 20_001)[None, 1:]
    path = pen.write(pen.teacher_logits, at.expand(20_000, 2), uniform)
    moved = (path[:, 1] - path[:, 0]) @ pen.moves().T
    shares = torch.bincount(moved.argmax(1), minlength=8) / 20_000
    expected = torch.softmax(pen.teacher_logits(at), -1)[0]
    np.testing.assert_allclose(shares, expected, atol=1e-3, rtol=0)


def test_the_reverse_gradient_is_that_of_kl_the_other_way_round() -> None:
    draw = torch.Generator().manual_seed(3)
    student = torch.randn(5, 8, generator=draw, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(5, 8, generator=draw, dtype=torch.float64)
    (expected,) = torch.autograd.grad(5 * kl_divergence(student, teacher), student)
    gradient = reverse_kl_gradient(student.detach(), teacher, torch.tensor(1.0))
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


def test_the_pen_of_the_page_thinks_as_the_engine_does(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: the JavaScript is not tested")
    network = MLPStack.initialise((2, 8, 8), (5,))
    places = [[1.0, 0.0], [-0.4, 1.3], [0.05, -0.02]]
    file = tmp_path / "pen.mjs"
    file.write_text(module("pen"), "utf-8")
    script = (
        f"import {{ teacherLogits, studentLogits }} from {json.dumps(file.as_uri())};"
        f"const rule = {json.dumps(rule())}, network = {json.dumps(layers(network))};"
        f"const said = {json.dumps(places)}.map((at) => "
        "[teacherLogits(rule, at), studentLogits(network, at)]);"
        "console.log(JSON.stringify(said));"
    )
    command = [node, "--input-type=module", "--eval", script]
    said = torch.tensor(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    at = torch.tensor(places)
    np.testing.assert_allclose(said[:, 0], pen.teacher_logits(at), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(said[:, 1], network.logits(at)[0, 0], rtol=1e-4, atol=1e-5)


def test_the_circle_is_walked_counter_clockwise() -> None:
    likeliest = pen.moves()[pen.teacher_logits(torch.tensor([[1.0, 0.0]])).argmax()]
    assert math.isclose(float(likeliest[0]), 0, abs_tol=1e-6)
    assert likeliest[1] > 0
