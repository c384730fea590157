"""A run of the Dark Knowledge Lab as an ordinary PyTorch program: teach, distil, measure.

For each seed a teacher learns from the labels of many handwritten digits. One student learns from
the few labels that it sees; the same student, from the same start, learns from them and from its
teacher. Are the taught students better? Run it, change a setting, run it again:

    python FILE.py        (needs torch and numpy only; the handwritten digits are in it)

At the end it prints its figures beside those that the app showed. It shares no code with the app,
which trains all networks at once: this is the same recipe, written down a second time.
"""

from __future__ import annotations

import base64
import gzip
import io
import math
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice, pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# ------------------------------------------------------------------ the run: change it and see

#: Temperature T and balance α of each distilled student. α weighs the hard labels, 1 − α the
#: teacher. A student with hard labels alone is always trained, too: the others are compared to it.
STUDENTS = [(4.0, 0.3)]

#: Widths of the hidden layers.
TEACHER_HIDDEN = [256]
STUDENT_HIDDEN = [32]

#: How many of the 900 training images a student sees, and which share of their labels is wrong.
LABELS = 50
LABEL_NOISE = 0.0

#: How many of the 900 the teacher sees: all of them, or few for a weak teacher.
TEACHER_LABELS = 900

#: How often everything is repeated, with other images, weights and batches. At least 2.
SEEDS = 10
FIRST_SEED = 0

#: Which split of the images into those to train with and those to test; 0 is the usual one.
SPLIT = 0

#: Samples that a student sees, however few images they are drawn from.
STUDENT_SAMPLES = 12_000

# ------------------------------------------------------------------------------- what is fixed

TEACHER_EPOCHS = 30
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
#: Teachers of several hidden layers want a smaller step.
LEARNING_RATE_OF_A_DEEP_TEACHER = 2e-3

#: What the app showed, in % and points: mean and, if it gave one, half-width of the interval.
SHOWN: dict[str, tuple[float, ...]] = {}
TORCH_OF_THE_APP = ""
#: Means agree if they are no further apart than this, in points. Sums added up in another order
#: are rounded differently, and in a rare seed a few of the 897 test images are then read
#: differently.
TOLERANCE = 0.1

# ------------------------------------------------------------------------------ data and draws


