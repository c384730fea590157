"""How often the rules speak when there is nothing to say.

    python benchmarks/nulls.py            simulated tables, then trained ones
    python benchmarks/nulls.py --trained 0

Draws tables in which no condition differs from another but by chance, holds every rule of
``kdcore/statistics.py`` against them, and prints how often it finds something nonetheless. A rule
that never speaks would pass, so how often it finds what is there stands beside it.

Then it trains networks whose conditions differ by nothing but their initial weights, lays their
accuracies under the tables of the experiments, and holds every claim's rule and every table's marks
against them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import HardLabels, layer_sizes, train_and_test
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.patience import MeasuredPatience
from kdcore.experiments.result import (
    AnyResult,
    Measured,
    Result,
    Row,
    accuracy_columns,
    draw_labels,
    mark_together,
)
from kdcore.experiments.student_size import MOST
from kdcore.experiments.t_squared import TSquaredMeasured
from kdcore.experiments.unseen_class import CHANCE_RECALL, MeasuredUnseen
from kdcore.models import MLPStack
from kdcore.randomness import generator
from kdcore.statistics import (
    Floats,
    Interval,
    bootstrap_interval,
    equivalent,
    mean_interval,
    not_told_apart,
    paired_difference,
    verdict,
    verdicts,
)
from kdcore.training import TrainingSettings

#: Seeds and conditions of the tables drawn.
SHAPES = ((5, 3), (5, 6), (10, 3), (10, 6), (10, 12), (20, 8), (20, 20), (40, 6))
#: Standard deviation of what a seed does to all its conditions, and of what is left.
SEED_SPREAD, SPREAD = 0.02, 0.01
#: Test images: an accuracy is a count of them.
IMAGES = 897


def even_tables(tables: int, seeds: int, conditions: int) -> Floats:
    """Draw normal tables ``[tables, S, C]``, every condition with the same spread."""
    draw = np.random.default_rng([1, seeds, conditions])
    luck = draw.normal(0, SEED_SPREAD, (tables, seeds, 1))
    return 0.85 + luck + draw.normal(0, SPREAD, (tables, seeds, conditions))


def uneven_tables(tables: int, seeds: int, conditions: int) -> Floats:
    """Draw tables ``[tables, S, C]`` that are not normal: whole images, and spreads 1 to 4."""
    draw = np.random.default_rng([2, seeds, conditions])
    spread = SPREAD * np.linspace(0.5, 2, conditions)
    # Exponential, so that a few seeds do much worse than the others.
    bad_luck = draw.exponential(SEED_SPREAD, (tables, seeds, 1))
    own = spread * (draw.exponential(1.0, (tables, seeds, conditions)) - 1)
    return np.round(IMAGES * (0.9 - bad_luck - own)) / IMAGES


def gains(table: Floats) -> list[Interval]:
    """Return what each condition of ``[S, C]`` gains over the first."""
    return [paired_difference(own, table[:, 0]) for own in table[:, 1:].T]


def marked_one_by_one(table: Floats) -> bool:
    """Say whether some condition gets a verdict if each is looked at alone."""
    return any(verdict(gain) != "no clear difference" for gain in gains(table))


def marked_together(table: Floats) -> bool:
    """Say whether some condition gets a verdict by the rule of the tables."""
    return any(said != "no clear difference" for said in verdicts(gains(table)))


def worse_one_by_one(table: Floats) -> bool:
    """Say whether some condition is told apart from the best if each is looked at alone."""
    best = table[:, table.mean(axis=0).argmax()]
    return any(verdict(paired_difference(own, best)) != "no clear difference" for own in table.T)


def worse_together(table: Floats) -> bool:
    """Say whether some condition is told apart from the best by the rule of the tables."""
    return len(not_told_apart(table)[1]) < table.shape[1]


RULES: dict[str, Callable[[Floats], bool]] = {
    "mark, one by one": marked_one_by_one,
    "mark, together": marked_together,
    "worse, one by one": worse_one_by_one,
    "worse, together": worse_together,
}


def rate(rule: Callable[[Floats], bool], tables: Floats) -> float:
    """Return the share of tables in which a rule finds something."""
    return sum(map(rule, tables)) / len(tables)


def print_rates(tables: int) -> None:
    """Print how often each rule finds something in tables with nothing in them."""
    for what, drawn in (("normal", even_tables), ("skewed, uneven, whole images", uneven_tables)):
        print(f"\nNothing differs ({what}): share of {tables} tables with a false mark, in %")
        print(f"{'seeds':>6}{'conditions':>12}" + "".join(f"{name:>20}" for name in RULES))
        for seeds, conditions in SHAPES:
            null = drawn(tables, seeds, conditions)
            rates = "".join(f"{100 * rate(rule, null):20.1f}" for rule in RULES.values())
            print(f"{seeds:6}{conditions:12}{rates}")


def print_power(tables: int) -> None:
    """Print how often a condition that is better is marked, and which gain is found half the time.

    Gains are in units of the spread of a paired difference over seeds.
    """
    print("\nOne condition is better: how often it is marked, in %")
    spreads = (0.5, 1.0, 1.5, 2.0, 3.0)
    head = "".join(f"{f'{gain:g} spreads':>16}" for gain in spreads)
    print(f"{'seeds':>6}{'conditions':>12}{head}   (one by one / together)")
    for seeds, conditions in SHAPES:
        null = even_tables(tables, seeds, conditions)
        cells = []
        for gain in spreads:
            better = null.copy()
            better[:, :, 1] += gain * math.sqrt(2) * SPREAD
            alone = [verdict(paired_difference(t[:, 1], t[:, 0])) == "helps" for t in better]
            together = [verdicts(gains(t))[0] == "helps" for t in better]
            cells.append(f"{100 * np.mean(alone):.0f} / {100 * np.mean(together):.0f}")
        print(f"{seeds:6}{conditions:12}" + "".join(f"{cell:>16}" for cell in cells))


def print_coverage(tables: int) -> None:
    """Print how often intervals cover the truth, and how often unlike is called equivalent."""
    print(f"\nOf {tables} tables, in %")
    print(
        f"{'seeds':>6}{'mean covered':>14}{'difference covered':>20}{'ratio covered':>15}"
        f"{'a difference of the margin called equivalent':>46}"
    )
    for seeds in sorted({seeds for seeds, _ in SHAPES}):
        even, uneven = even_tables(tables, seeds, 2), uneven_tables(tables, seeds, 2)
        means = [mean_interval(t[:, 0]) for t in even]
        pairs = [paired_difference(t[:, 1], t[:, 0]) for t in uneven]
        ratios = [
            bootstrap_interval(
                0.6 + t - t.mean(), _ratio_of_errors, 1000, generator(i, "bootstrap")
            )
            for i, t in enumerate(even[: tables // 5])
        ]
        margin = 2 * SPREAD
        alike = [equivalent(mean_interval(t[:, 1] - t[:, 0] + margin), margin) for t in even]
        shares = (
            np.mean([m.low <= 0.85 <= m.high for m in means]),
            np.mean([pair.low <= 0 <= pair.high for pair in pairs]),
            np.mean([r.low <= 1 <= r.high for r in ratios]),
            np.mean(alike),
        )
        print(
            f"{seeds:6}"
            + "".join(f"{100 * s:{w}.1f}" for s, w in zip(shares, (14, 20, 15, 46), strict=True))
        )


def _ratio_of_errors(values: Floats) -> float:
    return float((1 - values[:, 1].mean()) / (1 - values[:, 0].mean()))


# ------------------------------------------------------------------------------- trained tables

#: Seeds of a trained table, and the conditions of the largest.
TRAINED_SEEDS, TRAINED_CONDITIONS = 10, 13
#: Trained at once, and for how long: chance is all that is needed, not a good network.
AT_ONCE, SAMPLES, HIDDEN, LABELS = 20, 2000, (16,), 50


def trained_tables(tables: int) -> Tensor:
    """Train networks on hard labels; return their test accuracy ``[tables, S, C]``.

    The conditions of a seed see the same images in the same order and start from different weights.
    """
    dataset = digits()
    found = []
    for first in range(0, tables * TRAINED_SEEDS, AT_ONCE):
        seeds = tuple(range(1000 + first, 1000 + first + AT_ONCE))
        peers = range(TRAINED_CONDITIONS)
        sizes = layer_sizes(dataset, HIDDEN)
        trained = train_and_test(
            dataset,
            MLPStack.initialise(sizes, seeds, len(peers), peers),
            draw_labels(dataset, seeds, LABELS)[0],
            HardLabels(dataset.training.labels, dataset.classes),
            TrainingSettings(SAMPLES),
            curve_points=1,
        )
        found.append(trained.accuracy)
    return torch.cat(found)[: tables * TRAINED_SEEDS].unflatten(0, (tables, TRAINED_SEEDS))


@dataclass(frozen=True)
class Null:
    """An experiment's table without the experiment: its rows, and which row is whose baseline."""

    #: Settings of a run that is over at once, for the rows' other columns.
    settings: Mapping[str, Any]
    #: For each row the condition that it is compared with; −1 for one beside the table.
    baselines: Callable[[list[Row]], list[int | None]]
    #: What the experiment measures besides accuracies, where its claim is on that.
    measured: Callable[[list[Row], Tensor, Tensor], Measured] = lambda rows, own, _: Measured(
        rows, own
    )


