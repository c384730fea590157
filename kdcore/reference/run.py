"""The published reference run: reproduced to its last printed digit, and taken apart.

Three small tables were published, about temperature, teacher size and balance. How they were
made was worked out by reproducing them; `reproduce` makes all of their rows again. The rest
shows what is wrong with them:

1. the labels are random, so nothing can be learned: `rerun` measures on held-out data;
2. each figure comes from one run: `rerun` repeats a table with other seeds, `times_best` counts;
3. accuracy is measured on the training data: `memorise` trains all layers and fits pure noise;
4. chance alone spreads an accuracy on 500 examples by about 0.03: `wilson_interval`;
5. only the last layer is trained: `layer_changes`, kept with each row of `run_table`.

Everything here is NumPy in float64 and draws from an explicit legacy generator, because the
published figures depend on its exact stream. The lessons themselves use PyTorch, on real data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Setting = int | float | str
Table = Literal["temperature", "teacher-size", "balance"]

TABLES: tuple[Table, ...] = ("temperature", "teacher-size", "balance")

SEED = 42
EXAMPLES = 500
FEATURES = 32
CLASSES = 10
CHANCE = 1 / CLASSES
STUDENT_HIDDEN = (32,)
TEACHER_STEPS = 100
STUDENT_STEPS = 50
RATE = 0.1

# A page calls these functions while a learner waits; the limits keep each call to a few seconds.
MAX_SEEDS = 50
MAX_WIDTH = 1024
MAX_LAYERS = 4
MAX_STEPS = 5_000
MAX_POINTS = 200
MAX_HELD_OUT = 20_000
MAX_HELD_OUT_OF_ALL_SEEDS = 50_000
MAX_WORK = 5e10  # parameters × examples passed through; one to two seconds on one core

Z_95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


# ------------------------------------------------------------------------- the published tables


@dataclass(frozen=True)
class PublishedRow:
    """One row as it was printed; `None` where its table has no such column.

    `setting` is the temperature, the teacher's hidden widths as text, or alpha. `parameters`
    counts the teacher's weights and biases. Accuracies are fractions, entropy is in nats.
    """

    setting: Setting
    student_accuracy: float
    entropy: float | None = None
    teacher_accuracy: float | None = None
    parameters: int | None = None


# Published figures: copied digit by digit, never computed.
PUBLISHED: dict[Table, tuple[PublishedRow, ...]] = {
    "temperature": (
        PublishedRow(1, 0.134, entropy=2.106),
        PublishedRow(2, 0.098, entropy=2.249),
        PublishedRow(3, 0.128, entropy=2.278),
        PublishedRow(5, 0.106, entropy=2.294),
        PublishedRow(10, 0.130, entropy=2.300),
        PublishedRow(20, 0.102, entropy=2.302),
    ),
    "teacher-size": (
        PublishedRow("512,256,128", 0.108, teacher_accuracy=0.350, parameters=182_410),
        PublishedRow("256,128", 0.112, teacher_accuracy=0.326, parameters=42_634),
        PublishedRow("128,64", 0.102, teacher_accuracy=0.244, parameters=13_130),
        PublishedRow("64", 0.138, teacher_accuracy=0.286, parameters=2_762),
    ),
    "balance": (
        PublishedRow(0.0, 0.124),
        PublishedRow(0.2, 0.104),
        PublishedRow(0.5, 0.140),
        PublishedRow(0.8, 0.128),
        PublishedRow(1.0, 0.164),
    ),
}


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


# --------------------------------------------------------------------------- data and networks


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


def _activations(network: Network, inputs: FloatArray) -> list[FloatArray]:
    """What each layer receives: the inputs, then every hidden layer after its ReLU."""
    received = [inputs]
    for weights, bias in zip(network.weights[:-1], network.biases[:-1], strict=True):
        received.append(np.maximum(received[-1] @ weights + bias, 0))
    return received


def _logits(network: Network, inputs: FloatArray) -> FloatArray:
    """Logits `[N, 10]`."""
    return _activations(network, inputs)[-1] @ network.weights[-1] + network.biases[-1]


def _accuracy(logits: FloatArray, labels: IntArray) -> float:
    """Fraction of examples whose largest logit is that of the label."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def _softmax(logits: FloatArray) -> FloatArray:
    """Probabilities `[N, 10]` of logits `[N, 10]`."""
    # NumPy reduces a leading axis three times faster than a short trailing one, and the softmax
    # is most of the work here; hence the detour over columns.
    columns = np.ascontiguousarray(logits.T)
    exponentials = np.exp(columns - columns.max(axis=0))
    probabilities: FloatArray = (exponentials / exponentials.sum(axis=0)).T
    return probabilities


def _mean_entropy(probabilities: FloatArray) -> float:
    """Mean over examples of the entropy in nats; the 1e-10 is the reference's own."""
    return float(-(probabilities * np.log(probabilities + 1e-10)).sum(axis=1).mean())


# ------------------------------------------------------------------------------------- training


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
    features = _activations(start, inputs)[-1]
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
        return (_softmax(logits) - onehot) / len(onehot)

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
    soft_labels = _softmax(teacher_logits / temperature)

    def gradient(student_logits: FloatArray) -> FloatArray:
        hard = _softmax(student_logits) - onehot
        soft = temperature * ((_softmax(student_logits / temperature) - soft_labels) / temperature)
        return (alpha * hard + (1 - alpha) * soft) / len(onehot)

    return _descend_last_layer(start, examples.inputs, gradient, STUDENT_STEPS)


