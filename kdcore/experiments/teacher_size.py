"""Experiment 2: is a bigger teacher a better one?"""

from __future__ import annotations

from dataclasses import dataclass

from kdcore.claims import (
    MARGIN,
    Claim,
    ClaimVerdict,
    Judgement,
    Pattern,
    best_row,
    position_of_best,
)
from kdcore.data import digits
from kdcore.distillation import layer_sizes, plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
    measured_curve,
    plan_students,
    soft_label_entropy,
    teacher_samples,
)
from kdcore.models import parameter_count
from kdcore.plans import Plan, parts, planned
from kdcore.settings import (
    ALPHA,
    EPOCHS,
    LABELS,
    SEEDS,
    STUDENT_HIDDEN,
    TEACHER_HIDDEN,
    TEACHERS,
    TEMPERATURE,
    Settings,
    setting,
)
from kdcore.statistics import as_good, mean_interval, not_told_apart, told_apart


@dataclass(frozen=True, kw_only=True)
class TeacherSizeSettings(Settings):
    """What is compared: the same student, taught by teachers of several sizes."""

    labels: int = setting(LABELS)
    student_hidden: tuple[int, ...] = setting(STUDENT_HIDDEN)
    temperature: float = setting(TEMPERATURE)
    alpha: float = setting(ALPHA)
    # Two small teachers, then the four of the reference run.
    teachers: tuple[tuple[int, ...], ...] = setting(
        TEACHERS,
        (
            (8,),
            (16,),
            (64,),
            (128, 64),
            (256, 128),
            (512, 256, 128),
        ),
    )
    # Most of the time goes into the largest teacher, whose products already run at the machine's
    # peak: 15 epochs and 7 seeds are what a learner can wait for. The curve is the same with 30
    # epochs and 10 seeds, which take three times as long.
    teacher_epochs: int = setting(EPOCHS, 15)
    seeds: int = setting(SEEDS, 7)

    def work(self) -> float:
        teachers = sum(self.teacher_work(hidden, self.teacher_epochs) for hidden in self.teachers)
        return teachers + self.student_work(self.student_hidden, 1 + len(self.teachers))


@planned
def teacher_size(settings: TeacherSizeSettings) -> Plan[Measured]:
    """Compare students of teachers of several sizes with the same student on hard labels.

    Beside each student stand its teacher's accuracy and the entropy of the soft labels. That a
    surer teacher teaches worse *because* it is sure does not follow from these: at a temperature at
    which all labels are as soft the gap can stay (:mod:`~kdcore.experiments.confidence` compares
    scales).

    Notes
    -----
    Cho, Hariharan (2019), *On the efficacy of knowledge distillation*: larger teachers may teach
    worse, early-stopped ones better. Mirzadeh et al. (2020) call it the capacity gap.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    samples = teacher_samples(dataset, settings.teacher_epochs)
    teachers = yield from parts(
        (plan_teachers(dataset, hidden, seeds, samples) for hidden in settings.teachers),
        [settings.teacher_work(hidden) for hidden in settings.teachers],
    )
    students = yield from plan_students(
        dataset,
        # Condition 0 is the baseline: α = 1, where it does not matter who teaches.
        [teachers[0], *teachers],
        seeds,
        settings.labels,
        settings.student_hidden,
        [settings.temperature] * (1 + len(teachers)),
        [1.0, *[settings.alpha] * len(teachers)],
        samples=settings.student_samples,
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


# --------------------------------------------------------------------------- what a run says


def teacher_size_pattern(result: AnyResult) -> Pattern:
    """Say which teacher's student is best, or that none gains.

    ``"low"``: the largest teacher's student can be told apart from the best, and the smallest's
    cannot; ``"high"``: the other way round; ``"inside"``: both can; ``"alike"``: neither can.
    """
    said = [row["verdict"] for row in result.rows]
    if "helps" not in said:
        return "hurts" if "hurts" in said else "nothing"
    sizes = [row["teacher_parameters"] for row in result.rows]
    return position_of_best(result.accuracy, (sizes.index(min(sizes)), sizes.index(max(sizes))))


def bigger_is_not_always_better(result: AnyResult) -> ClaimVerdict:
    """Judge the claim that the largest teacher need not have the best student.

    Supported if the largest teacher's student can be told apart from the best, as the chart marks
    it. Contradicted if it is better than one of the others, told apart in the same way, and worse
    than none by :data:`~kdcore.claims.MARGIN` or more, with the whole interval. Chance alone leads
    to either side in at most 5 % of runs.
    """
    sizes = [row["teacher_parameters"] for row in result.rows]
    largest = sizes.index(max(sizes))
    if largest not in not_told_apart(result.accuracy)[1]:
        return "supported"
    apart = told_apart(result.accuracy)[largest]
    over = {i: difference(result, largest, i) for i in range(len(sizes)) if i != largest}
    beats_one = any(apart[i] and each.mean > 0 for i, each in over.items())
    as_good_as_any = all(as_good(each, MARGIN) for each in over.values())
    return "contradicted" if beats_one and as_good_as_any else "undecided"


def bigger_teacher(result: AnyResult) -> Judgement:
    """A bigger teacher is not always a better one: by the students of each teacher.

    The figure is how much better the best student of a smaller teacher is than the largest's.
    """
    sizes = [row["teacher_parameters"] for row in result.rows]
    largest = sizes.index(max(sizes))
    smaller = [i for i in range(len(sizes)) if i != largest]
    first = best_row(result.accuracy, smaller or [largest])
    shapes = [f"[{row['teacher_hidden']}]" for row in result.rows]
    return Judgement(
        bigger_is_not_always_better(result),
        difference(result, first, largest),
        {"first": shapes[first], "second": shapes[largest]},
    )


EXPERIMENT = Experiment(
    "teacher-size",
    TeacherSizeSettings,
    teacher_size,
    page="teacher_size",
    named_by=("teacher_hidden",),
    claims=(Claim("teacher_size", bigger_teacher, takeaway=5),),
    merges_over=("teachers", "temperature", "alpha", "teacher_epochs", "seeds", "first_seed"),
)
