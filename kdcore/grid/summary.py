"""What a grid says: its figures seed by seed as Parquet, and means with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdcore.grid.plan import Plan
from kdcore.statistics import mean_interval, paired_difference, verdicts

Floats = NDArray[np.float64]
Row = dict[str, Any]


def setting_column(name: str) -> str:
    """Return the column of a setting that a grid goes over; a run's CSV calls it the same."""
    return f"setting_{name}"


def figures_by_seed(plan: Plan, done: Mapping[int, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the accuracy of every network that is compared, column by column.

    One line for each cell, row of its run and seed: what was set, what names the row, the seed,
    its test accuracy, and its gain over the row's baseline on the same seed where it has one.
    """
    settings = plan.kind.settings.parameters()
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            *map(setting_column, plan.over),
            *plan.kind.named_by,
            *("seed", "student_accuracy", "gain"),
        )
    }
    for cell in plan.cells():
        found = done.get(cell.number)
        if found is None or "failed" in found:
            continue
        chosen = {
            setting_column(name): _typed(settings[name].parse(text), text)
            for name, text in cell.chosen.items()
        }
        first = int(cell.texts["first_seed"])
        for row, named in enumerate(found["rows"]):
            accuracies, baseline = found["accuracy"][row], found["baselines"][row]
            for i, accuracy in enumerate(accuracies):
                line = {**chosen, **named, "seed": first + i, "student_accuracy": accuracy}
                from_baseline = None if baseline is None else found["accuracy"][baseline][i]
                line["gain"] = None if from_baseline is None else accuracy - from_baseline
                for name, column in columns.items():
                    column.append(line[name])
    return columns


def write_parquet(columns: Mapping[str, list[Any]], file: Path) -> None:
    """Write columns as Parquet, whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    unfinished = file.with_suffix(".unfinished")
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), unfinished)
    unfinished.replace(file)


def summarise(plan: Plan, columns: Mapping[str, list[Any]]) -> list[Row]:
    """Return one line for each combination of settings and row of its run, over all seeds.

    The verdicts are made together for the whole grid (:func:`~kdcore.statistics.verdicts`): a map
    of a hundred cells in which nothing differs has at most a 5 % chance of even one.
    """
    keys = (*map(setting_column, plan.over), *plan.kind.named_by)
    lines: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(zip(*(columns[name] for name in keys), strict=True)):
        lines.setdefault(key, []).append(i)
    rows, gains = [], []
    for key, places in lines.items():
        accuracy = np.array([columns["student_accuracy"][i] for i in places])
        mean = mean_interval(accuracy)
        row: Row = dict(zip(keys, key, strict=True)) | {
            "seeds": mean.n,
            "student_accuracy": mean.mean,
            "student_accuracy_ci": mean.half_width,
            "gain": None,
            "gain_ci": None,
            "verdict": None,
        }
        if all(columns["gain"][i] is not None for i in places):
            gain = paired_difference([columns["gain"][i] for i in places], np.zeros(len(places)))
            row |= {"gain": gain.mean, "gain_ci": gain.half_width}
            gains.append((row, gain))
        rows.append(row)
    for (row, _), said in zip(gains, verdicts([gain for _, gain in gains]), strict=True):
        row["verdict"] = said
    return rows


def _typed(value: Any, text: str) -> Any:
    """Return a number as such, anything else as it is written."""
    return value if isinstance(value, int | float) else text