def _first(rows: list[Row]) -> list[int | None]:
    return [None, *[0] * (len(rows) - 1)]


def _before(rows: list[Row]) -> list[int | None]:
    return [None if i % 2 == 0 else i - 1 for i in range(len(rows))]


def _gradients(rows: list[Row], own: Tensor, _: Tensor) -> Measured:
    return TSquaredMeasured(rows, own, gradients=10**own)


def _recall(rows: list[Row], own: Tensor, _: Tensor) -> Measured:
    """The recall of students that guess, on hard labels and on soft ones alike."""
    return MeasuredUnseen(rows, own, recall=own - own.mean() + CHANCE_RECALL)


def _kept(rows: list[Row], own: Tensor, _: Tensor) -> Measured:
    """Students that keep just the share that the claim asks to be exceeded."""
    for row, kept in zip(rows, (own * MOST / own.mean()).unbind(1), strict=True):
        interval = mean_interval(kept)
        row |= {"quality_kept": interval.mean, "quality_kept_ci": interval.half_width}
    return Measured(rows, own)


def _low(rows: list[Row], own: Tensor, beside: Tensor) -> Measured:
    return MeasuredPatience(rows, own, low_accuracy=beside[:, : len(rows) // 2])


_QUICK = {"seeds": 2, "student_samples": 320}
NULLS: Mapping[str, Null] = {
    "temperature": Null(_QUICK | {"teacher_hidden": (8,)}, _first),
    "controls": Null(_QUICK, _first),
    "balance": Null(_QUICK, lambda rows: [*[len(rows) - 1] * (len(rows) - 1), None]),
    "teacher-size": Null(
        _QUICK | {"teachers": ((4,), (8,), (12,), (16,), (24,), (32,)), "teacher_epochs": 1},
        lambda rows: [-1] * len(rows),
    ),
    "progressive": Null(_QUICK | {"teacher_hidden": (8,)}, lambda _: [None, 0, 1, 1]),
    "student-size": Null(_QUICK, _before, _kept),
    "t-squared": Null(_QUICK | {"teacher_hidden": (8,)}, _first, _gradients),
    "unseen-class": Null(_QUICK, _first, _recall),
    "patience": Null(_QUICK | {"student_samples": 3200, "teacher_hidden": (8,)}, _before, _low),
}


def null_results(name: str, tables: Tensor) -> list[AnyResult]:
    """Return runs of an experiment whose accuracies are those of the tables ``[tables, S, C]``."""
    null, experiment = NULLS[name], EXPERIMENTS[name]
    template = experiment.run(experiment.settings(**null.settings))
    settings = replace(template.settings, seeds=tables.shape[1])
    results = []
    for table in tables:
        own, beside = table[:, : len(template.rows)], table[:, len(template.rows) :]
        rows = []
        for i, baseline in enumerate(null.baselines(template.rows)):
            against = None if baseline is None else table[:, baseline]
            rows.append({**template.rows[i], **accuracy_columns(own[:, i], against)})
        mark_together(rows, len(table))
        results.append(Result(experiment, settings, null.measured(rows, own, beside), 0.0))
    return results


def print_trained(tables: int) -> None:
    """Print how often each claim's rule and each table's marks speak of trained nothing."""
    started = time.perf_counter()
    trained = trained_tables(tables)
    print(
        f"\nNothing differs: {tables} tables of trained networks, {TRAINED_SEEDS} seeds "
        f"({time.perf_counter() - started:.0f} s); in %"
    )
    print(
        f"{'experiment':14}{'rows':>5}{'a mark':>8}{'one by one':>12}{'worse than best':>17}"
        f"   {'claim':14}{'supported':>10}{'contradicted':>14}"
    )
    for name in NULLS:
        results = null_results(name, trained)
        marked = [any(row["verdict"] in ("helps", "hurts") for row in r.rows) for r in results]
        gains = [[r.interval(row, "gain") for row in r.rows if row["verdict"]] for r in results]
        alone = [any(verdict(gain) != "no clear difference" for gain in own) for own in gains]
        worse = [worse_together(r.accuracy.numpy()) for r in results]
        marks = (
            f"{100 * np.mean(marked):8.1f}{100 * np.mean(alone):12.1f}{100 * np.mean(worse):17.1f}"
        )
        for claim in EXPERIMENTS[name].claims:
            said = [claim.judge(result).verdict for result in results]
            shares = [100 * said.count(v) / tables for v in ("supported", "contradicted")]
            print(
                f"{name:14}{len(results[0].rows):5}{marks}   {claim.name:14}"
                f"{shares[0]:10.1f}{shares[1]:14.1f}"
            )
    print("A patient student is as good at either T: there, supported is the truth.")


def main() -> None:
    """Print all rates."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=500, help="simulated tables of each shape")
    parser.add_argument("--trained", type=int, default=400, help="tables of trained networks")
    settings = parser.parse_args()
    started = time.perf_counter()
    if settings.tables:
        print_rates(settings.tables)
        print_power(settings.tables // 4)
        print_coverage(settings.tables)
    if settings.trained:
        print_trained(settings.trained)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
