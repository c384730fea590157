"""What the experiments share: the form of a result, training students, measuring them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor

from kdcore.claims import Claim, Judgement
from kdcore.data import Dataset, few_labels, noisy_labels
from kdcore.distillation import (
    Teachers,
    Trained,
    agreement,
    kl_to_teacher,
    plan_conditions,
)
from kdcore.losses import entropy, soft_labels
from kdcore.monitor import SILENT, LearningCurve, Monitor
from kdcore.plans import Plan, Planned, carry_out, carry_out_together
from kdcore.settings import STUDENT_SAMPLES, TEACHER_EPOCHS, CheckedSettings, List
from kdcore.statistics import Interval, mean_interval, paired_difference, verdict, verdicts
from kdcore.words import words

Row = dict[str, Any]

#: What accuracies are measured on; those on different data cannot be compared.
Data = Literal["digits", "points", "random labels", "words", "strokes"]


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


#: Something that could be done ahead of need: a function of settings and a monitor, and settings.
Preparation = tuple[Callable[[Any, Monitor], object], Hashable]

S = TypeVar("S", bound=CheckedSettings)
M = TypeVar("M", bound=Measured)
S_co = TypeVar("S_co", bound=CheckedSettings, covariant=True)
M_co = TypeVar("M_co", bound=Measured, covariant=True)


@dataclass(frozen=True, eq=False)
class Result(Generic[S_co, M_co]):
    """One run of an experiment, with all that is needed to repeat it."""

    experiment: Experiment[Any, Any]
    settings: S_co
    measured: M_co
    seconds: float

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.experiment.name

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
            raise ValueError(f"{self.name} has no accuracy per seed")
        return self.measured.accuracy

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the run."""
        return self.settings.seed_numbers

    def interval(self, row: Row, column: str = "student_accuracy") -> Interval:
        """Return a column of a row, a mean over the seeds, with its interval."""
        return Interval(row[column], row[f"{column}_ci"], len(self.seeds))

    def judgements(self) -> dict[str, Judgement]:
        """Return what the run says of each claim that it tests, by the claim's name."""
        return {
            claim.name: claim.judge(self) for claim in self.experiment.claims if claim.bears(self)
        }

    def as_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "experiment": self.name,
            "settings": self.settings.values(),
            "rows": self.rows,
            "claims": {
                name: {
                    "verdict": judged.verdict,
                    "figure": judged.figure.mean,
                    "figure_ci": judged.figure.half_width,
                    "unit": judged.unit,
                }
                for name, judged in self.judgements().items()
            },
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Experiment(Generic[S, M]):
    """An experiment: frozen settings in, a table out, and what it says of claims of the field."""

    name: str
    settings: type[S]
    function: Callable[[S, Monitor], M]
    #: Whose words say what the experiment, its conditions and its claims are called.
    page: str
    #: The columns that tell one row from the others.
    named_by: tuple[str, ...]
    claims: tuple[Claim, ...] = ()
    data: Data = "digits"
    #: What the list of a visit's runs keeps of it: another run that it has made, if given.
    stands_for: Callable[[Result[S, M]], Result[Any, Any]] | None = None
    #: Whether the list of a visit's runs keeps it: one that is broken on purpose says nothing.
    listed: bool = True
    #: Whether gains are over hard labels: what the end of the course asks, "when does it not help?"
    over_hard_labels: bool = True
    #: Settings in which runs may differ and still have students that train as one stack; lists
    #: must be as long. There are none unless the function is :class:`~kdcore.plans.Planned`.
    merges_over: tuple[str, ...] = ()
    #: What the next run may need that could be prepared while there is nothing else to do:
    #: functions of settings and a monitor, with their settings.
    ahead: Callable[[S], Iterable[Preparation]] | None = None

    @property
    def question(self) -> str:
        """What the experiment asks."""
        return str(words(self.page)["experiments"][self.name]["question"])

    @property
    def run(self) -> Run[S, M]:
        """What runs the experiment: a function of settings and, if given, a monitor."""
        return Run(self)


@dataclass(frozen=True)
class Run(Generic[S, M]):
    """Runs an experiment and times it; the verdicts of a run's table are made together.

    A function like any other, and one that can be called for several settings at once.
    """

    experiment: Experiment[S, M]

    def __call__(self, settings: S, monitor: Monitor = SILENT) -> Result[S, M]:
        started = time.perf_counter()
        return self._result(settings, self.experiment.function(settings, monitor), started)

    def kind(self, settings: S) -> Hashable:
        """Return what runs have in common that are better made together; ``None`` if none are."""
        experiment = self.experiment
        if not experiment.merges_over:
            return None
        return tuple(
            len(value) if isinstance(parameter, List) and name in experiment.merges_over else value
            for name, parameter in settings.parameters().items()
            for value in [getattr(settings, name)]
            if isinstance(parameter, List) or name not in experiment.merges_over
        )

    def traits(self, settings: S) -> tuple[Hashable, ...]:
        """Return what runs of one kind may have in common, too, and need to be trained once."""
        return tuple(getattr(settings, name) for name in self.experiment.merges_over)

    def together(
        self, settings: Sequence[S], monitors: Sequence[Monitor]
    ) -> list[Result[S, M] | Exception]:
        """Make several runs, each with what it would have found alone, or why it has ended."""
        function, started = self.experiment.function, time.perf_counter()
        if not isinstance(function, Planned):
            raise TypeError(f"{self.experiment.name} is not written as a plan")
        found = carry_out_together([function.plan(each) for each in settings], monitors)
        return [
            measured if isinstance(measured, Exception) else self._result(each, measured, started)
            for each, measured in zip(settings, found, strict=True)
        ]

    def ahead(self, settings: S) -> Iterable[Preparation]:
        """Return what could be prepared once this run was made; see :class:`Experiment`."""
        ahead = self.experiment.ahead
        return () if ahead is None else ahead(settings)

    def _result(self, settings: S, measured: M, started: float) -> Result[S, M]:
        mark_together(measured.rows, len(settings.seed_numbers))
        return Result(self.experiment, settings, measured, time.perf_counter() - started)


