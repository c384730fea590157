"""How fast is the engine? The same 140 students trained by kdcore and in four other ways.

    python benchmarks/engine.py            # a few minutes
    python benchmarks/engine.py --quick    # a smoke run

Students are [64 → 32 → 10], 20 seeds × 7 conditions (hard labels; T = 1, 2, 3, 5, 10, 20 with
α = 0.3), on 900 images, 40 epochs = 36,000 samples in batches of 32, Adam with 0.003. Each seed
has its own teacher, trained beforehand. All contestants take turns on the same threads of one
process; machines are noisy, so look at the ratios. JAX takes part if it is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor

from benchmarks.contestants import (
    CONDITIONS,
    SEEDS,
    STUDENTS,
    Student,
    Task,
    Training,
    accuracy_on_test_set,
    compile_with_jax,
    prepare,
    prepare_jax,
    train_with_data_loader,
    train_with_kdcore,
    train_with_lean_loop,
    train_with_torch_func,
)
from kdcore.statistics import mean_interval

EVERYONE = tuple(Student(seed, condition) for seed in SEEDS for condition in range(CONDITIONS))
FULL_SAMPLES = 36_000
QUICK_SAMPLES = 900
TEACHER_SAMPLES = 27_000
KDCORE = "kdcore"


@dataclass(eq=False)
class Contestant:
    """One way of training, the students it trains, and what was measured, round by round."""

    name: str
    run: Callable[[Task], Training]
    students: tuple[Student, ...] = EVERYONE
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    #: Test accuracy of its students, ``[len(students)]``.
    accuracy: Tensor = field(default_factory=lambda: torch.empty(0))

    def take_turn(self, task: Task, scale: float) -> None:
        """Train once and write down the time, scaled to the full work."""
        training = self.run(task)
        self.seconds.append(training.seconds * scale)
        self.cpu_seconds.append(training.cpu_seconds * scale)
        self.accuracy = accuracy_on_test_set(training.parameters, task.dataset)


# -------------------------------------------------------------------------------------- the run


def main() -> None:
    """Run everything and print the tables."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    has_jax = prepare_jax(arguments.threads)
    scale = FULL_SAMPLES / QUICK_SAMPLES if arguments.quick else 1.0
    samples_seen = QUICK_SAMPLES if arguments.quick else arguments.samples_seen
    rounds = 1 if arguments.quick else arguments.rounds

    _say("teachers")
    task = prepare(samples_seen, TEACHER_SAMPLES)
    contestants = _contestants(arguments.plain)
    if has_jax:
        _say("compiling JAX")
        run_jax, compile_seconds = compile_with_jax(task)
        run_jax()
        contestants.append(Contestant("jax.vmap + lax.scan, jitted", lambda _: run_jax()))
    peak = _compete(contestants, task, rounds, scale)

    _print_setting(arguments, samples_seen, rounds, scale, has_jax)
    _print_times(contestants)
    if has_jax:
        print(
            f"JAX compiled for {compile_seconds:.2f} s before that. It was kept to its threads by\n"
            f"XLA_FLAGS='{os.environ['XLA_FLAGS']}' NPROC={os.environ['NPROC']}."
        )
    else:
        print("JAX is not installed here: it did not take part.")
    _print_accuracies(contestants)
    _print_peak(contestants[0], task, peak, scale)
    _print_growth(task, arguments, samples_seen)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: few steps, scaled")
    parser.add_argument("--threads", type=_positive, default=1, help="for every contestant")
    parser.add_argument("--samples-seen", type=_positive, default=FULL_SAMPLES)
    parser.add_argument("--rounds", type=_positive, default=5)
    parser.add_argument(
        "--plain", type=_positive, default=3, help="students that each plain loop trains, 2 or more"
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def _contestants(plain: int) -> list[Contestant]:
    few = _some_students(plain)
    return [
        Contestant(KDCORE, train_with_kdcore),
        Contestant(
            "plain loop, DataLoader",
            lambda task: _scaled_up(train_with_data_loader, task, few),
            few,
        ),
        Contestant(
            "plain loop, leanest",
            lambda task: _scaled_up(train_with_lean_loop, task, few),
            few,
        ),
        Contestant("torch.func, vmap(grad)", train_with_torch_func),
    ]


def _some_students(count: int) -> tuple[Student, ...]:
    """Draw at least one hard-label and one distilled student."""
    count = min(max(count, 2), STUDENTS)
    hard = [student for student in EVERYONE if student.condition == 0]
    distilled = [student for student in EVERYONE if student.condition != 0]
    draw, share = random.Random(0), max(1, count // CONDITIONS)
    return (*draw.sample(hard, share), *draw.sample(distilled, count - share))


def _scaled_up(
    loop: Callable[[Task, Sequence[Student]], Training], task: Task, students: Sequence[Student]
) -> Training:
    """Train a few students and scale the time up to all.

    Those on hard labels, whose loss is cheaper, are counted apart.
    """
    groups = [[s for s in students if (s.condition == 0) == hard] for hard in (True, False)]
    shares = [len(SEEDS) / len(groups[0]), len(SEEDS) * (CONDITIONS - 1) / len(groups[1])]
    parts = [loop(task, group) for group in groups]
    return Training(
        [
            (torch.cat([weight for weight, _ in layers]), torch.cat([bias for _, bias in layers]))
            for layers in zip(*(part.parameters for part in parts), strict=True)
        ],
        sum(share * part.seconds for share, part in zip(shares, parts, strict=True)),
        sum(share * part.cpu_seconds for share, part in zip(shares, parts, strict=True)),
    )


def _compete(contestants: list[Contestant], task: Task, rounds: int, scale: float) -> float:
    """Let all take turns; return the machine's best multiply-adds per second."""
    short = replace(
        task,
        settings=replace(task.settings, samples_seen=2 * task.settings.batch_size),
        batches=task.batches[:2],
    )
    for contestant in contestants:
        contestant.run(short)  # imports, first-time set-up of libraries
    peak = 0.0
    for turn in range(1, rounds + 1):
        peak = max(peak, _matmul_peak())
        for contestant in contestants:
            _say(f"round {turn} of {rounds}: {contestant.name}")
            contestant.take_turn(task, scale)
    return peak


def _matmul_peak() -> float:
    """Return the best multiply-adds per second of large float32 matrix products."""
    best = 0.0
    for size in (1024, 1536, 2048):
        a, b, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
        for _ in range(4):
            started = time.perf_counter()
            torch.mm(a, b, out=out)
            best = max(best, size**3 / (time.perf_counter() - started))
    return best


def useful_multiply_adds(task: Task) -> int:
    """Return the multiply-adds that training cannot do without.

    Forward and weight gradients of every layer, and the gradient by the inputs of every layer but
    the first. Biases, activations, softmaxes and the optimiser are not counted.
    """
    layers = [inputs * outputs for inputs, outputs in pairwise(task.layer_sizes)]
    per_sample = 2 * sum(layers) + sum(layers[1:])
    return per_sample * STUDENTS * task.settings.steps * task.settings.batch_size


# ----------------------------------------------------------------------------------- the tables


def _print_setting(
    arguments: argparse.Namespace, samples: int, rounds: int, scale: float, has_jax: bool
) -> None:
    libraries = f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})"
    if has_jax:
        libraries += f", jax {version('jax')}"
    print(
        f"{STUDENTS} students, {samples:,} samples each, {arguments.threads} thread(s), "
        f"{rounds} round(s)\n{_processor()}, Python {platform.python_version()}, {libraries}"
    )
    if scale != 1:
        print(f"QUICK: times are scaled by {scale:g} to {FULL_SAMPLES:,} samples; accuracies are")
        print("       those of the short training. For a smoke test only.")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _print_times(contestants: list[Contestant]) -> None:
    kdcore = contestants[0]
    print(
        f"\n{'':28}{'seconds':>9}{'min – max':>16}{'× kdcore':>10}{'min – max':>16}"
        f"{'CPU s':>9}{'× kdcore':>10}"
    )
    for contestant in contestants:
        ratios = _ratios(contestant.seconds, kdcore.seconds)
        cpu_ratios = _ratios(contestant.cpu_seconds, kdcore.cpu_seconds)
        print(
            f"{contestant.name:28}{statistics.median(contestant.seconds):9.2f}"
            f"{_spread(contestant.seconds):>16}{statistics.median(ratios):10.2f}"
            f"{_spread(ratios):>16}{statistics.median(contestant.cpu_seconds):9.2f}"
            f"{statistics.median(cpu_ratios):10.2f}"
        )
    print(
        "Medians over rounds; a ratio is taken within its round. Seconds beyond CPU seconds were\n"
        "spent waiting for a processor that someone else used; CPU seconds are of all threads."
    )
    for contestant in contestants:
        if contestant.students != EVERYONE:
            print(_scaling_note(contestant))


