"""The arrows are the gradient, steps go downhill, and T² does what is said of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor

from kdcore.figures import gradient_sizes_figure
from kdcore.losses import (
    distillation_gradient,
    distillation_loss,
    hard_gradient,
    kl_divergence,
    matching_gradient,
    soft_gradient,
)
from kdcore.randomness import generator
from kdcore.views.anatomy import (
    AT_REST,
    Example,
    at_rest,
    descend,
    gradient_sizes,
    loss_of,
    pull_range,
    pulls,
    shifted_teacher,
)
from pages.common.components import module
from pages.common.words import words
from tests.small import small_runs

SETTINGS = [(1.0, 0.3), (4.0, 0.0), (4.0, 1.0), (0.5, 0.5), (20.0, 0.7)]


def random_logits(count: int, purpose: str, scale: float = 4.0) -> Tensor:
    return scale * torch.randn(count, 10, generator=generator(0, purpose)).double()


@pytest.fixture
def example() -> Example:
    student, teacher = (random_logits(1, who)[0] for who in ("student", "teacher"))
    return Example(student, teacher, 3)


def autograd(example: Example, temperature: float, alpha: float, part: str) -> Tensor:
    logits = example.student.clone().requires_grad_()
    label = torch.tensor([example.label])
    loss = distillation_loss(logits[None], example.teacher[None], label, temperature, alpha)
    getattr(loss, part).backward()
    assert logits.grad is not None
    return logits.grad


@pytest.mark.parametrize(("temperature", "alpha"), SETTINGS)
def test_the_arrows_are_what_autograd_finds(
    example: Example, temperature: float, alpha: float
) -> None:
    found = pulls(example, temperature, alpha)
    expected = {
        "total": -autograd(example, temperature, alpha, "total"),
        "hard": -alpha * autograd(example, temperature, alpha, "hard"),
        "soft": -(1 - alpha) * autograd(example, temperature, alpha, "soft"),
    }
    for part, pull in expected.items():
        assert torch.allclose(getattr(found, part), pull, atol=1e-6), part


@pytest.mark.parametrize(("temperature", "alpha"), SETTINGS)
def test_hard_and_soft_pull_add_up_to_their_sum_and_to_zero_over_the_classes(
    example: Example, temperature: float, alpha: float
) -> None:
    found = pulls(example, temperature, alpha)
    assert torch.allclose(found.hard + found.soft, found.total, atol=1e-6)
    for pull in found:
        assert pull.sum().abs() < 1e-5


@pytest.mark.parametrize(("temperature", "alpha"), SETTINGS)
def test_without_the_factor_the_soft_pull_is_t_squared_times_weaker_and_still_the_slope(
    example: Example, temperature: float, alpha: float
) -> None:
    with_it, without = (pulls(example, temperature, alpha, squared) for squared in (True, False))
    assert torch.allclose(with_it.soft, temperature**2 * without.soft)
    assert torch.equal(with_it.hard, without.hard)
    logits = example.student.clone().requires_grad_()
    moving = Example(logits, example.teacher, example.label)
    loss_of(moving, temperature, alpha, squared=False).total.sum().backward()
    assert logits.grad is not None
    assert torch.allclose(without.total, -logits.grad, atol=1e-6)


def test_without_the_factor_arrows_shrink_as_t_grows_and_with_it_they_do_not(
    example: Example,
) -> None:
    without, with_it = (
        [pulls(example, T, 0.0, squared).soft.abs().max().item() for T in (4.0, 8.0, 20.0)]
        for squared in (False, True)
    )
    assert without[0] > 2 * without[1] > 8 * without[2]
    assert min(with_it) > 10 * max(without[1:])


def test_the_pulls_leave_the_example_as_it_is(example: Example) -> None:
    student, teacher = example.student.clone(), example.teacher.clone()
    pulls(example, 4.0, 0.3)
    assert torch.equal(example.student, student)
    assert torch.equal(example.teacher, teacher)


def test_the_teacher_does_not_pull_who_says_the_same(example: Example) -> None:
    twin = Example(example.teacher + 5, example.teacher, example.label)
    assert pulls(twin, 4.0, 0.0).total.abs().max() < 1e-6


def test_a_step_goes_along_the_sum_and_downhill(example: Example) -> None:
    after = descend(example, 4.0, 0.3, 0.5)
    expected = example.student + 0.5 * pulls(example, 4.0, 0.3).total
    assert torch.allclose(after.student, expected)
    assert loss_of(after, 4.0, 0.3).total < loss_of(example, 4.0, 0.3).total
    assert torch.equal(after.teacher, example.teacher)


@pytest.mark.parametrize("rate", [1.0, 4.0])
def test_many_steps_come_to_rest_at_the_teachers_logits_if_only_it_is_heard(
    example: Example, rate: float
) -> None:
    start = Example(torch.zeros(10).double(), example.teacher, example.label)
    now = start
    for _ in range(2000):
        now = descend(now, 8.0, 0.0, rate)
    assert torch.allclose(now.student, shifted_teacher(now), atol=0.05)
    assert now.student.mean().abs() < 1e-5


def test_the_soft_gradient_is_the_soft_part_of_the_gradient_that_trains() -> None:
    student, teacher = random_logits(7, "student"), random_logits(7, "teacher")
    one_hot = torch.eye(10).double()[:7]
    T, zero = torch.tensor(4.0), torch.tensor(0.0)
    whole = distillation_gradient(student, teacher, one_hot, T, zero)
    assert torch.allclose(soft_gradient(student, teacher, T), whole, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_with_the_factor_the_soft_gradient_is_t_squared_times_as_large(temperature: float) -> None:
    student, teacher = random_logits(7, "student"), random_logits(7, "teacher")
    T = torch.tensor(temperature)
    plain = soft_gradient(student, teacher, T, squared=False)
    assert torch.allclose(soft_gradient(student, teacher, T), T**2 * plain, atol=1e-9)
    logits = student.clone().requires_grad_()
    kl_divergence(teacher, logits, temperature).mul(len(student)).backward()
    assert logits.grad is not None
    assert torch.allclose(plain, logits.grad, atol=1e-6)


def test_at_high_t_distilling_is_matching_logits() -> None:
    student, teacher = random_logits(7, "student"), random_logits(7, "teacher")
    limit = matching_gradient(student, teacher)
    errors = [
        (soft_gradient(student, teacher, torch.tensor(T)) - limit).norm() / limit.norm()
        for T in (10.0, 100.0, 1000.0)
    ]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]
    assert errors[2] < 0.01


def test_the_limit_is_hintons_with_zero_mean_logits() -> None:
    student, teacher = random_logits(7, "student"), random_logits(7, "teacher")
    student -= student.mean(1, keepdim=True)
    teacher -= teacher.mean(1, keepdim=True)
    assert torch.allclose(matching_gradient(student, teacher), (student - teacher) / 10)


def test_sizes_are_mean_norms_with_t_squared_between_them() -> None:
    student, teacher = random_logits(50, "student"), random_logits(50, "teacher")
    labels = torch.arange(50) % 10
    sizes = gradient_sizes(student, teacher, labels, [1.0, 4.0, 100.0])
    assert [point.n for point in (*sizes.squared, *sizes.plain, sizes.hard)] == [50] * 7
    for T, squared, plain in zip(sizes.temperatures, sizes.squared, sizes.plain, strict=True):
        assert squared.mean == pytest.approx(T**2 * plain.mean, rel=1e-6)
    assert sizes.squared[-1].mean == pytest.approx(sizes.limit, rel=0.05)
    assert sizes.plain[-1].mean == pytest.approx(sizes.plain_limit[-1], rel=0.05)
    one_hot = torch.nn.functional.one_hot(labels, 10)
    expected = hard_gradient(student, one_hot).norm(dim=1).mean().item()
    assert sizes.hard.mean == pytest.approx(expected)


def test_the_axis_of_the_pulls_holds_each_at_every_temperature_and_alpha_and_no_more(
    example: Example,
) -> None:
    temperatures = [0.5, 1.0, 4.0, 20.0]
    low, high = pull_range(example, temperatures)
    every = torch.stack(
        [
            torch.stack(list(pulls(example, T, alpha, squared)))
            for T in temperatures
            for alpha in (0.0, 0.3, 1.0)
            for squared in (True, False)
        ]
    )
    assert (low, high) == pytest.approx((every.min().item(), every.max().item()), rel=1e-6)
    assert low < 0 < high


STEPS = 7

#: T, α, and whether the loss has its factor T².
STEPPED = [(*each, squared) for squared in (True, False) for each in SETTINGS]


@pytest.fixture(scope="module")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the component computes, for each of the settings: pulls, loss, rest, logits."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: the JavaScript is not tested")
    file = tmp_path_factory.mktemp("stepper") / "stepper.mjs"
    file.write_text(module("stepper"), "utf-8")
    student, teacher = (random_logits(1, who)[0].tolist() for who in ("student", "teacher"))
    example = {"student": student, "teacher": teacher, "label": 3}
    settings = [
        {"temperature": T, "alpha": alpha, "rate": 0.5, "squared": squared}
        for T, alpha, squared in STEPPED
    ]
    script = f"""
        import * as stepper from {json.dumps(file.as_uri())};
        const {{ atRest, descend, lossOf, pulls, shiftedTeacher }} = stepper;
        const said = {json.dumps(settings)}.map((settings) => {{
          let example = {json.dumps(example)};
          const before = {{ pulls: pulls(example, settings), loss: lossOf(example, settings) }};
          for (let step = 0; step < {STEPS}; step++) example = descend(example, settings);
          const rests = [0.5, 5e-6]
            .map((rate) => atRest(example, {{ ...settings, rate }}, {AT_REST}));
          return {{ ...before, student: example.student, shifted: shiftedTeacher(example), rests }};
        }});
        console.log(JSON.stringify(said));
    """
    command = [node, "--input-type=module", "--eval", script]
    return list(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


@pytest.mark.parametrize("place", range(len(STEPPED)))
def test_the_browser_steps_as_the_engine_does(
    example: Example, browsers: list[Any], place: int
) -> None:
    (T, alpha, squared), said = STEPPED[place], browsers[place]
    for kind, pull in pulls(example, T, alpha, squared)._asdict().items():
        assert said["pulls"][kind] == pytest.approx(pull.tolist(), abs=1e-6), kind
    for part, value in loss_of(example, T, alpha, squared)._asdict().items():
        assert said["loss"][part] == pytest.approx(value.item(), rel=1e-6), part
    now = example
    for _ in range(STEPS):
        now = descend(now, T, alpha, 0.5, squared)
    assert said["student"] == pytest.approx(now.student.tolist(), abs=1e-5)
    assert said["shifted"] == pytest.approx(shifted_teacher(now).tolist(), abs=1e-5)
    assert said["rests"] == [at_rest(now, T, alpha, rate, squared) for rate in (0.5, 5e-6)]
    assert said["rests"][1]


def test_the_figure_of_sizes_shows_both_curves_and_both_limits() -> None:
    student, teacher = random_logits(50, "student"), random_logits(50, "teacher")
    sizes = gradient_sizes(student, teacher, torch.arange(50) % 10, [1.0, 4.0, 100.0])
    squared, plain, limit, plain_limit, _hard = gradient_sizes_figure(
        sizes, 4.0, words("anatomy")["size"]
    ).data
    assert list(squared.y) == [point.mean for point in sizes.squared]
    assert list(plain.y) == [point.mean for point in sizes.plain]
    assert set(limit.y) == {sizes.limit}
    assert list(plain_limit.y) == sizes.plain_limit


def opened(**address: str) -> AppTest:
    """Open the page without a browser."""
    path = Path(__file__).resolve().parents[1] / "pages" / "anatomy.py"
    page = AppTest.from_file(str(path), default_timeout=300)
    page.session_state["frame.navigated"] = True
    for name, value in ({"v": "1", "source": "hand"} | address).items():
        page.query_params[name] = value
    return page.run()


@pytest.mark.parametrize("nonsense", ["", "1,2,3", "nan" + ",0" * 9, "1e9" + ",0" * 9, "🙃"])
def test_nonsense_logits_in_the_address_are_replaced_with_a_note(nonsense: str) -> None:
    with small_runs():
        page = opened(teacher_logits=nonsense or ",")
    assert not page.exception
    assert "must be 10 numbers" in page.info[0].value