#: A run of any experiment.
AnyResult = Result[Any, Any]


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
    samples: int = int(STUDENT_SAMPLES.default),
) -> Trained:
    """Carry out :func:`plan_students` alone."""
    plan = plan_students(
        dataset, teachers, seeds, labels, hidden, temperatures, alphas, label_noise, samples
    )
    return carry_out(plan, monitor)


def plan_students(
    dataset: Dataset,
    teachers: Teachers | Sequence[Teachers],
    seeds: tuple[int, ...],
    labels: int,
    hidden: tuple[int, ...],
    temperatures: Sequence[float],
    alphas: Sequence[float],
    label_noise: float = 0.0,
    samples: int = int(STUDENT_SAMPLES.default),
) -> Plan[Trained]:
    """Train one student a seed and condition on the seed's few labelled images.

    The conditions are the pairs of ``temperatures`` and ``alphas``; α = 1 is the hard-label
    baseline, which is kept for the next run that has the same. Each seed has its own teacher,
    labelled images, initial weights and batch order, the same in every condition.

    Parameters
    ----------
    teachers
        Who teaches: the same in all conditions, or one for each condition.
    label_noise
        Share of the student's hard labels that are wrong.
    samples
        Samples that each student sees, however few labelled images they are drawn from.
    """
    rows, seen = draw_labels(dataset, seeds, labels, label_noise)
    if isinstance(teachers, Teachers):
        teacher_logits = teachers.training_logits
    else:
        teacher_logits = torch.stack([each.training_logits for each in teachers], dim=1)
    drawn = labels, label_noise
    return (
        yield from plan_conditions(
            dataset, teacher_logits, seeds, rows, seen, hidden, temperatures, alphas, samples, drawn
        )
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

    Both are ``[S]``. The baseline's own row has no gain. The verdict is on this row alone; those
    of a whole table are :func:`mark_together`'s.
    """
    mean = mean_interval(accuracy)
    row: Row = {"student_accuracy": mean.mean, "student_accuracy_ci": mean.half_width}
    if baseline is None:
        return row | {"gain": None, "gain_ci": None, "verdict": None}
    gain = paired_difference(accuracy, baseline)
    return row | {"gain": gain.mean, "gain_ci": gain.half_width, "verdict": verdict(gain)}


def mark_together(rows: Sequence[Row], seeds: int) -> None:
    """Give the gains of a table the verdicts that they have together, in place.

    All of them count as one family (:func:`~kdcore.statistics.verdicts`): a column ``verdict`` is
    made anew from ``gain`` and ``gain_ci``, one such as ``ensemble_verdict`` from ``ensemble_gain``
    and ``ensemble_gain_ci``. So no experiment can forget it.
    """
    marked = [
        (row, column, Interval(row[gain], row[f"{gain}_ci"], seeds))
        for row in rows
        for column in row
        if (gain := _gain_of(column)) in row and row[column] is not None
    ]
    together = verdicts([gain for _, _, gain in marked])
    for (row, column, _), said in zip(marked, together, strict=True):
        row[column] = said


def _gain_of(column: str) -> str | None:
    """Return which gain a column of verdicts is on; none if it holds no verdicts."""
    return f"{column.removesuffix('verdict')}gain" if column.endswith("verdict") else None


def difference(result: AnyResult, first: int, second: int) -> Interval:
    """Return how much more accurate one row of a run is than another, paired over its seeds."""
    return paired_difference(result.accuracy[:, first], result.accuracy[:, second])


def fidelity_columns(student_logits: Tensor, teacher_logits: Tensor) -> Row:
    """Return agreement with the teacher and KL to it, means over seeds; logits ``[S, N, C]``."""
    return {
        "agreement": agreement(student_logits, teacher_logits).mean().item(),
        "kl_to_teacher": kl_to_teacher(student_logits, teacher_logits).double().mean().item(),
    }


def soft_label_entropy(logits: Tensor, temperature: float) -> Tensor:
    """Return the mean entropy of soft labels in nats: ``[S, N, classes]`` → ``[S]``."""
    return entropy(soft_labels(logits, temperature)).double().mean(-1)


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


def furthest_above_its_teacher(result: AnyResult) -> int | None:
    """Return the row whose student ends furthest above its teacher's accuracy; None if none does.

    Above is one whose whole interval is. Those who hear no teacher are left out: that they differ
    from one is no surprise.
    """
    above = {
        place: row["student_accuracy"] - row["teacher_accuracy"]
        for place, row in enumerate(result.rows)
        if row.get("verdict") is not None
        and row.get("teacher_accuracy") is not None
        and result.interval(row).low > row["teacher_accuracy"]
    }
    return max(above, key=above.__getitem__, default=None)