# ---------------------------------------------------------------------- the run, and fault 5


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
    _require_table(table)
    _require_whole("seed", seed, 0, 2**32 - 1)
    _require_whole("held_out_examples", held_out_examples, 1, MAX_HELD_OUT)
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
        return _accuracy(_logits(trained.end, held_out.inputs), held_out.labels)

    return MeasuredRow(
        setting=condition.setting,
        entropy=_mean_entropy(_softmax(teacher.logits / condition.temperature)),
        student_accuracy=_accuracy(student.logits, examples.labels),
        student_held_out_accuracy=on_held_out(student),
        teacher_accuracy=_accuracy(teacher.logits, examples.labels),
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


@dataclass(frozen=True)
class Cell:
    """One printed figure beside its reproduction, both as they are printed."""

    table: Table
    setting: Setting
    #: entropy, student_accuracy, teacher_accuracy or parameters
    quantity: str
    published: str
    reproduced: str

    @property
    def agrees(self) -> bool:
        """Whether the two agree to the last printed digit."""
        return self.published == self.reproduced


def compare_cells() -> list[Cell]:
    """Return every published figure beside its reproduction, rounded as it was printed."""
    cells = []
    for table in TABLES:
        for published, measured in zip(PUBLISHED[table], run_table(table), strict=True):
            for quantity, printed, found in (
                ("entropy", published.entropy, measured.entropy),
                ("student_accuracy", published.student_accuracy, measured.student_accuracy),
                ("teacher_accuracy", published.teacher_accuracy, measured.teacher_accuracy),
                ("parameters", published.parameters, measured.teacher_parameters),
            ):
                if printed is not None:
                    style = ",d" if quantity == "parameters" else ".3f"
                    figures = format(printed, style), format(found, style)
                    cells.append(Cell(table, published.setting, quantity, *figures))
    return cells


def published_best(table: Table) -> int:
    """Return the position of the row whose student the published table found best."""
    accuracies = [row.student_accuracy for row in PUBLISHED[table]]
    return accuracies.index(max(accuracies))


# --------------------------------------------------- faults 1 and 2: held-out data, other seeds


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


# --------------------------------------------------------------------- fault 3: memorising


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
    _require_whole("seed", seed, 0, 2**32 - 1)
    random = np.random.RandomState(seed)
    examples = draw_examples(random)
    start = network = draw_network(random, hidden)
    held_out = draw_examples(random, held_out_examples)
    onehot = np.eye(CLASSES)[examples.labels]
    curve = []
    for step in range(steps + 1):
        received = _activations(network, examples.inputs)
        logits = received[-1] @ network.weights[-1] + network.biases[-1]
        if not np.isfinite(logits).all():
            raise FloatingPointError(f"training diverged after {step} steps: use a smaller rate")
        if step % record_every == 0 or step == steps:
            on_held_out = _accuracy(_logits(network, held_out.inputs), held_out.labels)
            curve.append(CurvePoint(step, _accuracy(logits, examples.labels), on_held_out))
        if step < steps:
            gradient = (_softmax(logits) - onehot) / len(onehot)
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


# ------------------------------------------------------------------- fault 4: chance's own width


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
    _require_whole("examples", examples, 1, 2**53)
    z_squared_per_n = Z_95**2 / examples
    centre = accuracy + z_squared_per_n / 2
    variance = accuracy * (1 - accuracy) / examples
    half_width = Z_95 * math.sqrt(variance + z_squared_per_n / (4 * examples))
    scale = 1 + z_squared_per_n
    low, high = (centre - half_width) / scale, (centre + half_width) / scale
    # At 0 and 1 a bound meets the accuracy itself; rounding must not push it past.
    return max(0.0, min(low, accuracy)), min(1.0, max(high, accuracy))


# --------------------------------------------------------------------------------------- limits


def _require_table(table: str) -> None:
    if table not in TABLES:
        raise ValueError(f"table must be one of {', '.join(TABLES)}, not {table!r}")


def _require_whole(name: str, value: int, low: int, high: int) -> None:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value}")


def _require_seeds(seeds: Sequence[int], held_out_examples: int) -> None:
    _require_whole("the number of seeds", len(seeds), 1, MAX_SEEDS)
    for seed in seeds:
        _require_whole("seed", seed, 0, 2**32 - 1)
    if len(set(seeds)) < len(seeds):
        raise ValueError("seeds must differ: the same seed gives the same run again")
    limit = MAX_HELD_OUT_OF_ALL_SEEDS // len(seeds)
    _require_whole("held_out_examples", held_out_examples, 1, min(limit, MAX_HELD_OUT))


def _require_memorise_settings(
    hidden: Sequence[int], steps: int, rate: float, record_every: int, held_out_examples: int
) -> None:
    _require_whole("the number of hidden layers", len(hidden), 1, MAX_LAYERS)
    for width in hidden:
        _require_whole("a hidden width", width, 1, MAX_WIDTH)
    _require_whole("steps", steps, 1, MAX_STEPS)
    _require_whole("record_every", record_every, math.ceil(steps / MAX_POINTS), MAX_STEPS)
    _require_whole("held_out_examples", held_out_examples, 1, MAX_HELD_OUT)
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
