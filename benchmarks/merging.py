"""Thirty who ask at the same moment: their runs made together against one after the other.

Both in one process, one after the other, in CPU seconds of one thread; what counts is the ratio.
"As before" trains each run's hard-label students again, as was done before these were kept::

    python benchmarks/merging.py
    python benchmarks/merging.py --runs 30 --rounds 3
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from kdcore import distillation
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


def main() -> None:
    """Compare runs that differ in T, and in T and teacher."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
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
