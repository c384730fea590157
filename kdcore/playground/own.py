"""The learner's own points: placed by clicking, or read from a file."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kdcore.playground.shapes import LETTERS, Plane, standardised
from kdcore.randomness import generator, in_split
from kdcore.words import Refusal

#: With more, nobody could tell the classes' colours and shapes apart.
MOST_CLASSES = 6

LARGEST_FILE = 1_000_000  # bytes; the upload stops there, too
MOST_ROWS = 2000
#: Some programs write an empty line after each.
MOST_LINES = 2 * MOST_ROWS + 10
FEWEST_ROWS_PER_CLASS = 10
FEWEST_CLICKS_PER_CLASS = 3
#: What a clicked or uploaded coordinate may be; beyond it float32 loses what tells points apart.
LARGEST_COORDINATE = 1e6


@dataclass(frozen=True)
class OwnPoints:
    """Points that the learner brought along, by clicking or in a file."""

    #: ``(x, y, class)`` of each point, the class counted from 0.
    points: tuple[tuple[float, float, int], ...]
    class_names: tuple[str, ...]
    axes: tuple[str, str] = ("x", "y")
    #: Whether a quarter is kept aside to measure on; a handful of clicked points cannot spare it.
    held_out: bool = False


def own_plane(own: OwnPoints, seed: int, split: int = 0) -> Plane:
    """Return the learner's points, ready to train on.

    Where a quarter is to be held out, it is drawn class by class, by seed and split. Otherwise
    accuracy can only be measured on the points that were trained on, and ``held_out`` says so.
    """
    table = torch.tensor(own.points, dtype=torch.float64)
    inputs, labels = table[:, :2], table[:, 2].long()
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    if own.held_out:
        draw = generator(seed, in_split("held out", split))
        for label in range(len(own.class_names)):
            rows = torch.nonzero(labels == label).flatten()
            order = torch.randperm(len(rows), generator=draw)
            is_test[rows[order[: max(1, len(rows) // 4)]]] = True
    training = inputs[~is_test], labels[~is_test]
    test = (inputs[is_test], labels[is_test]) if own.held_out else training
    return standardised(training, test, "own", own.class_names, own.axes, own.held_out)


def clicked_points(points: Sequence[Sequence[float]]) -> OwnPoints:
    """Check points placed by clicking, each ``[x, y, class]``.

    Raises
    ------
    Refusal
        If they are no such points, or too few or too many to train with; the message says what
        to do.
    """
    if len(points) > MOST_ROWS:
        raise Refusal("clicks_many", points=len(points), most=MOST_ROWS)
    try:
        checked = [(float(x), float(y), int(k)) for x, y, k in points]
    except (TypeError, ValueError, OverflowError):
        raise Refusal("clicks_form") from None
    for x, y, k in checked:
        # Written so that NaN fails, too.
        if not (abs(x) <= LARGEST_COORDINATE and abs(y) <= LARGEST_COORDINATE):
            raise Refusal("clicks_outside")
        if not 0 <= k < MOST_CLASSES:
            raise Refusal("clicks_classes", most=MOST_CLASSES)
    counts = Counter(k for *_, k in checked)
    used = sorted(counts)
    if len(used) < 2:
        raise Refusal("clicks_one_class")
    for k in used:
        if counts[k] < FEWEST_CLICKS_PER_CLASS:
            raise Refusal(
                "clicks_few", letter=LETTERS[k], points=counts[k], least=FEWEST_CLICKS_PER_CLASS
            )
    own = OwnPoints(
        tuple((x, y, used.index(k)) for x, y, k in checked), tuple(LETTERS[k] for k in used)
    )
    _check_spread(own.points, (Refusal("axis_x"), Refusal("axis_y")))
    return own


def parse_csv(content: bytes) -> OwnPoints:
    """Read the learner's own file: a heading line, two columns of numbers and one of labels.

    Commas, semicolons or tabs separate the columns; the label is the last one. Labels may be
    words or numbers.

    Raises
    ------
    Refusal
        If the file cannot be trained on; the message says what is wrong, where, and what to do.
    """
    heading, rows = _table(content)
    if len(rows) > MOST_ROWS:
        raise Refusal("csv_many_rows", rows=len(rows), most=MOST_ROWS)
    xy, labels = [], []
    for line, row in rows:
        if len(row) != 3:
            raise Refusal("csv_cells", line=line, cells=len(row))
        xy.append(
            [_number(cell, line, name) for cell, name in zip(row[:2], heading[:2], strict=True)]
        )
        if not row[2]:
            raise Refusal("csv_no_label", line=line)
        labels.append(row[2][:30])
    names = _checked_classes(Counter(labels))
    points = tuple((x, y, names.index(label)) for (x, y), label in zip(xy, labels, strict=True))
    _check_spread(points, tuple(Refusal("axis_named", name=name) for name in heading[:2]))
    return OwnPoints(points, names, (heading[0], heading[1]), held_out=True)


def _check_spread(points: Sequence[tuple[float, float, int]], names: Sequence[Refusal]) -> None:
    for axis, name in enumerate(names):
        values = [point[axis] for point in points]
        if max(values) - min(values) <= 1e-9 * max(1.0, *map(abs, values)):
            raise Refusal("points_alike", name=name)


def _table(content: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the heading and the rows, each with its line number, cells stripped."""
    if len(content) > LARGEST_FILE:
        raise Refusal("csv_large", size=len(content) / 1e6)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal("csv_not_utf8") from None
    if "\0" in text:
        raise Refusal("csv_no_text")
    # Counted before they are read: a megabyte of empty lines would take seconds.
    lines_there = max(text.count("\n"), text.count("\r"))
    if lines_there > MOST_LINES:
        raise Refusal("csv_many_lines", lines=lines_there, most=MOST_ROWS)
    first_line = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as trouble:
        raise Refusal("csv_unreadable", trouble=trouble) from None
    lines = [(line, row) for line, row in lines if any(row)]
    if not lines:
        raise Refusal("csv_empty")
    (_, heading), *rows = lines
    if len(heading) != 3:
        raise Refusal("csv_columns", columns=len(heading))
    if all(_is_number(cell) for cell in heading[:2]):
        raise Refusal("csv_no_heading")
    if not rows:
        raise Refusal("csv_no_rows")
    return [cell[:30] or f"column {i + 1}" for i, cell in enumerate(heading)], rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, line: int, column: str) -> float:
    if not cell:
        raise Refusal("csv_cell_empty", line=line, column=column)
    try:
        value = float(cell)
    except ValueError:
        raise Refusal("csv_no_number", line=line, column=column, cell=cell[:30]) from None
    if not math.isfinite(value):
        raise Refusal("csv_not_finite", line=line, column=column, cell=cell[:30])
    if abs(value) > LARGEST_COORDINATE:
        raise Refusal(
            "csv_too_large", line=line, column=column, value=value, most=LARGEST_COORDINATE
        )
    return value


def _checked_classes(counts: Counter[str]) -> tuple[str, ...]:
    if len(counts) < 2:
        raise Refusal("csv_one_label")
    if len(counts) > MOST_CLASSES:
        raise Refusal("csv_many_labels", labels=len(counts), most=MOST_CLASSES)
    label, rows = min(counts.items(), key=lambda item: item[1])
    if rows < FEWEST_ROWS_PER_CLASS:
        raise Refusal("csv_few_rows", label=label, rows=rows, least=FEWEST_ROWS_PER_CLASS)
    return tuple(sorted(counts, key=lambda label: (len(label), label)))
