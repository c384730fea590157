"""What the first run of every page costs: CPU seconds on one thread, and memory above the import.

    python benchmarks/pages.py                 every experiment with its defaults
    python benchmarks/pages.py words confidence

Each in a process of its own, with no teacher kept from a run before. On a machine with other work
the seconds of the CPU say more than those of the clock.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MB = 2**20

#: What the issue on distillation today allows one default run.
SECONDS, MEGABYTES = 3.0, 150

MEASURE = """
import resource, sys, time
import torch
torch.set_num_threads(1)
from kdcore.experiments import EXPERIMENTS
from kdcore.visit.machine import resident_bytes
experiment = EXPERIMENTS[sys.argv[1]]
settings = experiment.settings()
before = resident_bytes()
cpu, wall = time.process_time(), time.perf_counter()
experiment.run(settings)
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(cpu, wall, peak - before)
"""


def measure(name: str) -> tuple[float, float, float]:
    """Return CPU seconds, seconds and bytes at the peak above what was held before."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, name], cwd=ROOT, capture_output=True, text=True, check=True
    )
    cpu, wall, peak = (float(word) for word in done.stdout.split())
    return cpu, wall, peak


def main() -> None:
    """Print the table."""
    sys.path.insert(0, str(ROOT))
    from kdcore.experiments import EXPERIMENTS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*EXPERIMENTS, []], help="experiments")
    names = parser.parse_args().names or list(EXPERIMENTS)
    print(f"allowed: {SECONDS:g} CPU s and {MEGABYTES} MB")
    print(f"{'experiment':18} {'CPU s':>7} {'s':>7} {'MB':>7}")
    for name in names:
        cpu, wall, peak = measure(name)
        over = cpu > SECONDS or peak > MEGABYTES * MB
        print(f"{name:18} {cpu:7.2f} {wall:7.2f} {peak / MB:7.0f}{'   over' if over else ''}")


if __name__ == "__main__":
    main()
