"""A student against its teacher: what both cost and how good both are, measured here and now."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from kdcore.distillation import LearningCurve
from kdcore.experiments.lab import LabResult, LabSettings, lab
from kdcore.models import MLPStack, parameter_count
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.practice.latency import (
    BYTES_PER_PARAMETER,
    ROUNDS,
    Latency,
    Speedup,
    measure_latency,
    multiply_adds,
    speedup,
)
from kdcore.training import Cancelled

#: One example, as in an app that answers a finger; and many, as on a server.
BATCHES = (1, 256)

#: Where measuring begins in the progress of the whole; the training before takes most of it.
_MEASURING = 0.8


@dataclass(frozen=True)
class CostSettings:
    """Which teacher and student are weighed; another ``repeat`` is another measurement."""

    lab: LabSettings = field(default_factory=LabSettings)
    repeat: int = 0


@dataclass(frozen=True, eq=False)
class Cost:
    """What one network costs."""

    parameters: int
    bytes: int
    #: For one example.
    multiply_adds: int
    #: By batch size.
    latency: dict[int, Latency]


@dataclass(frozen=True, eq=False)
class CostResult:
    """The first seed's teacher and distilled student, weighed; accuracies are over all seeds."""

    settings: CostSettings
    lab: LabResult
    teacher: Cost
    student: Cost
    #: Threads that a product may use.
    threads: int
    #: How often each network had its turn.
    rounds: int
    seconds: float
    #: When it was measured, in seconds since 1970.
    finished: float

    @property
    def smaller(self) -> float:
        """How many times fewer parameters the student has."""
        return self.teacher.parameters / self.student.parameters

    @property
    def less_work(self) -> float:
        """How many times fewer multiply-adds the student needs."""
        return self.teacher.multiply_adds / self.student.multiply_adds

    @property
    def share_of_work(self) -> float:
        """The student's multiply-adds as a share of the teacher's."""
        return 1 / self.less_work

    @property
    def quality_kept(self) -> float:
        """Accuracy of the students in relation to that of their teachers, means over seeds."""
        return self.lab.distilled.mean / self.lab.teacher.mean

    def faster(self, batch: int) -> Speedup:
        """Return how many times faster the student answers."""
        return speedup(self.teacher.latency[batch], self.student.latency[batch])


def weigh(settings: CostSettings, monitor: Monitor = SILENT) -> CostResult:
    """Train teacher and students as in the Lab, and time the first seed's two networks.

    Raises
    ------
    Cancelled
        If the monitor says so.
    """
    started = time.perf_counter()
    result = lab(settings.lab, Part(monitor, 0.0, _MEASURING))
    networks = {who: result.networks[who] for who in ("teacher", "distilled")}
    latency: dict[int, dict[str, Latency]] = {}
    for i, batch in enumerate(BATCHES):
        if monitor.is_cancelled():
            raise Cancelled
        done = _MEASURING + i / len(BATCHES) * (1 - _MEASURING)
        monitor.report("measuring", done, LearningCurve())
        latency[batch] = measure_latency(networks, batch)
    teacher, student = (
        _cost(network, {batch: latency[batch][who] for batch in BATCHES})
        for who, network in networks.items()
    )
    seconds = time.perf_counter() - started
    return CostResult(
        settings, result, teacher, student, torch.get_num_threads(), ROUNDS, seconds, time.time()
    )


def _cost(network: MLPStack, latency: dict[int, Latency]) -> Cost:
    parameters = parameter_count(network.layer_sizes)
    return Cost(
        parameters,
        BYTES_PER_PARAMETER * parameters,
        multiply_adds(network.layer_sizes),
        latency,
    )
