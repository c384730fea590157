"""The reference run taken apart: what other seeds, held-out data and full training show of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kdcore.distillation import LearningCurve
from kdcore.monitor import SILENT, Monitor
from kdcore.reference.faults import (
    MAX_SEEDS,
    Memorising,
    Reruns,
    memorise,
    rerun,
    times_best,
)
from kdcore.reference.run import LayerChange, compare_cells, run_table
from kdcore.reference.tables import TABLES, Cell, Table
from kdcore.statistics import Interval, mean_interval
from kdcore.training import Cancelled


@dataclass(frozen=True)
class FaultsSettings:
    """Which published table is run again, with how many other seeds."""

    table: Table = "temperature"
    seeds: int = 20

    def __post_init__(self) -> None:
        if self.table not in TABLES:
            raise ValueError(f"table must be one of {', '.join(TABLES)}, not {self.table!r}")
        if not 2 <= self.seeds <= MAX_SEEDS:
            raise ValueError(f"seeds must be from 2 to {MAX_SEEDS}, not {self.seeds}")


@dataclass(frozen=True, eq=False)
class Faults:
    """What the reference run looks like when it is looked at closely."""

    settings: FaultsSettings
    #: Published beside reproduced, all three tables.
    cells: list[Cell]
    reruns: Reruns
    #: How many of the seeds found each row best.
    times_best: list[float]
    #: Accuracy of the students on the data they were trained on, as published: over seeds.
    training: Interval
    #: The same students on data they have not seen.
    held_out: Interval
    #: What training moved in the reference's first teacher, layer by layer.
    layers: tuple[LayerChange, ...]
    memorising: Memorising
    seconds: float


def take_apart(settings: FaultsSettings, monitor: Monitor = SILENT) -> Faults:
    """Reproduce the published tables, run one of them again with other seeds, and look closer.

    Raises
    ------
    Cancelled
        If the monitor says so, between two parts.
    """
    started = time.perf_counter()
    nothing = LearningCurve()

    def begin(stage: str, fraction: float) -> None:
        if monitor.is_cancelled():
            raise Cancelled
        monitor.report(stage, fraction, nothing)

    begin("reproduction", 0.0)
    cells = compare_cells()
    layers = run_table(settings.table)[0].teacher_layers
    begin("other seeds", 0.2)
    reruns = rerun(settings.table, range(settings.seeds))
    begin("all layers", 0.7)
    memorising = memorise()
    return Faults(
        settings,
        cells,
        reruns,
        [float(count) for count in times_best(reruns.student_accuracy)],
        mean_interval(reruns.student_accuracy.mean(axis=1)),
        mean_interval(reruns.student_held_out_accuracy.mean(axis=1)),
        layers,
        memorising,
        time.perf_counter() - started,
    )
