"""The published reference run, reproduced to its last printed digit.

How the published tables were made was worked out by making them again: random inputs, random
labels, one seed, and networks of which only the last layer is trained. `reproduce` returns all
rows beside the published ones; :mod:`kdcore.reference.faults` shows what is wrong with them.

Everything here is NumPy in float64 and draws from an explicit legacy generator, because the
published figures depend on its exact stream. The lessons themselves use PyTorch, on real data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kdcore.reference.tables import (
    PUBLISHED,
    TABLES,
    Cell,
    PublishedRow,
    Setting,
    Table,
    compare,
    require_table,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SEED = 42
EXAMPLES = 500
FEATURES = 32
CLASSES = 10
CHANCE = 1 / CLASSES
STUDENT_HIDDEN = (32,)
TEACHER_STEPS = 100
STUDENT_STEPS = 50
RATE = 0.1

#: A page waits for the run; this many held-out examples take a moment.
MAX_HELD_OUT = 20_000


# -------------------------------------------------------------------------------- data and networks


@dataclass(frozen=True, eq=False)
class RandomExamples:
    """Inputs `[N, 32]` and labels `[N]`, which have nothing to do with each other."""

    inputs: FloatArray
    labels: IntArray


@dataclass(frozen=True, eq=False)
class Network:
    """A multilayer perceptron: weights `[in, out]` and biases `[out]` of each layer, in order."""

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(array.size for array in (*self.weights, *self.biases))

    def activations(self, inputs: FloatArray) -> list[FloatArray]:
        """Return what each layer receives: the inputs, then every hidden layer after its ReLU."""
        received = [inputs]
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            received.append(np.maximum(received[-1] @ weights + bias, 0))
        return received

    def logits(self, inputs: FloatArray) -> FloatArray:
        """Return the logits ``[N, 10]`` of inputs ``[N, 32]``."""
        return self.activations(inputs)[-1] @ self.weights[-1] + self.biases[-1]


def draw_examples(random: np.random.RandomState, count: int = EXAMPLES) -> RandomExamples:
    """Draw normal inputs, then labels that do not depend on them.

    Parameters
    ----------
    random : RandomState
        The generator; inputs are drawn first, labels second.
    count : int
        Number of examples N.

    Returns
    -------
    RandomExamples
        Inputs `[N, 32]` and labels `[N]` in 0 … 9.
    """
    inputs = random.randn(count, FEATURES)
    return RandomExamples(inputs, random.randint(0, CLASSES, count).astype(np.int64))


def draw_network(random: np.random.RandomState, hidden: Sequence[int]) -> Network:
    """Draw an untrained network: weights N(0, 2 / in), zero biases.

    Parameters
    ----------
    random : RandomState
        The generator; weights are drawn layer by layer, input side first.
    hidden : sequence of int
        Widths of the hidden layers.

    Returns
    -------
    Network
        From 32 inputs through the hidden layers to 10 logits.

    References
    ----------
    He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers": the scale sqrt(2 / in).
    """
    shapes = list(pairwise((FEATURES, *hidden, CLASSES)))
    weights = tuple(random.randn(fan_in, out) * np.sqrt(2 / fan_in) for fan_in, out in shapes)
    return Network(weights, tuple(np.zeros(out) for _, out in shapes))


def share_right(logits: FloatArray, labels: IntArray) -> float:
    """Return the fraction of examples whose largest logit is that of the label."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def softmax(logits: FloatArray) -> FloatArray:
    """Return the probabilities `[N, 10]` of logits `[N, 10]`."""
    # NumPy reduces a leading axis three times faster than a short trailing one, and the softmax
    # is most of the work here; hence the detour over columns.
    columns = np.ascontiguousarray(logits.T)
    exponentials = np.exp(columns - columns.max(axis=0))
    probabilities: FloatArray = (exponentials / exponentials.sum(axis=0)).T
    return probabilities


def _mean_entropy(probabilities: FloatArray) -> float:
    """Mean over examples of the entropy in nats; the 1e-10 is the reference's own."""
    return float(-(probabilities * np.log(probabilities + 1e-10)).sum(axis=1).mean())


# ----------------------------------------------------------------------------------------- training


@dataclass(frozen=True)
class Condition:
    """What makes one row: the teacher's hidden widths, the temperature, and alpha (hard share)."""

    setting: Setting
    teacher_hidden: tuple[int, ...]
    temperature: float
    alpha: float


def _condition(table: Table, setting: Setting) -> Condition:
    """Read the condition of a row from its table and setting."""
    if table == "temperature":
        return Condition(setting, (128, 64), temperature=float(setting), alpha=0.3)
    if table == "balance":
        return Condition(setting, (128, 64), temperature=3.0, alpha=float(setting))
    hidden = tuple(int(width) for width in str(setting).split(","))
    return Condition(setting, hidden, temperature=3.0, alpha=0.3)


