"""Experiment 2: is a bigger teacher a better one?"""

from __future__ import annotations

from dataclasses import dataclass

from kdcore.data import Dataset, digits
from kdcore.distillation import Teachers, layer_sizes, train_teachers
from kdcore.experiments.common import (
    STUDENT_SAMPLES,
    Measured,
    Row,
    accuracy_columns,
    measured_curve,
    soft_label_entropy,
    teacher_samples,
    train_students,
    training_work,
)
from kdcore.models import parameter_count
from kdcore.monitor import SILENT, Monitor, Part
from kdcore.settings import TEACHER_HIDDEN, CheckedSettings
from kdcore.statistics import mean_interval


@dataclass(frozen=True)
class TeacherSizeSettings(CheckedSettings):
    """What is compared: the same student, taught by teachers of several sizes."""

    labels: int = 50
    student_hidden: tuple[int, ...] = (32,)
    # The inverted U is clearest here: at T = 10 even a very sure teacher's labels are soft again.
    temperature: float = 4.0
    alpha: float = 0.3
    # Two small teachers, then the four of the reference run.
    teachers: tuple[tuple[int, ...], ...] = (
        (8,),
        (16,),
        (64,),
        (128, 64),
        (256, 128),
        (512, 256, 128),
    )
    # Most of the time goes into the largest teacher, whose products already run at the machine's
    # peak: 15 epochs and 7 seeds are what a learner can wait for. The curve is the same with 30
    # epochs and 10 seeds, which take three times as long.
    teacher_epochs: int = 15
    seeds: int = 7

    def work(self) -> float:
        samples = self.teacher_epochs * 900
        teachers = sum(training_work(hidden, self.seeds, samples) for hidden in self.teachers)
        students = self.seeds * (1 + len(self.teachers))
        return teachers + training_work(self.student_hidden, students, STUDENT_SAMPLES)


def teacher_size(settings: TeacherSizeSettings, monitor: Monitor = SILENT) -> Measured:
    """Compare students of teachers of several sizes with the same student on hard labels.

    A larger teacher is more often right and surer of it. Its soft labels are then nearly hard
    (see their entropy), and there is less for a student to learn from them: beyond some size, the
    better teacher has the worse student. Stopping its training early keeps it softer.

    Notes
    -----
    Cho, Hariharan (2019), *On the efficacy of knowledge distillation*: larger teachers may teach
    worse, early-stopped ones better. Mirzadeh et al. (2020) call it the capacity gap.
    """
    dataset, seeds = digits(), tuple(range(settings.seeds))
    teachers = _train_teachers_of_each_size(dataset, settings, seeds, monitor)
    students = train_students(
        dataset,
        # Condition 0 is the baseline: α = 1, where it does not matter who teaches.
        [teachers[0], *teachers],
        seeds,
        settings.labels,
        settings.student_hidden,
        [settings.temperature] * (1 + len(teachers)),
        [1.0, *[settings.alpha] * len(teachers)],
        monitor,
    )
    baseline, accuracy = students.accuracy[:, 0], students.accuracy[:, 1:]
    hard = mean_interval(baseline)
    rows: list[Row] = []
    for hidden, teacher, own in zip(settings.teachers, teachers, accuracy.unbind(1), strict=True):
        softness = soft_label_entropy(teacher.test_logits, settings.temperature)
        rows.append(
            {
                "teacher_hidden": TEACHER_HIDDEN.format(hidden),
                "teacher_parameters": parameter_count(layer_sizes(dataset, hidden)),
                "teacher_accuracy": teacher.accuracy.mean().item(),
                "soft_label_entropy": softness.mean().item(),
                **accuracy_columns(own, baseline),
                "hard_accuracy": hard.mean,
                "hard_accuracy_ci": hard.half_width,
            }
        )
    curves = [measured_curve(students.curve, 1 + row) for row in range(len(rows))]
    return Measured(rows, accuracy, curves)


def _train_teachers_of_each_size(
    dataset: Dataset, settings: TeacherSizeSettings, seeds: tuple[int, ...], monitor: Monitor
) -> list[Teachers]:
    """Train one size after another, as one stage whose parts are as long as they take."""
    samples = teacher_samples(dataset, settings.teacher_epochs)
    work = [training_work(hidden, len(seeds), samples) for hidden in settings.teachers]
    trained: list[Teachers] = []
    for i, hidden in enumerate(settings.teachers):
        part = Part(monitor, sum(work[:i]) / sum(work), sum(work[: i + 1]) / sum(work))
        trained.append(train_teachers(dataset, hidden, seeds, samples, part))
    return trained
