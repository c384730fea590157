"""Each experiment: frozen settings in, a result out, every figure with its interval."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from kdcore.data import Dataset, digits, few_labels
from kdcore.distillation import (
    LearningCurve,
    Response,
    Teachers,
    Trained,
    agreement,
    kl_to_teacher,
    layer_sizes,
    train_and_test,
    train_teachers,
)
from kdcore.losses import entropy, soft_labels
from kdcore.models import MLPStack, parameter_count
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import PARAMETERS, CheckedSettings
from kdcore.statistics import Interval, Verdict, mean_interval, paired_difference, verdict
from kdcore.training import TrainingSettings

#: Passes of a teacher through the training pool. Long enough to be confident, which is what makes
#: temperature matter; every doubling costs as much again.
TEACHER_EPOCHS = 30

#: Samples that a student sees, however few labelled images they are drawn from.
STUDENT_SAMPLES = TrainingSettings.samples_seen

Row = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The table of one run, with all that is needed to repeat it."""

    experiment: str
    settings: CheckedSettings
    rows: list[Row]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "experiment": self.experiment,
            "settings": asdict(self.settings),  # type: ignore[call-overload]
            "rows": self.rows,
            "seconds": self.seconds,
        }


# ---------------------------------------------------------------------------- what all share


def train_students(
    dataset: Dataset,
    teachers: Teachers,
    seeds: tuple[int, ...],
    labels: int,
    hidden: tuple[int, ...],
    temperatures: Sequence[float],
    alphas: Sequence[float],
    monitor: Monitor = SILENT,
) -> Trained:
    """Train one student a seed and condition on the seed's few labelled images.

    The conditions are the pairs of ``temperatures`` and ``alphas``; α = 1 is the hard-label
    baseline. Each seed has its own teacher, labelled images, initial weights and batch order,
    the same in every condition.
    """
    rows = torch.stack([few_labels(dataset.training.labels, labels, seed) for seed in seeds])
    return train_and_test(
        dataset,
        MLPStack.initialise(layer_sizes(dataset, hidden), seeds, len(alphas)),
        rows,
        Response(dataset.training.labels, teachers.training_logits, temperatures, alphas),
        TrainingSettings(STUDENT_SAMPLES),
        monitor,
        "students",
    )


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


def teacher_samples(dataset: Dataset) -> int:
    """Return how many samples a teacher sees."""
    return TEACHER_EPOCHS * len(dataset.training)


# ------------------------------------------------------------------------------- temperature


@dataclass(frozen=True)
class TemperatureSettings(CheckedSettings):
    """Experiment 1: what does the temperature do?"""

    labels: int = 50
    student_hidden: tuple[int, ...] = (32,)
    teacher_hidden: tuple[int, ...] = (256, 128)
    alpha: float = 0.3
    temperatures: tuple[float, ...] = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
    seeds: int = 10

    def work(self) -> float:
        students = self.seeds * (1 + len(self.temperatures))
        return training_work(self.teacher_hidden, self.seeds, TEACHER_EPOCHS * 900) + training_work(
            self.student_hidden, students, STUDENT_SAMPLES
        )


def temperature(settings: TemperatureSettings, monitor: Monitor = SILENT) -> list[Row]:
    """Compare students taught at several temperatures with the same students on hard labels."""
    dataset, seeds = digits(), tuple(range(settings.seeds))
    teachers = train_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor
    )
    # Condition 0 is the baseline: α = 1, where the temperature has no say.
    temperatures = (1.0, *settings.temperatures)
    alphas = (1.0, *[settings.alpha] * len(settings.temperatures))
    students = train_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        temperatures,
        alphas,
        monitor,
    )
    rows = []
    for condition, value in enumerate((None, *settings.temperatures)):
        softness = None if value is None else soft_label_entropy(teachers.test_logits, value)
        rows.append(
            {
                "temperature": value,
                "soft_label_entropy": None if softness is None else softness.mean().item(),
                **accuracy_columns(
                    students.accuracy[:, condition],
                    None if value is None else students.accuracy[:, 0],
                ),
                **fidelity_columns(students.test_logits[:, condition], teachers.test_logits),
            }
        )
    return rows


