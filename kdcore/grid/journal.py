"""What is kept of a grid while it is worked on: one line a finished cell, on the disk at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

try:
    import fcntl
except ImportError:  # not on Windows: there nobody hinders a second process
    fcntl = None  # type: ignore[assignment]

#: The file, in the grid's folder.
NAME = "cells.jsonl"


class Journal:
    """The finished cells of one grid, in a file that only grows.

    Its first line is the plan. A line is written and reaches the disk before the next cell counts;
    one that was cut off by a power failure is dropped, and its cell is trained again.

    Parameters
    ----------
    folder
        Where the file is; made if need be.
    plan
        What the cells are of, as plain data.

    Raises
    ------
    ValueError
        If the folder holds another grid, or another process is at work on this one.
    OSError
        If it cannot be written.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        #: What each finished cell has given, by its number.
        self.done: dict[int, dict[str, Any]] = {}
        self._file = (folder / NAME).open("a+b")
        try:
            self._lock(folder)
            self._read(folder, plan)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def keep(self, number: int, found: Mapping[str, Any]) -> None:
        """Keep what a cell has given."""
        self._write({"cell": number, **found})
        self.done[number] = dict(found)

    def _lock(self, folder: Path) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another grid is at work in {folder}") from None

    def _read(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        whole = lines[:-1]  # what stands behind the last end of a line was cut off
        if lines[-1]:
            self._file.truncate(sum(len(line) + 1 for line in whole))
        if not whole:
            self._write({"plan": plan})
            return
        try:
            before = json.loads(whole[0])["plan"]
            for line in whole[1:]:
                found = json.loads(line)
                self.done[found.pop("cell")] = found
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{folder / NAME} is not the journal of a grid") from None
        if before != json.loads(json.dumps(plan)):
            raise ValueError(
                f"{folder} holds another grid, or one of another version: take another folder"
            )

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
