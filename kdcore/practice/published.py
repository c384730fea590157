"""Published systems: what is said of them, what their sources say, and where the two differ."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

FACTS = Path(__file__).resolve().parents[2] / "assets" / "facts" / "published_systems.toml"

#: Figures are given to two or three digits; a relative difference below this is rounding.
ROUNDING = 0.005

Mark = Literal["holds", "source says more", "differs", "misleading"]


@dataclass(frozen=True)
class Figures:
    """What is said of a system, as numbers; ``None`` where no number is said."""

    #: Parameters, as a share of the teacher's.
    size_left: float | None = None
    #: Quality, as a share of the teacher's.
    quality_kept: float | None = None
    #: How many times faster than the teacher.
    faster: float | None = None


@dataclass(frozen=True)
class System:
    """One published system."""

    name: str
    #: Whether it was made by distillation.
    distilled: bool
    commonly_said: str
    source_says: str
    source: str
    teacher: str = ""
    #: What the quality was measured by. Shares of different measures cannot be compared.
    measure: str = ""
    #: Whether the source says "more than" of the quality kept.
    at_least: bool = False
    said: Figures = Figures()
    found: Figures = Figures()

    @property
    def mark(self) -> Mark:
        """Where saying and source differ.

        ``"misleading"`` for what is no distilled system; ``"differs"`` if the source is worse than
        what is said in any number that both give; ``"source says more"`` if it is better in one.
        """
        if not self.distilled:
            return "misleading"
        better = [
            _compare(self.said.quality_kept, self.found.quality_kept),
            _compare(self.said.faster, self.found.faster),
            # Of the size, less is better.
            -_compare(self.said.size_left, self.found.size_left),
        ]
        if min(better) < 0:
            return "differs"
        return "source says more" if max(better) > 0 else "holds"


@lru_cache(maxsize=1)
def published_systems() -> tuple[System, ...]:
    """Return the published systems with their sources, as ``assets/facts`` has them."""
    facts = tomllib.loads(FACTS.read_text("utf-8"))["system"]
    return tuple(_system(fact) for fact in facts)


def _system(fact: dict[str, Any]) -> System:
    said, found = (Figures(**_numbers(fact.get(key, {}))) for key in ("said", "found"))
    return System(**(fact | {"said": said, "found": found}))


def _numbers(texts: dict[str, str]) -> dict[str, float]:
    """Read numbers that are written as the sources give them, such as ``82/124``."""
    return {key: float(_share(text)) for key, text in texts.items()}


def _share(text: str) -> Fraction:
    above, _, below = text.partition("/")
    return Fraction(above) / Fraction(below or "1")


def _compare(said: float | None, found: float | None) -> int:
    """Return 1 if the source has more than is said, −1 if less, 0 if alike or not both given."""
    if said is None or found is None or abs(found / said - 1) < ROUNDING:
        return 0
    return 1 if found > said else -1
