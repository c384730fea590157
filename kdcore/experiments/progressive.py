"""The bridge over the capacity gap: a big teacher, its assistant, and the student of either."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from kdcore.claims import Claim, ClaimVerdict, Judgement, best_row
from kdcore.data import Dataset, digits
from kdcore.distillation import StackTraining, Teachers, plan_teachers
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    Measured,
    Row,
    accuracy_columns,
    difference,
    draw_labels,
    measured_curve,
    plan_students,
    soft_label_entropy,
    teacher_samples,
)
from kdcore.plans import Plan, planned
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
from kdcore.statistics import Verdict, verdict, verdicts
from kdcore.training import TrainingSettings

ROUTES = ("hard", "direct", "via-assistant", "small-teacher")
DIRECT, VIA_ASSISTANT, SMALL_TEACHER = 1, 2, 3  # rows of the table


@dataclass(frozen=True, kw_only=True)
class ProgressiveSettings(Settings):
    """What is compared: students of the teacher, of its assistant, and of a small teacher."""

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
            + 2 * self.teacher_work(self.assistant_hidden)
            + self.student_work(self.student_hidden, len(ROUTES))
        )


@planned
def progressive(settings: ProgressiveSettings) -> Plan[Measured]:
    """Compare four routes to a student: hard labels, the teacher, its assistant, a small teacher.

    The assistant is a network of middle size that learns from the teacher, where the teacher has
    learned: on the training pool. The small teacher is its control: the same network, from the same
    initial weights on the same images, that learns from their hard labels and never met the large
    teacher. If it teaches as well as the assistant, what made the detour worth while was the size
    of the network at its end, and not the knowledge that came from the other. The student sees its
    few labelled images on every route.

    The gain of the direct route is against hard labels, that of the last two against the direct
    route. With ``assistant_labels`` as small as ``labels`` an assistant sees the student's own few
    images: they are the same draw.

    Notes
    -----
    Mirzadeh et al. (2020), *Improved knowledge distillation via teacher assistant*: there, too,
    teacher, assistant and student are all trained on the same whole training set.
    """
    dataset, seeds = digits(settings.split), settings.seed_numbers
    samples = teacher_samples(dataset, settings.teacher_epochs)
    teachers = yield from plan_teachers(dataset, settings.teacher_hidden, seeds, samples)
    assistants = yield from plan_assistants(dataset, teachers, seeds, settings, settings.alpha)
    # The same on hard labels alone.
    small_teachers = yield from plan_assistants(dataset, teachers, seeds, settings, 1.0)
    # On hard labels, α = 1, it does not matter who teaches.
    who_teaches = (teachers, teachers, assistants, small_teachers)
    students = yield from plan_students(
        dataset,
        who_teaches,
        seeds,
        settings.labels,
        settings.student_hidden,
        [settings.temperature] * len(ROUTES),
        (1.0, *[settings.alpha] * (len(ROUTES) - 1)),
        samples=settings.student_samples,
    )
    hard, direct, via_assistant, via_small = students.accuracy.unbind(1)
    rows = [
        _row("hard", None, settings.temperature, hard, None),
        _row("direct", teachers, settings.temperature, direct, hard),
        _row("via-assistant", assistants, settings.temperature, via_assistant, direct),
        _row("small-teacher", small_teachers, settings.temperature, via_small, direct),
    ]
    curves = [measured_curve(students.curve, route) for route in range(len(ROUTES))]
    return Measured(rows, students.accuracy, curves)


def plan_assistants(
    dataset: Dataset,
    teachers: Teachers,
    seeds: tuple[int, ...],
    settings: ProgressiveSettings,
    alpha: float,
) -> Plan[Teachers]:
    """Return one assistant a seed, distilled from the seed's teacher; at α = 1 on hard labels."""
    rows, labels = draw_labels(dataset, seeds, settings.assistant_labels)
    (trained,) = yield [
        StackTraining(
            dataset=dataset,
            hidden=settings.assistant_hidden,
            seeds=seeds,
            rows=rows,
            labels=labels,
            temperatures=(settings.temperature,),
            alphas=(alpha,),
            teacher_logits=teachers.training_logits,
            # As long as a teacher: what the assistant has not learned it cannot teach.
            settings=TrainingSettings(teacher_samples(dataset)),
            stage="assistant",
        )
    ]
    return Teachers(trained, trained.stack.logits(dataset.training.inputs)[:, 0].contiguous())


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


def assistant_helps(result: AnyResult) -> ClaimVerdict:
    """Judge the claim that a teacher assistant helps.

    Supported if its student beats that of the large teacher, by the table's verdict, and that of a
    small teacher of the assistant's shape, which never met the large one. Contradicted if one of
    these beats it.
    """
    against = set(against_the_detour(result).values())
    if "hurts" in against:
        return "contradicted"
    return "supported" if against == {"helps"} else "undecided"


def against_the_detour(result: AnyResult) -> dict[int, Verdict]:
    """Return the verdict on the detour against each other route that has a teacher, by its row.

    On the direct route it is the table's, which stands beside it. Against the small teacher the
    detour is not better by its own interval, and not worse but with both looked at together.
    """
    over = [difference(result, VIA_ASSISTANT, other) for other in (DIRECT, SMALL_TEACHER)]
    over_small = verdict(over[1])
    if over_small == "hurts":
        over_small = verdicts(over)[1]
    return {DIRECT: result.rows[VIA_ASSISTANT]["verdict"], SMALL_TEACHER: over_small}


def assistant(result: AnyResult) -> Judgement:
    """A teacher assistant helps: by its students against those of both other routes.

    The figure is how much better they are than the better of these, among those that beat them if
    any does; beside it stands the gain over the direct route.
    """
    against = against_the_detour(result)
    better = [route for route, said in against.items() if said == "hurts"]
    other = best_row(result.accuracy, better or list(against))
    return Judgement(
        assistant_helps(result),
        difference(result, VIA_ASSISTANT, other),
        {"other": ROUTES[other]},
        difference(result, VIA_ASSISTANT, DIRECT),
    )


EXPERIMENT = Experiment(
    "progressive",
    ProgressiveSettings,
    progressive,
    page="teacher_size",
    named_by=("route",),
    claims=(Claim("assistant", assistant),),
    merges_over=("temperature", "alpha", "teacher_hidden", "teacher_epochs", "seeds", "first_seed"),
)
