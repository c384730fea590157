"""A result as a table in plain text that other programs read."""

from __future__ import annotations

import csv
import io
import math
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from kdcore.experiments.result import AnyResult


def as_csv(result: AnyResult) -> str:
    """Return the table as CSV; each line carries settings, seeds and versions with it."""
    settings = {f"setting_{name}": text for name, text in result.settings.texts().items()}
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    rows = [row | {"experiment": result.name} | settings | versions for row in result.rows]
    return write_csv(rows)


def write_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; their columns are those of all rows, in the order they first come."""
    columns = dict.fromkeys(column for row in rows for column in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(finite(row) for row in rows)
    return text.getvalue()


def finite(data: Any) -> Any:
    """Return data with ``None`` for what JSON has no number for."""
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
