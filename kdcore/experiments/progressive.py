"""The bridge over the capacity gap: a big teacher, its assistant, and the student of either."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from kdcore.claims import Claim, Judgement, from_verdict
from kdcore.data import Dataset, digits
from kdcore.distillation import Response, Teachers, layer_sizes, train_and_test, train_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    draw_labels,
    measured_curve,
    soft_label_entropy,
    teacher_samples,
    train_students,
)
from kdcore.models import MLPStack
from kdcore.monitor import SILENT, Monitor
from kdcore.settings import (
    ALPHA,
    ASSISTANT_HIDDEN,
    ASSISTANT_LABELS,
    EPOCHS,
    LABELS,
    SEEDS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.training import TrainingSettings

ROUTES = ("hard", "direct", "via-assistant")


@dataclass(frozen=True, kw_only=True)
class ProgressiveSettings(Settings):
    """What is compared: a student of the teacher, and a student of the teacher's assistant."""

    labels: int = setting(LABELS)
    # Deep enough to be surer than it is good, narrow enough to be trained in two seconds.
    teacher_hidden: tuple[int, ...] = setting(TEACHER_HIDDEN, (128, 128, 128, 128))
    teacher_epochs: int = setting(EPOCHS)
    assistant_hidden: tuple[int, ...] = setting(ASSISTANT_HIDDEN)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)
    assistant_labels: int = setting(ASSISTANT_LABELS)
    seeds: int = setting(SEEDS, 12)

    def work(self) -> float:
        return (
            self.teacher_work(self.teacher_hidden, self.teacher_epochs)
            + self.teacher_work(self.assistant_hidden)
            + self.student_work(self.student_hidden, len(ROUTES))
        )


def progressive(settings: ProgressiveSettings, monitor: Monitor = SILENT) -> Measured:
    """Compare three routes to a student: hard labels, the teacher, the teacher's assistant.

    The assistant is a network of middle size that learns from the teacher, where the teacher has
    learned: on the training pool. It is no better than the teacher, but somewhat less sure of
    itself and easier to follow for a small network, and so it teaches a small student better. The
    student sees its few labelled images on every route.

    The gain of the direct route is against hard labels, that of the assistant against the direct
    route. An assistant that sees only the student's few images (``assistant_labels`` as small as
    ``labels``: they are the same draw) has nothing of its own to pass on, and helps nobody.

    Notes
    -----
    Mirzadeh et al. (2020), *Improved knowledge distillation via teacher assistant*: there, too,
    teacher, assistant and student are all trained on the same whole training set.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    samples = teacher_samples(dataset, settings.teacher_epochs)
    teachers = train_teachers(dataset, settings.teacher_hidden, seeds, samples, monitor)
    assistants = train_assistants(dataset, teachers, seeds, settings, monitor)
    # On hard labels, α = 1, it does not matter who teaches.
    who_teaches = (teachers, teachers, assistants)
    students = train_students(
        dataset,
        who_teaches,
        seeds,
        settings.labels,
        settings.student_hidden,
        [settings.temperature] * len(ROUTES),
        (1.0, settings.alpha, settings.alpha),
        monitor,
        samples=settings.student_samples,
    )
    hard, direct, via_assistant = students.accuracy.unbind(1)
    rows = [
        _row("hard", None, settings.temperature, hard, None),
        _row("direct", teachers, settings.temperature, direct, hard),
        _row("via-assistant", assistants, settings.temperature, via_assistant, direct),
    ]
    curves = [measured_curve(students.curve, route) for route in range(len(ROUTES))]
    return Measured(rows, students.accuracy, curves)


def train_assistants(
    dataset: Dataset,
    teachers: Teachers,
    seeds: tuple[int, ...],
    settings: ProgressiveSettings,
    monitor: Monitor = SILENT,
) -> Teachers:
    """Return one assistant a seed, distilled from the seed's teacher."""
    rows, labels = draw_labels(dataset, seeds, settings.assistant_labels)
    stack = MLPStack.initialise(layer_sizes(dataset, settings.assistant_hidden), seeds)
    trained = train_and_test(
        dataset,
        stack,
        rows,
        Response(labels, teachers.training_logits, (settings.temperature,), (settings.alpha,)),
        # As long as a teacher: what the assistant has not learned it cannot teach.
        TrainingSettings(teacher_samples(dataset)),
        monitor,
        "assistant",
    )
    return Teachers(trained, stack.logits(dataset.training.inputs)[:, 0].contiguous())


def _row(
    route: str,
    teachers: Teachers | None,
    temperature: float,
    accuracy: Tensor,
    baseline: Tensor | None,
) -> Row:
    softness = None
    if teachers is not None:
        softness = soft_label_entropy(teachers.test_logits, temperature).mean().item()
    return {
        "route": route,
        "teacher_accuracy": None if teachers is None else teachers.accuracy.mean().item(),
        **accuracy_columns(accuracy, baseline),
        "soft_label_entropy": softness,
    }


# --------------------------------------------------------------------------- what a run says


def assistant(result: AnyResult) -> Judgement:
    """Judge the claim that a teacher assistant helps, by its row's verdict against direct."""
    (row,) = (row for row in result.rows if row["route"] == "via-assistant")
    return Judgement(from_verdict(row["verdict"]), result.interval(row, "gain"), {})


EXPERIMENT = Experiment(
    "progressive",
    ProgressiveSettings,
    progressive,
    page="teacher_size",
    named_by=("route",),
    claims=(Claim("assistant", assistant),),
)
