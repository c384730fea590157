"""The command line: ``python -m kdcore list``, ``run NAME`` and ``grid NAME``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import Any, NoReturn

import torch

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import AnyResult
from kdcore.grid import command as grid
from kdcore.monitor import LearningCurve, Monitor
from kdcore.settings import help_of
from kdcore.visit.tables import as_csv, finite


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


class ProgressLine(Monitor):
    """Shows progress on standard error, in one line that rewrites itself on a terminal."""

    def __init__(self) -> None:
        self._shown = ""

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        text = f"{stage}: {10 * math.floor(10 * fraction):3d} %"
        if text != self._shown:
            end = "\r" if sys.stderr.isatty() else "\n"
            print(text, end=end, file=sys.stderr, flush=True)
            self._shown = text


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "list":
        print(_listing())
        return 0
    if options.name not in EXPERIMENTS:
        parser.error(f"no experiment {options.name!r}; there are: {', '.join(EXPERIMENTS)}")
    experiment = EXPERIMENTS[options.name]
    # Threads that wait for each other at barriers cost more than they give on few cores.
    torch.set_num_threads(1)
    try:
        if options.command == "grid":
            return grid.run(options, _settings_of(options.set))
        settings = experiment.settings.from_texts(_settings_texts(options))
        result = experiment.run(settings, ProgressLine())
    except ValueError as refusal:
        parser.error(str(refusal))
    if options.json:
        print(json.dumps(finite(result.as_json()), ensure_ascii=False, allow_nan=False))
    elif options.csv:
        print(as_csv(result), end="")
    else:
        print(_table(result))
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m kdcore", description="Run experiments.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="list|run|grid")
    commands.add_parser("list", help="list the experiments with their settings")
    run = commands.add_parser("run", help="run one experiment")
    run.add_argument("name", metavar="NAME")
    run.add_argument("--set", metavar="key=value", action="extend", nargs="+", default=[])
    run.add_argument("--seeds", metavar="N", help="how many seeds")
    output = run.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object")
    output.add_argument("--csv", action="store_true", help="print the table as CSV")
    many = commands.add_parser("grid", help="run one experiment over many settings and seeds")
    grid.add_arguments(many)
    return parser


def _settings_texts(options: argparse.Namespace) -> dict[str, str]:
    texts = _settings_of(options.set)
    if options.seeds is not None:
        texts["seeds"] = options.seeds
    return texts


def _settings_of(assignments: list[str]) -> dict[str, str]:
    texts = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ValueError(f"--set takes key=value, not {assignment!r}")
        texts[key.strip()] = value.strip()
    return texts


def _listing() -> str:
    lines = []
    for experiment in EXPERIMENTS.values():
        lines.append(f"{experiment.name}: {experiment.question}")
        for name, parameter in experiment.settings.parameters().items():
            value = parameter.format(parameter.default)
            lines.append(f"    {name}={value}    {help_of(name)} ({parameter.accepts})")
    return "\n".join(lines)


def _table(result: AnyResult) -> str:
    cells = [list(result.rows[0])] + [[_cell(v) for v in row.values()] for row in result.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    settings = ", ".join(f"{name}={text}" for name, text in result.settings.texts().items())
    title = f"{result.name}: {settings}" if settings else result.name
    said = [
        f"{name}: {judged.verdict} ({judged.figure.mean:.4g} ± {judged.figure.half_width:.2g})"
        for name, judged in result.judgements().items()
    ]
    return "\n".join([title, *lines, *said, f"{result.seconds:.1f} s"])


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
