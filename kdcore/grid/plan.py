"""What a grid is made of: the cells, each one run of an experiment with a block of seeds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import Experiment
from kdcore.settings import Name, Number

#: What a grid says by itself: the seeds are one of its axes.
RESERVED = ("seeds", "first_seed")
#: Seeds of a cell, about: enough for a stack that trains fast, few enough that little is lost with
#: a cell that is stopped and that a teacher is kept for the next one.
BLOCK = 20


@dataclass(frozen=True)
class Cell:
    """One run: one combination of settings, one block of seeds."""

    #: Where it stands in the plan; what the journal knows it by.
    number: int
    #: What this combination sets of what the grid goes over.
    chosen: Mapping[str, str]
    #: All that is set, as text.
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """An experiment, what is set in all of its runs, and what it goes over.

    Raises
    ------
    ValueError
        If a setting is unknown or out of range in any cell, or is set twice.
    """

    experiment: str
    #: What is set in every cell, as text.
    fixed: Mapping[str, str]
    #: The values of each setting that the grid goes over, as text.
    over: Mapping[str, Sequence[str]]
    seeds: int
    block: int = BLOCK

    def __post_init__(self) -> None:
        known = self.kind.settings.parameters()
        if "seeds" not in known:
            raise ValueError(f"a grid goes over seeds, and {self.experiment} has none")
        for name in (*self.fixed, *self.over):
            if name in RESERVED:
                raise ValueError(f"{name} is the grid's own: say --seeds")
        if both := sorted(self.fixed.keys() & self.over.keys()):
            raise ValueError(f"{both[0]} is both set and gone over")
        if self.seeds < 2 or self.block < 2:
            raise ValueError("a grid takes at least 2 seeds, in blocks of at least 2")
        for cell in self.cells():
            self.kind.settings.from_texts(cell.texts)

    @property
    def kind(self) -> Experiment[Any, Any]:
        """The experiment."""
        return EXPERIMENTS[self.experiment]

    def as_data(self) -> dict[str, Any]:
        """Return the plan as plain data, equal if and only if its cells are."""
        return asdict(self) | {"over": {key: list(values) for key, values in self.over.items()}}

    def combinations(self) -> Iterator[dict[str, str]]:
        """Give every combination of what the grid goes over, the first setting slowest."""
        for values in itertools.product(*self.over.values()):
            yield dict(zip(self.over, values, strict=True))

    def blocks(self) -> list[tuple[int, int]]:
        """Return the first seed of each block and how many it has, as even as can be."""
        count = max(1, self.seeds // self.block)
        each, more = divmod(self.seeds, count)
        sizes = [each + (i < more) for i in range(count)]
        return [(sum(sizes[:i]), size) for i, size in enumerate(sizes)]

    def cells(self) -> list[Cell]:
        """Return all cells in the order in which they are trained.

        Those with the same seeds and the same teacher follow each other, since a process keeps its
        last teachers.
        """
        combinations = sorted(
            self.combinations(),
            key=lambda chosen: [
                self.over[name].index(text)
                for name, text in chosen.items()
                if name.startswith("teacher")
            ],
        )
        return [
            Cell(
                number,
                chosen,
                {**self.fixed, **chosen, "seeds": str(size), "first_seed": str(first)},
            )
            for number, ((first, size), chosen) in enumerate(
                itertools.product(self.blocks(), combinations)
            )
        ]


def values_of(experiment: str, assignment: str) -> tuple[str, list[str]]:
    """Read ``key=value,value``; values that have commas themselves are separated by semicolons.

    Raises
    ------
    ValueError
        If there is no such setting, a value is out of range, or one stands there twice.
    """
    key, equals, text = assignment.partition("=")
    key = key.strip()
    if not equals:
        raise ValueError(f"--over takes key=value,value, not {assignment!r}")
    settings = EXPERIMENTS[experiment].settings
    parameter = settings.parameters().get(key)
    if parameter is None:
        settings.from_texts({key: text})  # says what there is
        raise AssertionError("an unknown setting was taken")
    separator = "," if isinstance(parameter, Number | Name) else ";"
    # Written as a run would write them, so that 4 and 4.0 are one value.
    values = [parameter.format(parameter.parse(part.strip())) for part in text.split(separator)]
    if len(set(values)) < len(values):
        raise ValueError(f"--over {key} names a value twice")
    return key, values
