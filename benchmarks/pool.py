"""The pool alone: a newcomer's wait beside the largest runs, the speed of work, memory in a soak.

Each scene runs in a process of its own, without the app::

    python benchmarks/pool.py newcomer --workers 2
    python benchmarks/pool.py work
    python benchmarks/pool.py soak --rounds 60
    python benchmarks/pool.py soak --rounds 60 --untamed
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings
from kdcore.experiments.teacher_size import EXPERIMENT as TEACHER_SIZE
from kdcore.experiments.teacher_size import TeacherSizeSettings
from kdcore.memory import run_bytes, run_work
from kdcore.monitor import LearningCurve, Monitor
from kdcore.settings import Settings
from kdcore.training import Cancelled
from kdcore.visit import machine
from kdcore.visit.jobs import Job, JobPool

MB = 2**20


def newcomer(workers: int) -> None:
    """Print how long a newcomer's Lab takes alone, and beside two of the largest runs."""
    for seeds, teachers in ((40, TeacherSizeSettings().teachers), (26, ((1024, 1024),))):
        pool = JobPool(workers=workers, silence=1e9)
        sizes = [TeacherSizeSettings(seeds=seeds, teachers=teachers, labels=n) for n in (40, 60)]
        print(f"{seeds} seeds of {teachers}: {run_work(sizes[0]):.1e} multiply-adds")
        pool.submit(LAB.run, LabSettings()).wait(600)
        large: list[Job[Any]] = []
        for beside in (False, True):
            if beside:
                large = [pool.submit(TEACHER_SIZE.run, size, n) for n, size in enumerate(sizes)]
                time.sleep(3)
            for number in range(6):
                settings = LabSettings(temperature=5 + number, alpha=0.4 if beside else 0.5)
                asked, busy = time.perf_counter(), time.process_time()
                job = pool.submit(LAB.run, settings, f"newcomer {number}")
                while job.look().state == "waiting":
                    time.sleep(0.001)
                started = time.perf_counter() - asked
                job.wait(600)
                seconds, busy = time.perf_counter() - asked, time.process_time() - busy
                where = "beside two large runs" if beside else "alone"
                print(
                    f"  {where:22} started {started:5.2f} s, done {seconds:5.2f} s ({busy:.2f} CPU)"
                )
                time.sleep(1)
        for number, run in enumerate(large):
            pool.release(run, number)
        asked = time.perf_counter()
        pool.shutdown()
        print(f"  the large runs stopped within {time.perf_counter() - asked:.2f} s")


class Stopwatch(Monitor):
    """Lets a run go on for some seconds and remembers how far it came."""

    def __init__(self, seconds: float) -> None:
        self._until = time.thread_time() + seconds
        self.fraction = 0.0
        self.stage = ""
        self.longest = 0.0
        self.most = 0
        self._last = time.perf_counter()

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        self.stage, self.fraction = stage, fraction

    def is_cancelled(self) -> bool:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self.most = max(self.most, machine.resident_bytes())
        return time.thread_time() > self._until


def work(seconds: float) -> None:
    """Print multiply-adds in a CPU second for runs of several shapes, and what they hold."""
    runs: list[tuple[str, Callable[..., object], Settings]] = [
        ("Lab", LAB.run, LabSettings()),
        ("Lab, 100 seeds", LAB.run, LabSettings(seeds=100)),
        ("Teacher size", TEACHER_SIZE.run, TeacherSizeSettings()),
        ("Teacher size, 40 seeds", TEACHER_SIZE.run, TeacherSizeSettings(seeds=40)),
    ]
    for widths, seeds in (((1024, 1024), 26), ((1024, 1024, 1024, 1024), 9), ((256, 128), 200)):
        long = TeacherSizeSettings(teachers=(widths,), seeds=seeds, teacher_epochs=60)
        runs.append((f"{seeds} × {widths}, 60 epochs", TEACHER_SIZE.run, long))
    for name, run, settings in runs:
        watch, before, started = Stopwatch(seconds), machine.resident_bytes(), time.thread_time()
        try:
            run(settings, watch)
            share = 1.0
        except Cancelled:
            # These spend nearly all on their teachers.
            share = watch.fraction if watch.stage == "teacher" else 1.0
        spent = time.thread_time() - started
        rate = run_work(settings) * share / spent
        print(
            f"{name:40} {run_work(settings):8.1e} multiply-adds, {rate:8.1e} a CPU second; "
            f"{(watch.most - before) / MB:5.0f} MB more ({run_bytes(settings) / MB:.0f} expected); "
            f"{watch.longest:.2f} s between two looks at most",
            flush=True,
        )


def soak(rounds: int, tamed: bool) -> None:
    """Print the memory of a process in which two workers train and eight threads draw pages."""
    if tamed:
        machine.tame_malloc()
    else:
        machine.give_back = lambda: None  # type: ignore[assignment]
    pool, over = JobPool(workers=2, silence=1e9), threading.Event()

    def draw() -> None:
        while not over.is_set():
            pieces = [bytearray(200 + 37 * n % 30_000) for n in range(2000)]
            tensors = [torch.zeros(500, 10).softmax(1) for _ in range(20)]
            time.sleep(0.25)
            del pieces, tensors

    pages = [threading.Thread(target=draw) for _ in range(8)]
    for page in pages:
        page.start()
    most, started = 0, time.perf_counter()
    for number in range(rounds):
        widths = (16, 64, 128, 256, 512)
        jobs: list[Job[Any]] = [
            pool.submit(
                LAB.run,
                LabSettings(temperature=1 + number / 10, teacher_hidden=(widths[number % 5],)),
                "lab",
            )
        ]
        if number % 6 == 0:
            large = TeacherSizeSettings(seeds=20, labels=40 + number % 40, teacher_epochs=2)
            jobs.append(pool.submit(TEACHER_SIZE.run, large, "teacher size"))
        for job in jobs:
            job.wait(600)
        most = max(most, held := machine.resident_bytes())
        if number % 6 == 5:
            print(f"  round {number + 1:3}: {held / MB:4.0f} MB", flush=True)
    seconds = time.perf_counter() - started
    over.set()
    print(
        f"{'tamed' if tamed else 'as it comes'}: {most / MB:.0f} MB at most, {seconds:.1f} s, "
        f"{time.process_time():.1f} CPU s"
    )
    pool.shutdown()


def main() -> None:
    """Run one scene."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scene", choices=("newcomer", "work", "soak"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0, help="CPU time of each run")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--untamed", action="store_true", help="leave malloc as it comes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.scene == "newcomer":
        newcomer(options.workers)
    elif options.scene == "work":
        work(options.seconds)
    else:
        soak(options.rounds, not options.untamed)


if __name__ == "__main__":
    main()
