"""A value's bytes are those that it keeps alive, and a run's are estimated rather high than low."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from kdcore.data import digits
from kdcore.distillation import train_teachers
from kdcore.experiments import EXPERIMENTS, Experiment
from kdcore.experiments.teacher_size import TeacherSizeSettings
from kdcore.experiments.without_data import INPUTS, WithoutDataSettings
from kdcore.memory import LEAST_RUN_BYTES, bytes_held, run_bytes, run_work, training_bytes

MB = 2**20


@dataclass(eq=False)
class Holds:
    """Something with a field of any kind."""

    value: Any


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(MB // 4),
        np.zeros(MB // 8),
        np.zeros(MB // 8).reshape(8, -1)[0],
        torch.zeros(MB // 4)[:1],
        {"logits": [torch.zeros(MB // 8), (torch.zeros(MB // 8),)]},
        Holds(Holds({1: torch.zeros(MB // 4)})),
        b"x" * MB,
    ],
)
def test_a_megabyte_is_found_wherever_it_is(value: object) -> None:
    assert MB <= bytes_held(value) < MB + 4096


def test_memory_that_is_shared_counts_once() -> None:
    tensor = torch.zeros(MB // 4)
    whole = Holds([tensor, tensor[:10], tensor.view(2, -1), tensor.numpy(), {"again": tensor}])
    assert MB <= bytes_held(whole) < MB + 8192


def test_what_holds_itself_is_measured_all_the_same() -> None:
    ring = Holds(None)
    ring.value = [ring]
    assert bytes_held(ring) < 4096


def test_code_is_nobodys_own() -> None:
    assert bytes_held([torch, Holds, bytes_held, None]) < 256


def test_teachers_hold_their_weights_and_logits() -> None:
    teachers = train_teachers(digits(), (64,), (0, 1, 2), samples_seen=64)
    parameters = 64 * 64 + 64 + 64 * 10 + 10
    images = len(digits().test) + len(digits().training)
    least = 4 * 3 * (parameters + 10 * images)
    assert least <= bytes_held(teachers) < 1.2 * least


@dataclass(frozen=True)
class Says:
    """Settings that say what their run takes."""

    bytes: float

    def work(self) -> float:
        return 1e6

    def memory(self) -> float:
        return self.bytes


def test_settings_that_say_their_memory_are_believed() -> None:
    assert run_bytes(Says(50.5 * MB)) == int(50.5 * MB)
    assert run_bytes(Says(1)) == LEAST_RUN_BYTES
    assert run_work(Says(1)) == 1e6


def test_settings_that_say_nothing_are_small() -> None:
    assert run_bytes("settings") == LEAST_RUN_BYTES
    assert run_work("settings") == 0


def test_more_seeds_take_more_memory() -> None:
    few, many = (run_bytes(TeacherSizeSettings(seeds=seeds)) for seeds in (5, 40))
    assert 4 * few < many


def test_training_takes_what_adam_holds_for_each_parameter() -> None:
    # 64 → 32 → 10: 2,410 parameters; weights, gradients, two moments, and the draws.
    assert training_bytes((64, 32, 10), networks=10, examples=0) == 10 * 2410 * 5 * 4


def test_a_run_takes_its_largest_stack_beside_what_those_before_it_left() -> None:
    settings = TeacherSizeSettings(seeds=40, teachers=((8,), (512, 256, 128)))
    sizes = (64, 512, 256, 128, 10)
    small, large = training_bytes((64, 8, 10), 40, 1797), training_bytes(sizes, 40, 1797)
    assert large < settings.memory() < LEAST_RUN_BYTES + large + small
    assert run_bytes(settings) == settings.memory()


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=lambda e: str(e.name))
def test_forty_seeds_of_what_a_page_starts_with_fit_on_a_small_machine(
    experiment: Experiment[Any, Any],
) -> None:
    seeds = {"seeds": 40} if "seeds" in experiment.settings.parameters() else {}
    # 690 MB, of which the app holds 300 and leaves 15 % to others. Two give every seed inputs of
    # its own of many kinds, one compares all methods; they need a machine of 1 GB.
    large = experiment.name in ("messengers", "without-data", "variants")
    most = 570 if large else 285
    assert LEAST_RUN_BYTES <= run_bytes(experiment.settings(**seeds)) < most * MB


def test_inputs_of_each_seeds_own_are_counted() -> None:
    few, many = (WithoutDataSettings(seeds=10, inputs_seen=n) for n in (100, 5000))
    assert many.memory() - few.memory() > 10 * 4900 * 64 * 4 * len(INPUTS)


def test_what_runs_take_beside_their_networks_was_measured_and_is_counted() -> None:
    # Peaks of a process that ran 40 seeds of these, less what it held before: MB.
    for name, seen in (
        ("feature", 250),
        ("directions", 250),
        ("on-policy", 200),
        ("variants", 360),
    ):
        assert EXPERIMENTS[name].settings(seeds=40).memory() > seen * MB, name
