"""Train one stack in a process of its own and print its time and peak memory as JSON.

``engine.py`` starts this once for each number of students.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from kdcore.data import digits
from kdcore.distillation import Response, layer_sizes
from kdcore.models import MLPStack
from kdcore.training import TrainingSettings, train

#: Students → seeds and conditions.
SHAPES = {1: (1, 1), 10: (5, 2), 100: (20, 5), 1000: (100, 10)}
HIDDEN = (32,)


def peak_memory_mb() -> float:
    """Return the most memory this process has held so far, in MB.

    ``ru_maxrss`` starts from the parent's size on Linux, so the kernel's own mark is read there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        marks = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in marks:
            return int(marks["VmHWM"].split()[0]) / 1024
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def measure(students: int, samples_seen: int, teacher_logits: torch.Tensor) -> dict[str, float]:
    """Train this many students of one common teacher, ``[N, classes]``."""
    baseline = peak_memory_mb()
    seeds, conditions = SHAPES[students]
    dataset = digits()
    pool = dataset.training
    settings = TrainingSettings(samples_seen)
    logits = teacher_logits.repeat(seeds, 1, 1)
    temperatures = [1.0 + 2 * condition for condition in range(conditions)]
    rows = torch.arange(len(pool)).expand(seeds, -1)

    def run(settings: TrainingSettings) -> tuple[float, float]:
        started, cpu_started = time.perf_counter(), time.process_time()
        stack = MLPStack.initialise(layer_sizes(dataset, HIDDEN), range(seeds), conditions)
        objective = Response(pool.labels, logits, temperatures, [0.3] * conditions)
        train(stack, pool.inputs, rows, objective, settings)
        return time.perf_counter() - started, time.process_time() - cpu_started

    run(replace(settings, samples_seen=2 * settings.batch_size))  # first-time set-up of libraries
    seconds, cpu_seconds = run(settings)
    return {
        "students": students,
        "steps": settings.steps,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "baseline_mb": baseline,
        "peak_mb": peak_memory_mb(),
    }


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("students", type=int, choices=sorted(SHAPES))
    parser.add_argument("teacher_logits", type=Path, help="file with a tensor [N, classes]")
    parser.add_argument("--samples-seen", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    teacher_logits = torch.load(arguments.teacher_logits)
    print(json.dumps(measure(arguments.students, arguments.samples_seen, teacher_logits)))


if __name__ == "__main__":
    main()
