"""What is wrong with the reference run, each fault made visible.

1. The labels are random, so nothing can be learned: `rerun` measures on held-out data.
2. Each figure comes from one run: `rerun` repeats a table with other seeds, `times_best` counts.
3. Accuracy is measured on the training data: `memorise` trains all layers and fits pure noise.
4. Chance alone spreads an accuracy on 500 examples by about 0.03: `wilson_interval`.
5. Only the last layer is trained: :func:`kdcore.reference.run.layer_changes`, kept with each row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kdcore.reference.run import (
    CLASSES,
    EXAMPLES,
    FEATURES,
    MAX_HELD_OUT,
    RATE,
    SEED,
    FloatArray,
    LayerChange,
    Network,
    draw_examples,
    draw_network,
    layer_changes,
    require_whole,
    run_table,
    share_right,
    softmax,
)
from kdcore.reference.tables import Setting, Table

# A page calls these functions while a learner waits; the limits keep each call to a few seconds.
MAX_SEEDS = 50
MAX_WIDTH = 1024
MAX_LAYERS = 4
MAX_STEPS = 5_000
MAX_POINTS = 200
MAX_HELD_OUT_OF_ALL_SEEDS = 50_000
MAX_WORK = 5e10  # parameters × examples passed through; one to two seconds on one core

Z_95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


# ------------------------------------------------------- faults 1 and 2: held-out data, other seeds


@dataclass(frozen=True, eq=False)
class Reruns:
    """A table run with S seeds: accuracies `[S, rows]` as fractions.

    `student_accuracy` and `teacher_accuracy` are on the training data, as the reference measured
    them; the held-out ones are on `held_out_examples` fresh examples per seed.
    """

    table: Table
    seeds: tuple[int, ...]
    settings: tuple[Setting, ...]
    held_out_examples: int
    student_accuracy: FloatArray
    student_held_out_accuracy: FloatArray
    teacher_accuracy: FloatArray
    teacher_held_out_accuracy: FloatArray


def rerun(table: Table, seeds: Sequence[int], held_out_examples: int = EXAMPLES) -> Reruns:
    """Run a table with other seeds, and measure on held-out data too: faults 1 and 2.

    Parameters
    ----------
    table : {"temperature", "teacher-size", "balance"}
        Which table.
    seeds : sequence of int
        One run each; different, at most 50.
    held_out_examples : int
        Fresh examples per seed.

    Returns
    -------
    Reruns
        Accuracies per seed and row.

    Raises
    ------
    ValueError
        For an unknown table; for repeated seeds, none, or too many; for a number out of range.
    """
    _require_seeds(seeds, held_out_examples)
    # A loop, not a stack: measured here, stacked arrays leave the cache and are no faster.
    runs = [run_table(table, seed, held_out_examples) for seed in seeds]

    def column(name: str) -> FloatArray:
        return np.array([[getattr(row, name) for row in run] for run in runs])

    return Reruns(
        table=table,
        seeds=tuple(seeds),
        settings=tuple(row.setting for row in runs[0]),
        held_out_examples=held_out_examples,
        student_accuracy=column("student_accuracy"),
        student_held_out_accuracy=column("student_held_out_accuracy"),
        teacher_accuracy=column("teacher_accuracy"),
        teacher_held_out_accuracy=column("teacher_held_out_accuracy"),
    )


def times_best(accuracies: FloatArray) -> FloatArray:
    """How many seeds found each row to be the best one.

    Parameters
    ----------
    accuracies : array `[S, rows]`
        Accuracies per seed, such as `Reruns.student_accuracy`.

    Returns
    -------
    array `[rows]`
        Counts that add up to S; rows that tie for best in a seed share that seed equally.

    Raises
    ------
    ValueError
        If the array is not two-dimensional or has no rows.
    """
    _require_seeds_by_rows(accuracies)
    is_best = accuracies == accuracies.max(axis=1, keepdims=True)
    counts: FloatArray = (is_best / is_best.sum(axis=1, keepdims=True)).sum(axis=0)
    return counts


# ------------------------------------------------------------------------------ fault 3: memorising


@dataclass(frozen=True)
class CurvePoint:
    """Accuracies (fractions) after a number of gradient steps."""

    step: int
    training_accuracy: float
    held_out_accuracy: float


@dataclass(frozen=True)
class Memorising:
    """A network trained in all its layers on random labels."""

    curve: tuple[CurvePoint, ...]
    layers: tuple[LayerChange, ...]


@np.errstate(over="ignore", invalid="ignore")  # a diverged run is reported, not warned about
def memorise(
    hidden: Sequence[int] = (128, 64),
    *,
    steps: int = 400,
    rate: float = RATE,
    seed: int = SEED,
    record_every: int = 20,
    held_out_examples: int = 5_000,
) -> Memorising:
    """Train all layers on the random labels: training accuracy climbs, held-out stays at chance.

    With the defaults it is the reference's own teacher, data and rate; only more is trained, and
    longer.

    Parameters
    ----------
    hidden : sequence of int
        Hidden widths.
    steps : int
        Full-batch gradient steps.
    rate : float
        Learning rate, above 0 and at most 1.
    seed : int
        Seed of the legacy generator.
    record_every : int
        Steps between two points of the curve; the last step is always recorded.
    held_out_examples : int
        Fresh examples for the held-out accuracy.

    Returns
    -------
    Memorising
        The curve from step 0, and how far each layer moved.

    Raises
    ------
    ValueError
        For a number out of range, too many points, or too much work in all.
    FloatingPointError
        If training diverged.

    References
    ----------
    Zhang, Bengio, Hardt, Recht, Vinyals (2017), "Understanding deep learning requires rethinking
    generalization": networks fit random labels.
    """
    _require_memorise_settings(hidden, steps, rate, record_every, held_out_examples)
    require_whole("seed", seed, 0, 2**32 - 1)
    random = np.random.RandomState(seed)
    examples = draw_examples(random)
    start = network = draw_network(random, hidden)
    held_out = draw_examples(random, held_out_examples)
    onehot = np.eye(CLASSES)[examples.labels]
    curve = []
    for step in range(steps + 1):
        received = network.activations(examples.inputs)
        logits = received[-1] @ network.weights[-1] + network.biases[-1]
        if not np.isfinite(logits).all():
            raise FloatingPointError(f"training diverged after {step} steps: use a smaller rate")
        if step % record_every == 0 or step == steps:
            on_held_out = share_right(network.logits(held_out.inputs), held_out.labels)
            curve.append(CurvePoint(step, share_right(logits, examples.labels), on_held_out))
        if step < steps:
            gradient = (softmax(logits) - onehot) / len(onehot)
            network = _descend_all_layers(network, received, gradient, rate)
    return Memorising(tuple(curve), layer_changes(start, network))


def _descend_all_layers(
    network: Network, received: list[FloatArray], gradient: FloatArray, rate: float
) -> Network:
    """One gradient step on every layer, from what each received and the gradient on the logits."""
    weights, biases = list(network.weights), list(network.biases)
    for layer in reversed(range(len(weights))):
        weights[layer] = network.weights[layer] - rate * (received[layer].T @ gradient)
        biases[layer] = network.biases[layer] - rate * gradient.sum(axis=0)
        if layer > 0:
            gradient = (gradient @ network.weights[layer].T) * (received[layer] > 0)
    return Network(tuple(weights), tuple(biases))


# ---------------------------------------------------------------------- fault 4: chance's own width


def wilson_interval(accuracy: float, examples: int = EXAMPLES) -> tuple[float, float]:
    """95 % interval of an accuracy measured once on `examples` examples.

    Parameters
    ----------
    accuracy : float
        Fraction answered rightly, from 0 to 1.
    examples : int
        Number of independent examples n.

    Returns
    -------
    (float, float)
        Lower and upper bound, as fractions:
        (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96.

    Raises
    ------
    ValueError
        If the accuracy is not a fraction or `examples` is not a positive whole number.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA
    22; recommended by Brown, Cai, DasGupta (2001), Statistical Science 16.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be a fraction from 0 to 1, not {accuracy}")
    require_whole("examples", examples, 1, 2**53)
    z_squared_per_n = Z_95**2 / examples
    centre = accuracy + z_squared_per_n / 2
    variance = accuracy * (1 - accuracy) / examples
    half_width = Z_95 * math.sqrt(variance + z_squared_per_n / (4 * examples))
    scale = 1 + z_squared_per_n
    low, high = (centre - half_width) / scale, (centre + half_width) / scale
    # At 0 and 1 a bound meets the accuracy itself; rounding must not push it past.
    return max(0.0, min(low, accuracy)), min(1.0, max(high, accuracy))


def furthest_apart(intervals: Sequence[tuple[float, float]]) -> tuple[int, int] | None:
    """Return which interval ends lowest and which begins highest; ``None`` if all overlap."""
    lowest = min(range(len(intervals)), key=lambda i: intervals[i][1])
    highest = max(range(len(intervals)), key=lambda i: intervals[i][0])
    return (lowest, highest) if intervals[lowest][1] < intervals[highest][0] else None


# ------------------------------------------------------------------------------------------- limits


def _require_seeds(seeds: Sequence[int], held_out_examples: int) -> None:
    require_whole("the number of seeds", len(seeds), 1, MAX_SEEDS)
    for seed in seeds:
        require_whole("seed", seed, 0, 2**32 - 1)
    if len(set(seeds)) < len(seeds):
        raise ValueError("seeds must differ: the same seed gives the same run again")
    limit = MAX_HELD_OUT_OF_ALL_SEEDS // len(seeds)
    require_whole("held_out_examples", held_out_examples, 1, min(limit, MAX_HELD_OUT))


def _require_memorise_settings(
    hidden: Sequence[int], steps: int, rate: float, record_every: int, held_out_examples: int
) -> None:
    require_whole("the number of hidden layers", len(hidden), 1, MAX_LAYERS)
    for width in hidden:
        require_whole("a hidden width", width, 1, MAX_WIDTH)
    require_whole("steps", steps, 1, MAX_STEPS)
    require_whole("record_every", record_every, math.ceil(steps / MAX_POINTS), MAX_STEPS)
    require_whole("held_out_examples", held_out_examples, 1, MAX_HELD_OUT)
    if not 0 < rate <= 1:
        raise ValueError(f"rate must be above 0 and at most 1, not {rate}")
    parameters = sum((fan_in + 1) * out for fan_in, out in pairwise((FEATURES, *hidden, CLASSES)))
    # A gradient step costs about three passes: one forward, two backward.
    passes = 3 * EXAMPLES * steps + held_out_examples * (steps // record_every + 2)
    if parameters * passes > MAX_WORK:
        raise ValueError("this is too much work for a live page: fewer steps or smaller layers")


def _require_seeds_by_rows(accuracies: FloatArray) -> None:
    if accuracies.ndim != 2 or accuracies.size == 0:
        raise ValueError(f"accuracies must be [seeds, rows], not of shape {accuracies.shape}")