def _ratios(values: Sequence[float], by: Sequence[float]) -> list[float]:
    return [value / one for value, one in zip(values, by, strict=True)]


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} – {max(values):.2f}"


def _scaling_note(contestant: Contestant) -> str:
    hard = sum(student.condition == 0 for student in contestant.students)
    distilled = len(contestant.students) - hard
    return (
        f"{contestant.name}: scaled up from {hard} of {len(SEEDS)} hard-label and {distilled} of "
        f"{STUDENTS - len(SEEDS)} distilled students."
    )


def _print_accuracies(contestants: list[Contestant]) -> None:
    kdcore = contestants[0].accuracy
    print(
        f"\nTest accuracy, %            {'hard labels':>16}{'distilled':>16}"
        "   against the same students of kdcore"
    )
    for contestant in contestants:
        places = [student.index for student in contestant.students]
        same = kdcore[places]
        difference = (contestant.accuracy - same).mul(100)
        if contestant.students == EVERYONE:
            by_seed = contestant.accuracy.view(len(SEEDS), CONDITIONS)
            hard, distilled = _interval(by_seed[:, 0]), _interval(by_seed[:, 1:].mean(1))
        else:
            hard, distilled = _few(contestant, contestant.accuracy)
        note = ""
        if contestant.name != KDCORE:
            note = f"mean {difference.mean():+.2f}, largest {difference.abs().max():.2f} points"
        print(f"{contestant.name:28}{hard:>16}{distilled:>16}   {note}")
        if contestant.students != EVERYONE:
            hard, distilled = _few(contestant, same)
            print(f"{'  the same ones of kdcore':28}{hard:>16}{distilled:>16}")
    print("Mean ± half a 95 % interval over seeds; distilled: mean over the temperatures.")


