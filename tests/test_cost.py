"""What a network costs is counted, and its time is that of the model, not of the calling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from kdcore.experiments import cost as experiments_cost
from kdcore.experiments.cost import BATCHES, EXPERIMENT, CostSettings, MeasuredCost, weigh
from kdcore.experiments.lab import LabSettings, lab
from kdcore.models import MLPStack, parameter_count
from kdcore.monitor import LearningCurve, Monitor
from kdcore.practice import latency as cost
from kdcore.practice.latency import (
    Fit,
    Latency,
    Speedup,
    measure_latency,
    multiply_adds,
    speedup,
    time_calls,
)
from kdcore.training import Cancelled
from kdcore.visit.runs import summarise


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# -------------------------------------------------------------------------------- arithmetic


def test_each_weight_is_multiplied_once_and_biases_are_not() -> None:
    assert multiply_adds((64, 256, 10)) == 64 * 256 + 256 * 10
    assert multiply_adds((64, 10)) == 640
    assert parameter_count((64, 256, 10)) - multiply_adds((64, 256, 10)) == 256 + 10


@pytest.mark.parametrize(
    ("parameters", "size", "memory", "fits", "times"),
    [
        (124_000_000, 4, 1e9, True, 1e9 / 496e6),
        (10_000_000_000, 4, 8e9, False, 5.0),
        (10_000_000_000, 1, 8e9, False, 1.25),
        (2_000_000_000, 4, 8e9, True, 1.0),
    ],
)
def test_a_model_fits_if_its_weights_do(
    parameters: int, size: int, memory: float, fits: bool, times: float
) -> None:
    fit = Fit(parameters, size, memory)
    assert fit.bytes == parameters * size
    assert fit.fits is fits
    assert fit.times == pytest.approx(times)
    assert fit.multiply_adds == parameters


# --------------------------------------------------------------------- the clock, in slow motion


class Watch:
    """A clock that moves only when a call takes its time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, *seconds: float) -> Callable[[], None]:
        """Return a call that takes so long; with several durations, one after the other."""
        durations = iter(seconds[:-1])

        def run() -> None:
            self.called.append(name)
            self.now += next(durations, seconds[-1])

        return run


def test_the_time_of_a_call_is_that_of_its_block_divided_by_its_calls() -> None:
    watch = Watch()
    calls = {"slow": watch.call("slow", 0.5), "fast": watch.call("fast", 0.125)}
    seconds = time_calls(calls, rounds=3, block_seconds=1.0, clock=watch)
    assert seconds == {"slow": [0.5] * 3, "fast": [0.125] * 3}
    # Two slow calls fill a block of a second, eight fast ones do.
    assert watch.called[-10:] == ["slow"] * 2 + ["fast"] * 8
    assert watch.called[-20:-10] == ["fast"] * 8 + ["slow"] * 2


def test_calls_are_warmed_up_before_they_are_timed() -> None:
    watch = Watch()
    cold = [100.0] * cost.WARM_UP_CALLS
    seconds = time_calls({"only": watch.call("only", *cold, 1.0)}, 5, 1.0, watch)
    assert seconds["only"] == [1.0] * 5


def test_a_block_is_long_enough_for_the_clock() -> None:
    watch = Watch()
    coarse = 0.25

    def clock() -> float:
        return watch.now // coarse * coarse

    seconds = time_calls({"only": watch.call("only", 2.0**-10)}, 4, 8.0, clock)
    assert seconds["only"] == pytest.approx([2.0**-10] * 4, rel=0.04)


def test_networks_take_turns_in_every_round() -> None:
    watch = Watch()
    calls = {name: watch.call(name, 1.0) for name in "abc"}
    time_calls(calls, rounds=4, block_seconds=1.0, clock=watch)
    assert "".join(watch.called[-12:]) == "abccbaabccba"


