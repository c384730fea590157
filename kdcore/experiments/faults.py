"""The reference run taken apart: what other seeds, held-out data and full training show of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from kdcore.experiments.result import Experiment, Measured
from kdcore.monitor import SILENT, LearningCurve, Monitor
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
from kdcore.settings import SEEDS, CheckedSettings, Name, setting
from kdcore.statistics import Interval, mean_interval
from kdcore.training import Cancelled

TABLE = Name("table", tuple(TABLES), "temperature")


@dataclass(frozen=True, kw_only=True)
class FaultsSettings(CheckedSettings):
    """Which published table is run again, with how many other seeds."""

    table: Table = setting(TABLE)
    seeds: int = setting(SEEDS, 20, maximum=MAX_SEEDS)

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds of the run."""
        return tuple(range(self.seeds))

    def work(self) -> float:
        return 1e10 * self.seeds


@dataclass(frozen=True, eq=False, kw_only=True)
class Faults(Measured):
    """What the reference run looks like when it is looked at closely."""

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


def take_apart(settings: FaultsSettings, monitor: Monitor = SILENT) -> Faults:
    """Reproduce the published tables, run one of them again with other seeds, and look closer.

    Raises
    ------
    Cancelled
        If the monitor says so, between two parts.
    """
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
    measured_on = {
        "training": reruns.student_accuracy.mean(axis=1),
        "held_out": reruns.student_held_out_accuracy.mean(axis=1),
    }
    training, held_out = (mean_interval(own) for own in measured_on.values())
    return Faults(
        rows=[
            {
                "measured_on": name,
                "student_accuracy": own.mean,
                "student_accuracy_ci": own.half_width,
            }
            for name, own in zip(measured_on, (training, held_out), strict=True)
        ],
        accuracy=torch.from_numpy(np.stack(list(measured_on.values()), axis=1)),
        cells=cells,
        reruns=reruns,
        times_best=[float(count) for count in times_best(reruns.student_accuracy)],
        training=training,
        held_out=held_out,
        layers=layers,
        memorising=memorising,
    )


# --------------------------------------------------------------------------- what a run says


def how_often_best(
    times_best: float, seeds: int
) -> Literal["always", "mostly", "sometimes", "never"]:
    """Put into words how often one row of a table came out best over seeds."""
    share = times_best / seeds
    if share >= 0.9:
        return "always"
    if share > 0.5:
        return "mostly"
    return "sometimes" if share > 0 else "never"


def against_chance(accuracy: Interval, chance: float) -> Literal["above", "chance", "below"]:
    """Say on which side of chance an accuracy's interval lies, or that it includes it."""
    if accuracy.low > chance:
        return "above"
    return "below" if accuracy.high < chance else "chance"


EXPERIMENT = Experiment(
    "reference-faults",
    FaultsSettings,
    take_apart,
    page="reference_run",
    named_by=("measured_on",),
    data="random labels",
)