# --------------------------------------------------------------------------------- the Lab


@dataclass(frozen=True)
class LabSettings(CheckedSettings):
    """One teacher, one hard-label student, one distilled student: what the Lab page trains."""

    temperature: float = 4.0
    alpha: float = 0.3
    teacher_hidden: tuple[int, ...] = (256,)
    student_hidden: tuple[int, ...] = (32,)
    labels: int = 50
    seeds: int = 10

    def work(self) -> float:
        return training_work(self.teacher_hidden, self.seeds, TEACHER_EPOCHS * 900) + training_work(
            self.student_hidden, 2 * self.seeds, STUDENT_SAMPLES
        )


@dataclass(frozen=True)
class MeasuredCurve:
    """A curve with an interval at each point."""

    x: list[float]
    y: list[Interval]


@dataclass(frozen=True, eq=False)
class LabResult:
    """What one run of the Lab measured."""

    settings: LabSettings
    seconds: float
    teacher: Interval
    hard: Interval
    distilled: Interval
    gain: Interval
    verdict: Verdict
    hard_agreement: Interval
    distilled_agreement: Interval
    #: Test accuracy against samples seen, for "teacher", "hard" and "distilled".
    curves: dict[str, MeasuredCurve]
    #: Logits of the first seed's three networks for every test image, ``[N, classes]``.
    example_logits: dict[str, Tensor]
    #: The teachers' logits for the test images, ``[S, N, classes]``.
    teacher_logits: Tensor


def lab(settings: LabSettings, monitor: Monitor = SILENT) -> LabResult:
    """Train a teacher and two students per seed and compare the students, paired by seed."""
    started = time.perf_counter()
    dataset, seeds = digits(), tuple(range(settings.seeds))
    teachers = train_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor
    )
    students = train_students(
        dataset,
        teachers,
        seeds,
        settings.labels,
        settings.student_hidden,
        (settings.temperature, settings.temperature),
        (1.0, settings.alpha),
        monitor,
    )
    agrees = agreement(students.test_logits, teachers.test_logits.unsqueeze(1))
    gain = paired_difference(students.accuracy[:, 1], students.accuracy[:, 0])
    return LabResult(
        settings=settings,
        seconds=time.perf_counter() - started,
        teacher=mean_interval(teachers.accuracy),
        hard=mean_interval(students.accuracy[:, 0]),
        distilled=mean_interval(students.accuracy[:, 1]),
        gain=gain,
        verdict=verdict(gain),
        hard_agreement=mean_interval(agrees[:, 0]),
        distilled_agreement=mean_interval(agrees[:, 1]),
        curves={
            "teacher": measured_curve(teachers.trained.curve, 0),
            "hard": measured_curve(students.curve, 0),
            "distilled": measured_curve(students.curve, 1),
        },
        example_logits={
            "teacher": teachers.test_logits[0],
            "hard": students.test_logits[0, 0],
            "distilled": students.test_logits[0, 1],
        },
        teacher_logits=teachers.test_logits,
    )


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


# ---------------------------------------------------------------------------- the list of them


@dataclass(frozen=True)
class Experiment:
    """An experiment that returns a table: its name, settings class and function."""

    name: str
    question: str
    settings: type[CheckedSettings]
    function: Callable[[Any, Monitor], list[Row]]

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
                raise ValueError(f"{self.name} has no setting {key!r}; it has: {', '.join(known)}")
        return self.settings(**{key: PARAMETERS[key].parse(text) for key, text in texts.items()})

    def run(self, settings: CheckedSettings, monitor: Monitor = SILENT) -> Result:
        """Run the experiment and time it."""
        started = time.perf_counter()
        rows = self.function(settings, monitor)
        return Result(self.name, settings, rows, time.perf_counter() - started)


EXPERIMENTS: Mapping[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "temperature", "What does the temperature do?", TemperatureSettings, temperature
        ),
    )
}