@dataclass(frozen=True, eq=False)
class _Trained:
    """A network before and after training, and its final logits `[N, 10]` on the training data."""

    start: Network
    end: Network
    logits: FloatArray


def _descend_last_layer(
    start: Network,
    inputs: FloatArray,
    logit_gradient: Callable[[FloatArray], FloatArray],
    steps: int,
) -> _Trained:
    """Full-batch gradient descent on the last layer only, as the reference did it."""
    # The layers below never move, so what they pass on is computed once.
    features = start.activations(inputs)[-1]
    weights, bias = start.weights[-1].copy(), start.biases[-1].copy()
    for _ in range(steps):
        gradient = logit_gradient(features @ weights + bias)
        weights -= RATE * (features.T @ gradient)
        bias -= RATE * gradient.sum(axis=0)
    end = Network((*start.weights[:-1], weights), (*start.biases[:-1], bias))
    return _Trained(start, end, logits=features @ weights + bias)


def _train_teacher(start: Network, examples: RandomExamples) -> _Trained:
    """Cross-entropy on the hard labels: dL/dz = (softmax(z) - onehot) / N."""
    onehot = np.eye(CLASSES)[examples.labels]

    def gradient(logits: FloatArray) -> FloatArray:
        return (softmax(logits) - onehot) / len(onehot)

    return _descend_last_layer(start, examples.inputs, gradient, TEACHER_STEPS)


def _train_student(
    start: Network, examples: RandomExamples, teacher_logits: FloatArray, condition: Condition
) -> _Trained:
    """Distillation: dL/dz = [α·(softmax(z) - onehot) + (1-α)·T·(softmax(z/T) - soft_labels)] / N.

    The reference writes the soft part as T·[(softmax(z/T) - soft_labels) / T]: one factor T of
    the usual T² is missing, so the soft pull fades as T grows.
    """
    temperature, alpha = condition.temperature, condition.alpha
    onehot = np.eye(CLASSES)[examples.labels]
    soft_labels = softmax(teacher_logits / temperature)

    def gradient(student_logits: FloatArray) -> FloatArray:
        hard = softmax(student_logits) - onehot
        soft = temperature * ((softmax(student_logits / temperature) - soft_labels) / temperature)
        return (alpha * hard + (1 - alpha) * soft) / len(onehot)

    return _descend_last_layer(start, examples.inputs, gradient, STUDENT_STEPS)


# ------------------------------------------------------------------------------------------ the run


@dataclass(frozen=True)
class LayerChange:
    """How far one layer moved: Euclidean norms over its weights and biases together.

    `layer` counts from 1 at the input; `shape` is (in, out).
    """

    layer: int
    shape: tuple[int, int]
    parameters: int
    initial_norm: float
    change_norm: float


@dataclass(frozen=True)
class MeasuredRow:
    """One row of a table, measured; accuracies are fractions, entropy (at the row's T) in nats."""

    setting: Setting
    entropy: float
    student_accuracy: float
    student_held_out_accuracy: float
    teacher_accuracy: float
    teacher_held_out_accuracy: float
    teacher_parameters: int
    student_layers: tuple[LayerChange, ...]
    teacher_layers: tuple[LayerChange, ...]


def layer_changes(before: Network, after: Network) -> tuple[LayerChange, ...]:
    """Which layers training moved, and how far: fault 5 made visible.

    Parameters
    ----------
    before, after : Network
        The same network before and after training.

    Returns
    -------
    tuple of LayerChange
        One per layer, input side first.

    Raises
    ------
    ValueError
        If the two differ in shape.
    """
    if [w.shape for w in before.weights] != [w.shape for w in after.weights]:
        raise ValueError("before and after must have the same layers")
    changes = []
    for index, start in enumerate(before.weights):
        change = after.weights[index] - start
        bias_change = after.biases[index] - before.biases[index]
        changes.append(
            LayerChange(
                layer=index + 1,
                shape=(start.shape[0], start.shape[1]),
                parameters=start.size + bias_change.size,
                initial_norm=math.hypot(_norm(start), _norm(before.biases[index])),
                change_norm=math.hypot(_norm(change), _norm(bias_change)),
            )
        )
    return tuple(changes)


def _norm(array: FloatArray) -> float:
    return float(np.linalg.norm(array))