def _interval(accuracy: Tensor) -> str:
    interval = mean_interval(100 * accuracy)
    return f"{interval.mean:.2f} ± {interval.half_width:.2f}"


def _few(contestant: Contestant, accuracy: Tensor) -> tuple[str, str]:
    """Return the mean over the few hard-label and the few distilled students with their number."""
    hard = torch.tensor([student.condition == 0 for student in contestant.students])
    groups = accuracy[hard], accuracy[~hard]
    first, second = (f"{100 * group.mean():.2f} (n = {len(group)})" for group in groups)
    return first, second


def _print_peak(kdcore: Contestant, task: Task, peak: float, scale: float) -> None:
    work = useful_multiply_adds(task)
    rate = work * scale / min(kdcore.seconds)
    print(
        f"\nPeak: torch.mm reached {peak / 1e9:.1f} billion multiply-adds a second; kdcore's "
        f"{work * scale / 1e9:.1f} billion useful\n"
        f"ones ran at {rate / 1e9:.1f}, that is {rate / peak:.0%} of it."
    )


def _print_growth(task: Task, arguments: argparse.Namespace, samples_seen: int) -> None:
    print(f"\nGrowth ({samples_seen:,} samples each, every number in a process of its own)")
    print(
        f"{'students':>10}{'seconds':>10}{'CPU s':>10}{'CPU µs/student-step':>22}"
        f"{'peak MB':>10}{'above import':>15}"
    )
    with tempfile.TemporaryDirectory() as folder:
        teacher = Path(folder) / "teacher_logits.pt"
        torch.save(task.teacher_logits[0].clone(), teacher)
        for students in (1, 10, 100) if arguments.quick else (1, 10, 100, 1000):
            _say(f"growth: {students} students")
            row = _measured_apart(students, teacher, samples_seen, arguments.threads)
            each = row["cpu_seconds"] / row["steps"] / students * 1e6
            print(
                f"{students:>10}{row['seconds']:>10.2f}{row['cpu_seconds']:>10.2f}{each:>22.1f}"
                f"{row['peak_mb']:>10.0f}{row['peak_mb'] - row['baseline_mb']:>15.0f}"
            )
    print(f"A process that has only imported torch and kdcore: {row['baseline_mb']:.0f} MB.")


def _measured_apart(
    students: int, teacher: Path, samples_seen: int, threads: int
) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__).with_name("growth.py")), str(students)]
    command += [str(teacher), "--samples-seen", str(samples_seen), "--threads", str(threads)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    row: dict[str, float] = json.loads(output)
    return row


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
