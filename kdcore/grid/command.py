"""The command ``python -m kdcore grid``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from kdcore.grid.journal import Journal
from kdcore.grid.plan import BLOCK, Plan, values_of
from kdcore.grid.summary import Row, figures_by_seed, summarise, write_parquet
from kdcore.grid.work import Progress, cluster_workers, local_processes, work_through
from kdcore.settings import SEEDS
from kdcore.visit import machine
from kdcore.visit.cluster import ClusterLost, kind
from kdcore.visit.tables import write_csv

RESULTS, SUMMARY, PICTURE = "results.parquet", "summary.csv", "map.html"
#: Lines of the summary that are printed; the file has all.
MOST_LINES = 40


def add_arguments(grid: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    grid.add_argument("name", metavar="NAME")
    grid.add_argument(
        "--over",
        metavar="key=value,value",
        action="append",
        default=[],
        help="values to go over; repeat it for further settings; shapes with semicolons",
    )
    grid.add_argument("--set", metavar="key=value", action="extend", nargs="+", default=[])
    grid.add_argument("--seeds", metavar="N", help="how many seeds each combination has")
    grid.add_argument(
        "--block", metavar="N", default=str(BLOCK), help=f"seeds of one cell, about ({BLOCK})"
    )
    grid.add_argument("--out", metavar="FOLDER", required=True, help="goes on with what is there")
    place = grid.add_mutually_exclusive_group()
    place.add_argument("--workers", metavar="N", help="processes of this machine")
    place.add_argument("--scheduler", metavar="tcp://…", help="of a Dask cluster to train on")


def run(options: argparse.Namespace, fixed: Mapping[str, str]) -> int:
    """Work through a grid and return the exit code.

    Parameters
    ----------
    fixed
        What ``--set`` says.

    Raises
    ------
    ValueError
        If anything that was asked for cannot be.
    """
    plan = Plan(
        options.name,
        fixed,
        _over(options.name, options.over),
        _number("--seeds", options.seeds, int(SEEDS.default), 2, 1_000_000),
        _number("--block", options.block, BLOCK, 2, 1000),
    )
    workers = _number("--workers", options.workers, machine.workers(), 1, 1024)
    folder, cells = Path(options.out), plan.cells()
    version = kind()._asdict()
    with Journal(folder, plan.as_data() | {"version": version}) as journal:
        missing = len(cells) - len(journal.done)
        try:
            if missing and options.scheduler:
                with cluster_workers(plan.experiment, options.scheduler) as (train, threads):
                    work_through(plan, journal, train, threads, Progress(len(cells)))
            elif missing:
                workers = min(workers, missing)
                with local_processes(plan.experiment, workers) as train:
                    work_through(plan, journal, train, workers, Progress(len(cells)))
        except (ClusterLost, BrokenProcessPool, KeyboardInterrupt) as end:
            _end_line()
            kept = f"{len(journal.done)} of {len(cells)} cells are kept in {folder}: start it again"
            print(f"{_reason(end)}{kept}", file=sys.stderr)
            if isinstance(end, KeyboardInterrupt):
                raise
            return 1
        _write(plan, journal.done, folder)
    return 0


def _over(experiment: str, assignments: Sequence[str]) -> dict[str, list[str]]:
    if not assignments:
        raise ValueError(
            "a grid goes over something, such as --over alpha=0,0.5,1; for a single run there is "
            f"python -m kdcore run {experiment}"
        )
    over: dict[str, list[str]] = {}
    for assignment in assignments:
        key, values = values_of(experiment, assignment)
        if key in over:
            raise ValueError(f"--over {key} stands there twice")
        over[key] = values
    return over


def _number(what: str, text: str | None, default: int, least: int, most: int) -> int:
    if text is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{what} must be a whole number from {least} to {most}, not {text[:40]!r}")
    return int(text)


def _reason(end: BaseException) -> str:
    if isinstance(end, ClusterLost):
        return "the cluster is lost; "
    return "a process was ended from outside; " if isinstance(end, BrokenProcessPool) else ""


def _end_line() -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)


def _write(plan: Plan, done: Mapping[int, Mapping[str, Any]], folder: Path) -> None:
    """Write what the grid says, and print it."""
    failed = [found["failed"] for found in done.values() if "failed" in found]
    if failed:
        print(f"{len(failed)} cells have no figures; the first: {failed[0]}", file=sys.stderr)
    columns = figures_by_seed(plan, done)
    if not columns["seed"]:
        raise ValueError(failed[0] if failed else "there is nothing to write")
    write_parquet(columns, folder / RESULTS)
    summary = summarise(plan, columns)
    (folder / SUMMARY).write_text(write_csv(summary), "utf-8")
    # Plotly takes a second to import, which no other command needs to wait for.
    from kdcore.grid.picture import heat_map, write_page

    write_page(heat_map(plan, summary), folder / PICTURE)
    print(_table(summary[:MOST_LINES]))
    if len(summary) > MOST_LINES:
        print(f"… {len(summary) - MOST_LINES} more in {folder / SUMMARY}")
    seconds = sum(found.get("seconds", 0.0) for found in done.values())
    print(
        f"{len(columns['seed'])} figures in {folder / RESULTS}, the map in {folder / PICTURE}; "
        f"{seconds:.0f} s of training"
    )


def _table(rows: Sequence[Row]) -> str:
    lines = [[name.removeprefix("setting_") for name in rows[0]]]
    lines += [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
