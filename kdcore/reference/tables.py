"""The published tables, and how a figure is compared with the one that was printed.

Three small tables were published, about temperature, teacher size and balance. Every figure of
them stands here as it was printed; :mod:`kdcore.reference.run` makes them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Setting = int | float | str
Table = Literal["temperature", "teacher-size", "balance"]

TABLES: tuple[Table, ...] = ("temperature", "teacher-size", "balance")


@dataclass(frozen=True)
class PublishedRow:
    """One row as it was printed; `None` where its table has no such column.

    `setting` is the temperature, the teacher's hidden widths as text, or alpha. `parameters`
    counts the teacher's weights and biases. Accuracies are fractions, entropy is in nats.
    """

    setting: Setting
    student_accuracy: float
    entropy: float | None = None
    teacher_accuracy: float | None = None
    parameters: int | None = None


# Published figures: copied digit by digit, never computed.
PUBLISHED: dict[Table, tuple[PublishedRow, ...]] = {
    "temperature": (
        PublishedRow(1, 0.134, entropy=2.106),
        PublishedRow(2, 0.098, entropy=2.249),
        PublishedRow(3, 0.128, entropy=2.278),
        PublishedRow(5, 0.106, entropy=2.294),
        PublishedRow(10, 0.130, entropy=2.300),
        PublishedRow(20, 0.102, entropy=2.302),
    ),
    "teacher-size": (
        PublishedRow("512,256,128", 0.108, teacher_accuracy=0.350, parameters=182_410),
        PublishedRow("256,128", 0.112, teacher_accuracy=0.326, parameters=42_634),
        PublishedRow("128,64", 0.102, teacher_accuracy=0.244, parameters=13_130),
        PublishedRow("64", 0.138, teacher_accuracy=0.286, parameters=2_762),
    ),
    "balance": (
        PublishedRow(0.0, 0.124),
        PublishedRow(0.2, 0.104),
        PublishedRow(0.5, 0.140),
        PublishedRow(0.8, 0.128),
        PublishedRow(1.0, 0.164),
    ),
}


def published_best(table: Table) -> int:
    """Return the position of the row whose student the published table found best."""
    accuracies = [row.student_accuracy for row in PUBLISHED[table]]
    return accuracies.index(max(accuracies))


@dataclass(frozen=True)
class Cell:
    """One printed figure beside its reproduction, both as they are printed."""

    table: Table
    setting: Setting
    #: entropy, student_accuracy, teacher_accuracy or parameters
    quantity: str
    published: str
    reproduced: str

    @property
    def agrees(self) -> bool:
        """Whether the two agree to the last printed digit."""
        return self.published == self.reproduced


def compare(table: Table, published: PublishedRow, found: PublishedRow) -> list[Cell]:
    """Return each printed figure of a row beside the one that was found, rounded as printed.

    ``found`` has every figure, also those that the published table has no column for.
    """
    cells = []
    for quantity in ("entropy", "student_accuracy", "teacher_accuracy", "parameters"):
        printed = getattr(published, quantity)
        if printed is not None:
            style = ",d" if quantity == "parameters" else ".3f"
            figures = format(printed, style), format(getattr(found, quantity), style)
            cells.append(Cell(table, published.setting, quantity, *figures))
    return cells


def require_table(table: str) -> None:
    """Raise ValueError, in words, unless there is a table of that name."""
    if table not in TABLES:
        raise ValueError(f"table must be one of {', '.join(TABLES)}, not {table!r}")