def test_median_and_spread_are_those_of_the_rounds() -> None:
    rounds = tuple(float(i) for i in range(11))
    latency = Latency(256, (*rounds[::-1],), calling_rounds=(0.5, *[1.0] * 9, 9.0))
    assert (latency.low, latency.median, latency.high) == (1.0, 5.0, 9.0)
    assert latency.calling == 1.0
    assert latency.examples_per_second == 256 / 5


def test_the_share_of_calling_divides_the_figures_that_stand_beside_it() -> None:
    latency = Latency(1, (4.0, 4.0, 40.0), (1.0, 2.0, 10.0))
    assert latency.calling_share == latency.calling / latency.median == 0.5


def test_half_of_the_time_is_mostly_calling() -> None:
    assert Latency(1, (2.0,), (1.0,)).is_mostly_calling
    assert not Latency(1, (2.0,), (0.99,)).is_mostly_calling


def test_no_more_than_all_of_the_time_is_calling() -> None:
    assert Latency(1, (2.0,), (3.0,)).calling_share == 1.0


def test_a_speedup_is_a_ratio_within_rounds() -> None:
    # The machine was three times slower in the last round, for both.
    slow, fast = Latency(1, (4.0, 4.0, 12.0), (1.0,) * 3), Latency(1, (2.0, 2.0, 6.0), (1.0,) * 3)
    assert speedup(slow, fast) == Speedup(2.0, 2.0, 2.0)
    assert speedup(slow, fast).verdict == "faster"
    assert speedup(fast, slow).verdict == "slower"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.01, 2.0, "faster"), (0.9, 1.5, "alike"), (0.5, 0.99, "slower"), (1.0, 2.0, "alike")],
)
def test_a_speedup_is_one_only_if_the_rounds_agree(low: float, high: float, verdict: str) -> None:
    assert Speedup(1.2, low, high).verdict == verdict


# ----------------------------------------------------------------------------- real networks


def network(*layer_sizes: int) -> MLPStack:
    return MLPStack.initialise(layer_sizes, (0,))


def test_latency_is_that_of_the_model_and_not_of_the_calling() -> None:
    wide, narrow = network(64, 512, 512, 512, 512, 10), network(64, 8, 10)
    latency = measure_latency({"wide": wide, "narrow": narrow}, batch=256, rounds=5)
    assert multiply_adds(wide.layer_sizes) > 200 * multiply_adds(narrow.layer_sizes)
    assert latency["wide"].median > 10 * latency["narrow"].median
    assert latency["wide"].calling_share < 0.5
    assert latency["wide"].calling < latency["wide"].median
    assert speedup(latency["wide"], latency["narrow"]).verdict == "faster"


def test_the_smaller_the_network_the_larger_the_share_of_calling() -> None:
    both = {"large": network(64, 1024, 10), "small": network(64, 4, 10)}
    latency = measure_latency(both, batch=256, rounds=7)
    assert latency["small"].calling_share > latency["large"].calling_share


def test_calling_is_measured_on_a_network_as_deep_with_one_unit_a_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    gradients: set[bool] = set()
    forward = MLPStack.forward

    def watched(self: MLPStack, inputs: torch.Tensor, *rest: Any) -> list[torch.Tensor]:
        seen.setdefault(self.layer_sizes, set()).add(tuple(inputs.shape))
        activations = forward(self, inputs, *rest)
        gradients.add(torch.is_grad_enabled())
        return activations

    monkeypatch.setattr(MLPStack, "forward", watched)
    latency = measure_latency({"deep": network(64, 9, 7, 10)}, batch=5, rounds=2)
    assert seen == {(64, 9, 7, 10): {(1, 5, 64)}, (1, 1, 1, 1): {(1, 5, 1)}}
    assert gradients == {False}
    assert len(latency["deep"].rounds) == len(latency["deep"].calling_rounds) == 2


# ----------------------------------------------------------------------- student against teacher

TINY = LabSettings(labels=20, teacher_hidden=(64,), student_hidden=(8,), seeds=2)