def run_table(
    table: Table, seed: int = SEED, held_out_examples: int = EXAMPLES
) -> tuple[MeasuredRow, ...]:
    """Make one table as the reference did, and measure also what it did not.

    Parameters
    ----------
    table : {"temperature", "teacher-size", "balance"}
        Which table.
    seed : int
        Seed of the legacy generator; 42 gives the published figures.
    held_out_examples : int
        Number of fresh examples for the held-out accuracies. They are drawn after everything
        else, so they do not disturb the published stream.

    Returns
    -------
    tuple of MeasuredRow
        In the published order.

    Raises
    ------
    ValueError
        For an unknown table, or a seed or number of examples out of range.
    """
    require_table(table)
    require_whole("seed", seed, 0, 2**32 - 1)
    require_whole("held_out_examples", held_out_examples, 1, MAX_HELD_OUT)
    random = np.random.RandomState(seed)
    examples = draw_examples(random)
    pairs = _train_pairs(table, random, examples)
    held_out = draw_examples(random, held_out_examples)
    return tuple(_measure(*pair, examples, held_out) for pair in pairs)


def _train_pairs(
    table: Table, random: np.random.RandomState, examples: RandomExamples
) -> list[tuple[Condition, _Trained, _Trained]]:
    """Condition, teacher and student of each row; a teacher serves while its shape stays."""
    pairs: list[tuple[Condition, _Trained, _Trained]] = []
    for row in PUBLISHED[table]:
        condition = _condition(table, row.setting)
        if not pairs or pairs[-1][0].teacher_hidden != condition.teacher_hidden:
            teacher = _train_teacher(draw_network(random, condition.teacher_hidden), examples)
        start = draw_network(random, STUDENT_HIDDEN)
        student = _train_student(start, examples, teacher.logits, condition)
        pairs.append((condition, teacher, student))
    return pairs


def _measure(
    condition: Condition,
    teacher: _Trained,
    student: _Trained,
    examples: RandomExamples,
    held_out: RandomExamples,
) -> MeasuredRow:
    """Everything about one row that a page may want to show."""

    def on_held_out(trained: _Trained) -> float:
        return share_right(trained.end.logits(held_out.inputs), held_out.labels)

    return MeasuredRow(
        setting=condition.setting,
        entropy=_mean_entropy(softmax(teacher.logits / condition.temperature)),
        student_accuracy=share_right(student.logits, examples.labels),
        student_held_out_accuracy=on_held_out(student),
        teacher_accuracy=share_right(teacher.logits, examples.labels),
        teacher_held_out_accuracy=on_held_out(teacher),
        teacher_parameters=teacher.end.parameters,
        student_layers=layer_changes(student.start, student.end),
        teacher_layers=layer_changes(teacher.start, teacher.end),
    )


def reproduce() -> list[dict[str, Setting | None]]:
    """All published rows beside their reproduction, as flat rows.

    Returns
    -------
    list of dict
        6 temperature, 4 teacher-size and 5 balance rows with the keys table, setting,
        published_entropy, reproduced_entropy, published_student_accuracy,
        reproduced_student_accuracy, published_teacher_accuracy, reproduced_teacher_accuracy,
        parameters (counted in the network that was trained). `None` where the published table
        has no such column. Reproduced figures are not rounded; the published ones have three
        decimals.
    """
    rows: list[dict[str, Setting | None]] = []
    for table in TABLES:
        for published, measured in zip(PUBLISHED[table], run_table(table), strict=True):
            has_entropy = published.entropy is not None
            has_teacher = published.teacher_accuracy is not None
            has_parameters = published.parameters is not None
            rows.append(
                {
                    "table": table,
                    "setting": published.setting,
                    "published_entropy": published.entropy,
                    "reproduced_entropy": measured.entropy if has_entropy else None,
                    "published_student_accuracy": published.student_accuracy,
                    "reproduced_student_accuracy": measured.student_accuracy,
                    "published_teacher_accuracy": published.teacher_accuracy,
                    "reproduced_teacher_accuracy": measured.teacher_accuracy
                    if has_teacher
                    else None,
                    "parameters": measured.teacher_parameters if has_parameters else None,
                }
            )
    return rows


def compare_cells() -> list[Cell]:
    """Return every published figure beside its reproduction, rounded as it was printed."""
    cells: list[Cell] = []
    for table in TABLES:
        for published, measured in zip(PUBLISHED[table], run_table(table), strict=True):
            found = PublishedRow(
                measured.setting,
                measured.student_accuracy,
                measured.entropy,
                measured.teacher_accuracy,
                measured.teacher_parameters,
            )
            cells += compare(table, published, found)
    return cells


# ------------------------------------------------------------------------------------------- limits


def require_whole(name: str, value: int, low: int, high: int) -> None:
    """Raise ValueError, in words, unless the value is a whole number from low to high."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value}")
