"""All ways to teach, compared at equal optimiser steps on the same seeds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import accuracy, ensemble, train_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    MeasuredCurve,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
    teacher_samples,
)
from kdcore.methods import METHODS, PEERS, Task, hard_label_peers, regressor_parameters
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, LearningCurve, Monitor, Part
from kdcore.settings import (
    ALPHA,
    HINT_WEIGHT,
    LABEL_NOISE,
    LABELS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.statistics import not_told_apart
from kdcore.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class VariantsSettings(Settings):
    """Under which labels, and with which settings, the methods are compared."""

    labels: int = setting(LABELS)
    label_noise: float = setting(LABEL_NOISE)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN)
    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)
    hint_weight: float = setting(HINT_WEIGHT)

    def work(self) -> float:
        # One network a method; one more generation, and the peers of a cohort and an ensemble.
        students = len(METHODS) + 1 + 2 * PEERS - 1
        regressor = regressor_parameters(self.student_hidden[-1], self.teacher_hidden[-1])
        return (
            self.teacher_work(self.teacher_hidden)
            + self.student_work(self.student_hidden, students)
            + 3.0 * regressor * self.seeds * self.student_samples
        )


def variants(settings: VariantsSettings, monitor: Monitor = SILENT) -> Measured:
    """Train the same students by every method and compare each with hard labels alone.

    What is judged is always the seed's own network: in a cohort, the peer that starts from the
    same weights as all the others. An ensemble of hard-label students is the control: it shows
    what the networks of a cohort give without teaching each other.
    """
    task = _task(settings, monitor)
    accuracies: dict[str, Tensor] = {}
    curves: list[MeasuredCurve] = []
    parts = len(METHODS) + 1
    for number, (name, method) in enumerate(METHODS.items()):
        part = Part(monitor, number / parts, (number + 1) / parts, name)
        trained = method.train(task, part)
        accuracies[name] = trained.accuracy[:, 0]
        curves.append(measured_curve(trained.curve, 0))
    together = _ensemble_curve(task, Part(monitor, 1 - 1 / parts, 1, "ensemble"))
    accuracies["ensemble"] = together.accuracy[-1][:, 0]
    curves.append(measured_curve(together, 0))
    return Measured(
        [
            _row(name, accuracy, accuracies["hard"], settings.student_samples)
            for name, accuracy in accuracies.items()
        ],
        torch.stack(list(accuracies.values()), dim=1),
        curves,
    )


def _row(name: str, own: Tensor, hard: Tensor, samples: int) -> Row:
    """Return the row of one variant; accuracies ``[S]``."""
    if name == "ensemble":
        extra_work = f"{PEERS - 1} more networks, also when it answers"
    else:
        extra_work = METHODS[name].extra_work
    return {
        "variant": name,
        **accuracy_columns(own, None if name == "hard" else hard),
        "training_steps": TrainingSettings(samples).steps,
        "extra_work": extra_work or None,
    }


def _task(settings: VariantsSettings, monitor: Monitor) -> Task:
    dataset, seeds = digits(settings.split), settings.seed_numbers
    return Task(
        dataset,
        seeds,
        settings.student_hidden,
        *draw_labels(dataset, seeds, settings.labels, settings.label_noise),
        train_teachers(dataset, settings.teacher_hidden, seeds, teacher_samples(dataset), monitor),
        settings.temperature,
        settings.alpha,
        settings.hint_weight,
        samples=settings.student_samples,
    )


def _ensemble_curve(task: Task, monitor: Monitor) -> LearningCurve:
    """Train an ensemble of hard-label students; return what they know together, ``[S, 1]`` each."""
    curve = LearningCurve()

    def on_point(stack: MLPStack, test_logits: Tensor) -> None:
        together = accuracy(ensemble(test_logits), task.dataset.test.labels)
        curve.accuracy.append(together[:, None])

    curve.samples_seen = hard_label_peers(task, monitor, on_point).curve.samples_seen
    return curve


# --------------------------------------------------------------------------- what a run says


def best_way_to_teach(result: AnyResult) -> str:
    """Name the variant of the four that helps most.

    ``"nothing"`` if none of them helps; ``"alike"`` if another one cannot be told apart from it.
    """
    names = [row["variant"] for row in result.rows]
    four = [names.index(name) for name in ("response", "feature", "self", "online")]
    if not any(result.rows[i]["verdict"] == "helps" for i in four):
        return "nothing"
    best, alike = not_told_apart(result.accuracy[:, four])
    return names[four[best]] if len(alike) == 1 else "alike"


EXPERIMENT = Experiment(
    "variants", VariantsSettings, variants, page="four_ways", named_by=("variant",)
)
