"""Thirty who ask at the same moment: their runs made together against one after the other.

Both in one process, one after the other, in CPU seconds of one thread; what counts is the ratio.
"As before" trains each run's hard-label students again, as was done before these were kept::

    python benchmarks/merging.py
    python benchmarks/merging.py --runs 30 --rounds 3
    python benchmarks/merging.py --lessons

The last asks of every lesson what is gained by making four visitors' runs together. Of a lesson
that does not do so it tells the most that could be gained: its four runs against one with four
times the seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from kdcore import distillation
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings
from kdcore.monitor import Monitor
from kdcore.settings import TEACHER_WIDTHS
from kdcore.store import clear_all
from kdcore.visit import machine
from kdcore.visit.jobs import JobPool


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this thread that some work takes."""
    started = time.thread_time()
    work()
    return time.thread_time() - started


def compare(what: str, runs: Sequence[LabSettings], knows_teachers: bool, rounds: int) -> None:
    """Print the CPU seconds of some runs made in three ways."""

    def prepare() -> None:
        clear_all()
        if knows_teachers:
            for hidden in {run.teacher_hidden for run in runs}:
                LAB.run(LabSettings(teacher_hidden=hidden, student_samples=320))

    def separately(forget: bool) -> None:
        for run in runs:
            if forget:
                distillation._hard_students.clear()
            LAB.run(run)

    ways: dict[str, Callable[[], object]] = {
        "as before": lambda: separately(forget=True),
        "one by one": lambda: separately(forget=False),
        "together": lambda: LAB.run.together(runs, [Monitor()] * len(runs)),
    }
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, work in ways.items():
            prepare()
            spent[way].append(cpu_seconds(work))
    together = median(spent["together"])
    print(f"{what}:")
    for way, seconds in spent.items():
        middle = median(seconds)
        print(f"  {way:12} {middle:6.2f} CPU s, {middle / together:5.2f} × together", flush=True)


def one_by_one(settings: LabSettings, monitor: Monitor) -> object:
    """Run the Lab as a function that nobody knows how to merge."""
    return LAB.run(settings, monitor)


def through_the_pool(runs: Sequence[LabSettings], rounds: int) -> None:
    """Print how long visitors wait who all ask the pool at the same moment."""
    print(f"{len(runs)} visitors ask the pool, each for another T, teachers known:")
    waits: dict[str, list[float]] = {"one by one": [], "together": []}
    spent = dict.fromkeys(waits, 0.0)
    for _ in range(rounds):
        for way, function in (("one by one", one_by_one), ("together", LAB.run)):
            LAB.run(LabSettings())
            pool = JobPool(silence=1e9, ahead=False)
            asked, busy = time.perf_counter(), time.process_time()
            jobs = [pool.submit(function, run, number) for number, run in enumerate(runs)]
            waiting = set(jobs)
            while waiting:
                for job in [job for job in waiting if job.wait(0)]:
                    waiting.discard(job)
                    waits[way].append(time.perf_counter() - asked)
                time.sleep(0.01)
            spent[way] += (time.process_time() - busy) / rounds
            pool.shutdown()
    for way, seconds in waits.items():
        middle, most = quantiles(seconds, n=20, method="inclusive")[9::9]
        print(
            f"  {way:12} {middle:6.2f} s in the middle, {most:6.2f} s at the 95th percentile, "
            f"{spent[way]:.1f} CPU s",
            flush=True,
        )


#: What four visitors of a lesson choose, each another.
CHOICES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "balance": ("label_noise", (0.1, 0.2, 0.3, 0.5)),
    "confidence": ("temperatures", ((1, 4, 6), (1, 4, 10), (1, 4, 12), (1, 4, 16))),
    "controls": ("temperature", (2, 4, 6, 12)),
    "lab": ("temperature", (2, 6, 8, 12)),
    "on-policy": ("jitter", (0.1, 0.2, 0.4, 0.5)),
    "patience": ("temperature", (2, 6, 8, 12)),
    "progressive": ("temperature", (2, 6, 8, 12)),
    "self": ("temperature", (1, 2, 6, 8)),
    "student-size": ("temperature", (2, 6, 8, 12)),
    "t-squared": ("temperatures", ((1, 2, 6), (1, 3, 6), (1, 3, 9), (2, 5, 9))),
    "teacher-size": ("temperature", (2, 6, 8, 12)),
    "temperature": ("alpha", (0.0, 0.1, 0.2, 0.5)),
    "unseen-class": ("temperatures", ((1, 3), (1, 6), (2, 8), (4, 16))),
    "variants": ("temperature", (2, 6, 8, 12)),
}
#: What is no stack of many seeds: published tables, one seed's film, times, one cell after another.
NO_STACKS = ("reference", "reference-faults", "playground", "cost", "balance-map")


def lesson(name: str) -> tuple[float, float]:
    """Return the CPU seconds of four runs of a lesson one by one, and as one."""
    run, settings = EXPERIMENTS[name].run, EXPERIMENTS[name].settings
    clear_all()
    run(settings())
    if name not in CHOICES:
        more = settings(seeds=4 * settings().seeds)
        run(more)  # its teachers are known then, as those of the others are
        return 4 * cpu_seconds(lambda: run(settings())), cpu_seconds(lambda: run(more))
    key, values = CHOICES[name]
    runs = [settings(**{key: value}) for value in values]
    apart = cpu_seconds(lambda: [run(each) for each in runs])
    clear_all()
    run(settings())
    return apart, cpu_seconds(lambda: run.together(runs, [Monitor()] * len(runs)))


def lessons(names: Sequence[str], rounds: int) -> None:
    """Print what it gives to make four runs of a lesson as one."""
    for name in names or [name for name in EXPERIMENTS if name not in NO_STACKS]:
        apart, as_one = map(median, zip(*(lesson(name) for _ in range(rounds)), strict=True))
        how = "together" if name in CHOICES else "if they were one stack"
        print(
            f"{name:17} four runs {apart:6.2f} CPU s, {how} {as_one:6.2f}: {apart / as_one:.2f} ×",
            flush=True,
        )


def main() -> None:
    """Compare runs that differ in T, and in T and teacher."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--lessons", nargs="*", metavar="NAME", help="of these lessons, or of all that there are"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.lessons is not None:
        lessons(options.lessons, options.rounds)
        return
    before = machine.resident_bytes()
    own_T = [LabSettings(temperature=0.5 + i / 2) for i in range(options.runs)]
    through_the_pool(own_T, options.rounds)
    compare(f"{options.runs} runs, each another T", own_T, True, options.rounds)
    own_teacher = [
        LabSettings(temperature=2 + i % 5, teacher_hidden=TEACHER_WIDTHS[i % len(TEACHER_WIDTHS)])
        for i in range(options.runs)
    ]
    what = f"{options.runs} runs, each another teacher and T"
    compare(f"{what}, teachers known", own_teacher, True, options.rounds)
    compare(f"{what}, teachers trained", own_teacher, False, options.rounds)
    print(f"memory: {(machine.resident_bytes() - before) / 2**20:.0f} MB more than at the start")


if __name__ == "__main__":
    main()