class Listener(Monitor):
    def __init__(self, stop_at: str = "") -> None:
        self.heard: list[tuple[str, float]] = []
        self._stop_at = stop_at

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.heard.append((stage, fraction))

    def is_cancelled(self) -> bool:
        return bool(self.heard) and self.heard[-1][0] == self._stop_at


@pytest.fixture(scope="module")
def weighed() -> MeasuredCost:
    return weigh(WEIGHED)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, MLPStack]]:
    """Return whose time was measured, which is one round each: most tests ask for no more."""
    timed: list[Mapping[str, MLPStack]] = []

    def watched(networks: Mapping[str, MLPStack], batch: int) -> dict[str, Latency]:
        timed.append(networks)
        return measure_latency(networks, batch, rounds=1)

    monkeypatch.setattr(experiments_cost, "measure_latency", watched)
    return timed


def test_the_lab_trains_what_is_weighed(weighed: MeasuredCost) -> None:
    again = lab(TINY)
    assert weighed.lab.measured.distilled == again.distilled
    assert weighed.quality_kept == pytest.approx(again.distilled.mean / again.teacher.mean)


def test_it_is_the_distilled_student_that_is_timed_against_the_teacher(
    timed: list[Mapping[str, MLPStack]],
) -> None:
    trained = weigh(WEIGHED).lab.measured.networks
    assert len(timed) == len(BATCHES)
    for networks in timed:
        assert list(networks.values()) == [trained["teacher"], trained["distilled"]]


def test_size_and_work_of_both_are_counted(weighed: MeasuredCost) -> None:
    teacher, student = weighed.teacher, weighed.student
    assert teacher.parameters == 64 * 64 + 64 + 64 * 10 + 10
    assert student.parameters == 64 * 8 + 8 + 8 * 10 + 10
    weights = [*weighed.lab.measured.networks["distilled"].parameters]
    assert student.bytes == sum(w.numel() * w.element_size() for w in weights)
    assert student.multiply_adds == 64 * 8 + 8 * 10
    assert weighed.smaller == pytest.approx(teacher.parameters / student.parameters)
    assert weighed.less_work == pytest.approx(8.0)
    assert weighed.share_of_work == pytest.approx(1 / 8)


def test_both_are_timed_on_one_image_and_on_many(weighed: MeasuredCost) -> None:
    for each in (weighed.teacher, weighed.student):
        assert tuple(each.latency) == BATCHES == (1, 256)
        for batch, latency in each.latency.items():
            assert latency.batch == batch
            assert len(latency.rounds) == weighed.rounds
            assert 0 < latency.low <= latency.median <= latency.high
    assert weighed.threads >= 1
    assert weighed.faster(1).median > 0


def test_what_is_kept_of_it_is_the_labs_run(
    weighed: MeasuredCost, timed: list[Mapping[str, MLPStack]]
) -> None:
    again = summarise(EXPERIMENT.run(replace(WEIGHED, repeat=1)))
    assert again.identity == summarise(weighed.lab).identity


def test_the_same_networks_can_be_measured_again() -> None:
    assert replace(WEIGHED, repeat=1) != WEIGHED
    assert hash(WEIGHED) == hash(replace(WEIGHED, repeat=0))


def test_measuring_is_part_of_the_progress_and_can_be_stopped(
    timed: list[Mapping[str, MLPStack]],
) -> None:
    listener = Listener()
    weigh(WEIGHED, listener)
    stages = [stage for stage, _ in listener.heard]
    assert stages[-len(BATCHES) :] == ["measuring"] * len(BATCHES)
    assert all(0 <= fraction <= 1 for _, fraction in listener.heard)
    timed.clear()
    with pytest.raises(Cancelled):
        weigh(WEIGHED, Listener(stop_at="measuring"))
    assert len(timed) == 1


#: The same, weighed.
WEIGHED = CostSettings(labels=20, teacher_hidden=(64,), student_hidden=(8,), seeds=2)
