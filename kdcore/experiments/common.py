"""What the experiments share: training students, measuring them, and the form of a result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from kdcore.data import Dataset, few_labels, noisy_labels
from kdcore.distillation import (
    LearningCurve,
    Response,
    Teachers,
    Trained,
    agreement,
    kl_to_teacher,
    layer_sizes,
    train_and_test,
)
from kdcore.losses import entropy, soft_labels
from kdcore.methods import regressor_parameters
from kdcore.models import MLPStack, parameter_count
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import PARAMETERS, CheckedSettings
from kdcore.statistics import Interval, mean_interval, paired_difference, verdict
from kdcore.training import TrainingSettings

#: Passes of a teacher through the training pool. Long enough to be confident, which is what makes
#: temperature matter; every doubling costs as much again.
TEACHER_EPOCHS = 30

#: Samples that a student sees, however few labelled images they are drawn from.
STUDENT_SAMPLES = TrainingSettings.samples_seen

Row = dict[str, Any]


@dataclass(frozen=True)
class MeasuredCurve:
    """A curve with an interval at each point."""

    x: list[float]
    y: list[Interval]


@dataclass(frozen=True, eq=False)
class Measured:
    """What an experiment found: its table, and what is compared or drawn beside it."""

    rows: list[Row]
    #: Test accuracy of each seed in the condition of each row, ``[S, rows]``, for paired
    #: comparisons of one row with another.
    accuracy: Tensor | None = None
    #: The learning curve of each row's condition.
    curves: list[MeasuredCurve] | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """One run of an experiment, with all that is needed to repeat it."""

    experiment: str
    settings: CheckedSettings
    measured: Measured
    seconds: float

    @property
    def rows(self) -> list[Row]:
        """The table."""
        return self.measured.rows

    @property
    def accuracy(self) -> Tensor:
        """Test accuracy of each seed in the condition of each row, ``[S, rows]``.

        Raises
        ------
        ValueError
            If this experiment does not measure it.
        """
        if self.measured.accuracy is None:
            raise ValueError(f"{self.experiment} has no accuracy per seed")
        return self.measured.accuracy

    def interval(self, row: Row, column: str = "student_accuracy") -> Interval:
        """Return a column of a row, a mean over the seeds, with its interval."""
        return Interval(row[column], row[f"{column}_ci"], len(self.accuracy))

    def as_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "experiment": self.experiment,
            "settings": asdict(self.settings),  # type: ignore[call-overload]
            "rows": self.rows,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Experiment:
    """An experiment that returns a table: its name, settings class and function."""

    name: str
    question: str
    settings: type[CheckedSettings]
    function: Callable[[Any, Monitor], Measured]

    def settings_from_text(self, texts: Mapping[str, str]) -> CheckedSettings:
        """Build settings from ``key=value`` texts; what is not given keeps its default.

        Raises
        ------
        ValueError
            If a key is unknown or a value is out of range; the message says what is accepted.
        """
        known = [field.name for field in fields(self.settings)]  # type: ignore[arg-type]
        for key in texts:
            if key not in known:
                has = f"it has: {', '.join(known)}" if known else "nothing in it can be set"
                raise ValueError(f"{self.name} has no setting {key!r}; {has}")
        return self.settings(**{key: PARAMETERS[key].parse(text) for key, text in texts.items()})

    def run(self, settings: CheckedSettings, monitor: Monitor = SILENT) -> Result:
        """Run the experiment and time it."""
        started = time.perf_counter()
        measured = self.function(settings, monitor)
        return Result(self.name, settings, measured, time.perf_counter() - started)


def train_students(
    dataset: Dataset,
    teachers: Teachers | Sequence[Teachers],
    seeds: tuple[int, ...],
    labels: int,
    hidden: tuple[int, ...],
    temperatures: Sequence[float],
    alphas: Sequence[float],
    monitor: Monitor = SILENT,
    label_noise: float = 0.0,
) -> Trained:
    """Train one student a seed and condition on the seed's few labelled images.

    The conditions are the pairs of ``temperatures`` and ``alphas``; α = 1 is the hard-label
    baseline. Each seed has its own teacher, labelled images, initial weights and batch order,
    the same in every condition.

    Parameters
    ----------
    teachers
        Who teaches: the same in all conditions, or one for each condition.
    label_noise
        Share of the student's hard labels that are wrong.
    """
    rows, seen = draw_labels(dataset, seeds, labels, label_noise)
    if isinstance(teachers, Teachers):
        teacher_logits = teachers.training_logits
    else:
        teacher_logits = torch.stack([each.training_logits for each in teachers], dim=1)
    return train_and_test(
        dataset,
        MLPStack.initialise(layer_sizes(dataset, hidden), seeds, len(alphas)),
        rows,
        Response(seen, teacher_logits, temperatures, alphas),
        TrainingSettings(STUDENT_SAMPLES),
        monitor,
        "students",
    )


def draw_labels(
    dataset: Dataset, seeds: Sequence[int], labels: int, label_noise: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Draw what each seed's students see of the training pool.

    Returns
    -------
    rows : Tensor
        The rows of their labelled images, ``[S, labels]``.
    seen : Tensor
        The labels of the whole pool as they see them, ``[S, N]``: those of the rows are wrong for
        a share ``label_noise``.
    """
    pool = dataset.training.labels
    rows = torch.stack([few_labels(pool, labels, seed) for seed in seeds])
    seen = pool.repeat(len(seeds), 1)
    for own, own_rows, seed in zip(seen, rows, seeds, strict=True):
        own[own_rows] = noisy_labels(own[own_rows], label_noise, dataset.classes, seed)
    return rows, seen


