"""How often the rules speak when there is nothing to say.

    python benchmarks/nulls.py

Draws tables in which no condition differs from another but by chance, holds every rule of
``kdcore/statistics.py`` against them, and prints how often it finds something nonetheless. A rule
that never speaks would pass, so how often it finds what is there stands beside it.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

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


def main() -> None:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=1000, help="simulated tables of each shape")
    settings = parser.parse_args()
    started = time.perf_counter()
    print_rates(settings.tables)
    print_power(settings.tables // 4)
    print_coverage(settings.tables)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
