"""All ways to teach, compared at equal optimiser steps on the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from kdcore.data import digits
from kdcore.distillation import accuracy, ensemble, plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
    teacher_samples,
)
from kdcore.methods import (
    HEARD,
    METHODS,
    PEERS,
    Method,
    Task,
    hard_label_peers,
    regressor_parameters,
)
from kdcore.models import MLPStack
from kdcore.monitor import LearningCurve, Monitor
from kdcore.plans import ByItself, Plan, parts, planned
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
from kdcore.store import BoundedStore
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

    @property
    def own_bytes(self) -> int:
        """Measured: each seed's hints, relations and peers."""
        return 6 * 2**20


@dataclass(frozen=True, eq=False)
class Learned:
    """How well each seed's own network reads that was trained by some method."""

    #: Test accuracy, ``[S]``.
    accuracy: Tensor
    #: Test accuracy while learning, ``[S, 1]`` each.
    curve: LearningCurve


@planned
def variants(settings: VariantsSettings) -> Plan[Measured]:
    """Train the same students by every method and compare each with hard labels alone.

    What is judged is always the seed's own network: in a cohort, the peer that starts from the
    same weights as all the others. An ensemble of hard-label students is the control: it shows
    what the networks of a cohort give without teaching each other.
    """
    task = yield from _plan_task(settings)
    plans = [
        _plan_learned(settings, name, method.hears, partial(_by, method, task))
        for name, method in METHODS.items()
    ]
    plans.append(_plan_learned(settings, "ensemble", (), partial(_ensemble, task)))
    found = yield from parts(plans, [1.0] * len(plans))
    learned = dict(zip((*METHODS, "ensemble"), found, strict=True))
    return Measured(
        [
            _row(name, each.accuracy, learned["hard"].accuracy, settings.student_samples)
            for name, each in learned.items()
        ],
        torch.stack([each.accuracy for each in found], dim=1),
        [measured_curve(each.curve, 0) for each in found],
    )


def _row(name: str, own: Tensor, hard: Tensor, samples: int) -> Row:
    """Return the row of one variant; accuracies ``[S]``."""
    if name == "ensemble":
        extra_work = f"{PEERS - 1} more to train and to ask"
    else:
        extra_work = METHODS[name].extra_work
    return {
        "variant": name,
        **accuracy_columns(own, None if name == "hard" else hard),
        "training_steps": TrainingSettings(samples).steps,
        "extra_work": extra_work or None,
    }


def _plan_task(settings: VariantsSettings) -> Plan[Task]:
    dataset, seeds = digits(settings.split), settings.seed_numbers
    teachers = yield from plan_teachers(
        dataset, settings.teacher_hidden, seeds, teacher_samples(dataset)
    )
    return Task(
        dataset,
        seeds,
        settings.student_hidden,
        *draw_labels(dataset, seeds, settings.labels, settings.label_noise),
        teachers,
        settings.temperature,
        settings.alpha,
        settings.hint_weight,
        samples=settings.student_samples,
    )


_learned: BoundedStore[Hashable, Learned] = BoundedStore(256, capacity_bytes=4 * 2**20)


def _plan_learned(
    settings: VariantsSettings,
    name: str,
    hears: tuple[str, ...],
    train: Callable[[Monitor], Learned],
) -> Plan[Learned]:
    """Train one variant, unless it was trained before with all that it hears as it is now."""
    apart = {key: value for key, value in settings.values().items() if key not in HEARD}
    heard = tuple(getattr(settings, key) for key in hears)
    key = (name, *apart.values(), *heard, teacher_samples(digits(settings.split)))
    (learned,) = yield [_learned.get(key) or ByItself(train, name, key)]
    _learned.put(key, learned)
    return learned


def _by(method: Method, task: Task, monitor: Monitor) -> Learned:
    """Train by a method; what is judged is the seed's own network."""
    trained = method.train(task, monitor)
    points = [accuracy[:, :1].clone() for accuracy in trained.curve.accuracy]
    curve = LearningCurve(list(trained.curve.samples_seen), points)
    return Learned(trained.accuracy[:, 0].clone(), curve)


def _ensemble(task: Task, monitor: Monitor) -> Learned:
    """Train an ensemble of hard-label students and ask them together."""
    curve = LearningCurve()

    def on_point(stack: MLPStack, test_logits: Tensor) -> None:
        together = accuracy(ensemble(test_logits), task.dataset.test.labels)
        curve.accuracy.append(together[:, None])

    curve.samples_seen = hard_label_peers(task, monitor, on_point).curve.samples_seen
    return Learned(curve.accuracy[-1][:, 0], curve)


# --------------------------------------------------------------------------- what a run says


#: The variants that the page asks about.
FOUR_WAYS = ("response", "feature", "self", "online")


def best_way_to_teach(result: AnyResult) -> str:
    """Name the variant of the four that helps most.

    ``"nothing"`` if none of them helps; ``"alike"`` if another one cannot be told apart from it.
    """
    names = [row["variant"] for row in result.rows]
    four = [names.index(name) for name in FOUR_WAYS]
    if not any(result.rows[i]["verdict"] == "helps" for i in four):
        return "nothing"
    best, alike = not_told_apart(result.accuracy[:, four])
    return names[four[best]] if len(alike) == 1 else "alike"


EXPERIMENT = Experiment(
    "variants",
    VariantsSettings,
    variants,
    page="four_ways",
    named_by=("variant",),
    merges_over=HEARD,
)