def generator(seed: int, purpose: str) -> torch.Generator:
    """Return a random generator for one seed and purpose, so that no draw shifts another."""
    state = np.random.SeedSequence([seed, *purpose.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def read_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return images [900, 64] and labels to train with, images [897, 64] and labels to test."""
    text = gzip.decompress(base64.b64decode(DIGITS)).decode()
    table = torch.tensor(np.loadtxt(io.StringIO(text), np.float32, delimiter=","))
    images, labels = table[:, :64] / 16, table[:, 64].long()
    draw = generator(SPLIT, "split")
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for digit in range(10):
        rows = torch.nonzero(labels == digit).flatten()
        chosen[rows[torch.randperm(len(rows), generator=draw)[:90]]] = True
    return images[chosen], labels[chosen], images[~chosen], labels[~chosen]


def some_rows(count: int, seed: int, purpose: str) -> Tensor:
    """Draw which of the 900 training images are seen: sorted row numbers [count]."""
    return torch.randperm(900, generator=generator(seed, purpose))[:count].sort().values


def with_wrong_labels(labels: Tensor, seed: int) -> Tensor:
    """Replace a share LABEL_NOISE of the labels by another class, each as likely."""
    draw = generator(seed, "label noise")
    wrong = torch.randperm(len(labels), generator=draw)[: round(LABEL_NOISE * len(labels))]
    steps = torch.randint(1, 10, labels.shape, generator=draw)
    noisy = labels.clone()
    noisy[wrong] = (labels[wrong] + steps[wrong]) % 10
    return noisy


def batches(rows: Tensor, seed: int) -> Iterator[Tensor]:
    """Yield batches of rows without end: one shuffle after another; a batch may span two."""
    draw = generator(seed, "batches")
    waiting = rows[:0]
    while True:
        while len(waiting) < BATCH_SIZE:
            waiting = torch.cat([waiting, rows[torch.randperm(len(rows), generator=draw)]])
        yield waiting[:BATCH_SIZE]
        waiting = waiting[BATCH_SIZE:]


# --------------------------------------------------------------------------- networks and loss


def new_network(hidden: list[int], seed: int) -> nn.Sequential:
    """Return a network 64 → hidden → 10 with ReLU between layers, the same for the same seed."""
    draw = generator(seed, "weights")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([64, *hidden, 10]):
        layer = nn.Linear(inputs, outputs)
        # Uniform from −1/√inputs to 1/√inputs, as torch itself does, but with our generator.
        start = (2 * torch.rand(outputs, inputs + 1, generator=draw) - 1) / math.sqrt(inputs)
        layer.weight.data, layer.bias.data = start[:, :-1].contiguous(), start[:, -1].clone()
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def distillation_loss(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, T: float, alpha: float
) -> Tensor:
    """L = α · CE(student, labels) + (1 − α) · T² · KL(teacher_T ‖ student_T).

    T divides the logits of both before the softmax. The soft gradient shrinks as 1/T²; the factor
    T² makes up for it (Hinton, Vinyals, Dean 2015).
    """
    hard = F.cross_entropy(student_logits, labels)
    soft = F.kl_div(
        F.log_softmax(student_logits / T, dim=1),
        F.softmax(teacher_logits / T, dim=1),
        reduction="batchmean",
    )
    return alpha * hard + (1 - alpha) * T**2 * soft


def train(
    network: nn.Sequential,
    images: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    batch_rows: Iterator[Tensor],
    samples: int,
    learning_rate: float,
) -> None:
    """Train with Adam until ``samples`` were seen; ``loss`` takes logits and their rows."""
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    for rows in islice(batch_rows, math.ceil(samples / BATCH_SIZE)):
        optimiser.zero_grad()
        loss(network(images[rows]), rows).backward()
        optimiser.step()


# ------------------------------------------------------------------------------------- one seed


def run_seed(seed: int) -> dict[str, float]:
    """Train the teacher and the students of one seed; return what was measured, in %."""
    images, labels, test_images, test_labels = read_digits()
    teacher = new_network(TEACHER_HIDDEN, seed)
    train(
        teacher,
        images,
        lambda logits, rows: F.cross_entropy(logits, labels[rows]),
        batches(some_rows(TEACHER_LABELS, seed, "teacher's labels"), seed),
        TEACHER_EPOCHS * TEACHER_LABELS,
        LEARNING_RATE if len(TEACHER_HIDDEN) == 1 else LEARNING_RATE_OF_A_DEEP_TEACHER,
    )
    with torch.no_grad():  # the teacher is a constant from here on
        teacher_logits = teacher(images)
        teacher_answers = teacher(test_images).argmax(dim=1)
    measured = {"teacher: accuracy": share(teacher_answers == test_labels)}

    seen = some_rows(LABELS, seed, "labels")
    student_labels = labels.clone()
    student_labels[seen] = with_wrong_labels(labels[seen], seed)

    def teach(T: float, alpha: float) -> Tensor:
        student = new_network(STUDENT_HIDDEN, seed)

        def loss(logits: Tensor, rows: Tensor) -> Tensor:
            return distillation_loss(logits, teacher_logits[rows], student_labels[rows], T, alpha)

        train(student, images, loss, batches(seen, seed), STUDENT_SAMPLES, LEARNING_RATE)
        with torch.no_grad():
            return student(test_images).argmax(dim=1)

    students = {"hard labels": (1.0, 1.0)}  # α = 1: the teacher has no say, nor has T
    students |= {f"T = {T:g}, alpha = {alpha:g}": (T, alpha) for T, alpha in STUDENTS}
    for name, (T, alpha) in students.items():
        answers = teach(T, alpha)
        measured[f"{name}: accuracy"] = share(answers == test_labels)
        measured[f"{name}: agreement"] = share(answers == teacher_answers)
        if name != "hard labels":
            gain = measured[f"{name}: accuracy"] - measured["hard labels: accuracy"]
            measured[f"{name}: gain"] = gain
    return measured


def share(right: Tensor) -> float:
    """Return how many are true, in %."""
    return 100 * right.double().mean().item()


# ------------------------------------------------------------------------------------ all seeds


@cache
def t_quantile(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t, by adding up its density.

    With t = √degrees · tan θ the density over θ is proportional to cos(θ) ** (degrees − 1).
    """
    theta = np.linspace(-math.pi / 2, math.pi / 2, 1_000_001)
    density = np.cos(theta) ** (degrees - 1)
    below = np.concatenate([[0], np.cumsum(density[1:] + density[:-1])])
    return math.sqrt(degrees) * math.tan(np.interp(0.975, below / below[-1], theta))


def interval(values: list[float]) -> tuple[float, float]:
    """Return the mean over seeds and the half-width of its 95 % t-interval."""
    n = len(values)
    return float(np.mean(values)), t_quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)


def verdict(mean: float, half_width: float) -> str:
    """Return what a gain says: does its interval lie above zero, below it, or around it?"""
    if mean - half_width > 0:
        return "helps"
    return "hurts" if mean + half_width < 0 else "no clear difference"


def written(name: str, figure: tuple[float, ...]) -> str:
    """Write a mean and, if it is known, its interval; a gain with its sign."""
    text = " ± ".join(f"{number:.2f}" for number in figure) or "-"
    return f"+{text}" if name.endswith("gain") and figure and figure[0] >= 0 else text


def agrees(name: str, figure: tuple[float, float], shown: tuple[float, ...]) -> bool:
    """Return whether the mean is the app's within the tolerance, and a gain's verdict the same."""
    if name.endswith("gain") and verdict(*figure) != verdict(*shown):
        return False
    return abs(figure[0] - shown[0]) <= TOLERANCE


def main() -> None:
    """Run all seeds, print the figures, and compare them with those that the app showed."""
    torch.set_num_threads(1)  # such small networks gain nothing from more
    started = time.perf_counter()
    seeds = []
    for number in range(SEEDS):
        seeds.append(run_seed(FIRST_SEED + number))
        print(f"seed {number + 1} of {SEEDS}: {time.perf_counter() - started:.0f} s", flush=True)

    figures = {name: interval([seed[name] for seed in seeds]) for name in seeds[0]}
    print("\nMeans over seeds ± 95 % interval, on the test images: accuracy and agreement (how")
    print("often it answers as the teacher does) in %, gain over hard labels in points, paired.\n")
    print(f"{'':36}{'this script':18}the app")
    for name, figure in figures.items():
        says = verdict(*figure) if name.endswith("gain") else ""
        mine, shown = written(name, figure), written(name, SHOWN.get(name, ()))
        print(f"{name:36}{mine:18}{shown:18}{says}".rstrip())
    if SHOWN and all(n in figures and agrees(n, figures[n], SHOWN[n]) for n in SHOWN):
        print(f"\nThe figures agree with the app's: no mean is more than {TOLERANCE} points off.")
    elif SHOWN:
        print(f"\nThe figures do NOT agree with the app's within {TOLERANCE} points. Did you")
        print("change a setting? That is what it does. Another torch or another processor rounds")
        print(f"differently: the app ran torch {TORCH_OF_THE_APP}, this is {torch.__version__}.")


# -------------------------------------------------------------------------------------- the data

#: Optical Recognition of Handwritten Digits, by E. Alpaydin and C. Kaynak (1998), UCI Machine
#: Learning Repository, licensed under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/).
#: 1,797 lines of 64 pixels, 0 to 16, and the digit; as CSV, compressed by gzip, in base 64.
DIGITS = ""

if __name__ == "__main__":
    main()