def accuracy_columns(accuracy: Tensor, baseline: Tensor | None) -> Row:
    """Return accuracy, its interval, and the paired gain over a baseline with its verdict.

    Both are ``[S]``. The baseline's own row has no gain.
    """
    mean = mean_interval(accuracy)
    row: Row = {"student_accuracy": mean.mean, "student_accuracy_ci": mean.half_width}
    if baseline is None:
        return row | {"gain": None, "gain_ci": None, "verdict": None}
    gain = paired_difference(accuracy, baseline)
    return row | {"gain": gain.mean, "gain_ci": gain.half_width, "verdict": verdict(gain)}


def fidelity_columns(student_logits: Tensor, teacher_logits: Tensor) -> Row:
    """Return agreement with the teacher and KL to it, means over seeds; logits ``[S, N, C]``."""
    return {
        "agreement": agreement(student_logits, teacher_logits).mean().item(),
        "kl_to_teacher": kl_to_teacher(student_logits, teacher_logits).double().mean().item(),
    }


def soft_label_entropy(logits: Tensor, temperature: float) -> Tensor:
    """Return the mean entropy of soft labels in nats: ``[S, N, classes]`` → ``[S]``."""
    return entropy(soft_labels(logits, temperature)).double().mean(-1)


def training_work(hidden: tuple[int, ...], models: int, samples: int) -> float:
    """Return the multiply-adds of training: forward, and twice as much backward."""
    return 3.0 * parameter_count((64, *hidden, 10)) * models * samples


def regressor_work(student_width: int, teacher_width: int, regressors: int) -> float:
    """Return the multiply-adds of training regressors: work, though no part of the student."""
    return 3.0 * regressor_parameters(student_width, teacher_width) * regressors * STUDENT_SAMPLES


def teacher_samples(dataset: Dataset, epochs: int = TEACHER_EPOCHS) -> int:
    """Return how many samples a teacher sees."""
    return epochs * len(dataset.training)


def measured_curve(curve: LearningCurve, condition: int) -> MeasuredCurve:
    """Return one condition's learning curve with its interval over seeds."""
    return MeasuredCurve(
        [float(samples) for samples in curve.samples_seen],
        [mean_interval(accuracy[:, condition]) for accuracy in curve.accuracy],
    )


def entropy_curve(teacher_logits: Tensor, temperatures: Sequence[float]) -> MeasuredCurve:
    """Return the mean soft-label entropy over temperature, with its interval over seeds.

    Logits are ``[S, N, classes]``; entropy is in nats.
    """
    return MeasuredCurve(
        list(temperatures),
        [mean_interval(soft_label_entropy(teacher_logits, value)) for value in temperatures],
    )
