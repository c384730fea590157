"""A student against its teacher: what both cost and how good both are, measured here and now."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabResult, LabSettings
from kdcore.experiments.result import Experiment, Measured, Row
from kdcore.models import MLPStack, parameter_count
from kdcore.monitor import SILENT, LearningCurve, Monitor, Part
from kdcore.practice.latency import (
    BYTES_PER_PARAMETER,
    ROUNDS,
    Latency,
    Speedup,
    measure_latency,
    multiply_adds,
    speedup,
)
from kdcore.settings import Number, setting
from kdcore.training import Cancelled

#: One example, as in an app that answers a finger; and many, as on a server.
BATCHES = (1, 256)

REPEAT = Number("repeat", 0, 1_000_000, 0, whole=True)

#: Where measuring begins in the progress of the whole; the training before takes most of it.
_MEASURING = 0.8


@dataclass(frozen=True, kw_only=True)
class CostSettings(LabSettings):
    """Which teacher and student are weighed; another ``repeat`` is another measurement."""

    repeat: int = setting(REPEAT)

    def lab(self) -> LabSettings:
        """Return the settings of the run of the Lab whose networks are weighed."""
        return LabSettings(**{name: getattr(self, name) for name in LabSettings.parameters()})


@dataclass(frozen=True, eq=False)
class Cost:
    """What one network costs."""

    parameters: int
    bytes: int
    #: For one example.
    multiply_adds: int
    #: By batch size.
    latency: dict[int, Latency]


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredCost(Measured):
    """The first seed's teacher and distilled student, weighed; accuracies are over all seeds."""

    lab: LabResult
    teacher: Cost
    student: Cost
    #: Threads that a product may use.
    threads: int
    #: How often each network had its turn.
    rounds: int
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
        return self.lab.measured.distilled.mean / self.lab.measured.teacher.mean

    def faster(self, batch: int) -> Speedup:
        """Return how many times faster the student answers."""
        return speedup(self.teacher.latency[batch], self.student.latency[batch])


def weigh(settings: CostSettings, monitor: Monitor = SILENT) -> MeasuredCost:
    """Train teacher and students as in the Lab, and time the first seed's two networks.

    Raises
    ------
    Cancelled
        If the monitor says so.
    """
    result = LAB.run(settings.lab(), Part(monitor, 0.0, _MEASURING))
    networks = {who: result.measured.networks[who] for who in ("teacher", "distilled")}
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
    return MeasuredCost(
        rows=[
            {"network": who, **_columns(cost), **_accuracy(result, who)}
            for who, cost in (("teacher", teacher), ("distilled", student))
        ],
        accuracy=result.accuracy[:, [0, 2]],
        lab=result,
        teacher=teacher,
        student=student,
        threads=torch.get_num_threads(),
        rounds=ROUNDS,
        finished=time.time(),
    )


def _columns(cost: Cost) -> Row:
    """Return what a network costs as columns of its row; times in seconds a call."""
    times = {f"seconds_batch_{batch}": own.median for batch, own in cost.latency.items()}
    return {
        "parameters": cost.parameters,
        "bytes": cost.bytes,
        "multiply_adds": cost.multiply_adds,
        **times,
    }


def _accuracy(result: LabResult, who: str) -> Row:
    (row,) = (row for row in result.rows if row["network"] == who)
    return {name: value for name, value in row.items() if name != "network"}


def _cost(network: MLPStack, latency: dict[int, Latency]) -> Cost:
    parameters = parameter_count(network.layer_sizes)
    return Cost(
        parameters,
        BYTES_PER_PARAMETER * parameters,
        multiply_adds(network.layer_sizes),
        latency,
    )


EXPERIMENT = Experiment(
    "cost",
    CostSettings,
    weigh,
    page="in_practice",
    named_by=("network",),
    # What is weighed is a run of the Lab; its times belong to the machine, not to the run.
    stands_for=lambda result: result.measured.lab,
)
