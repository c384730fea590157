"""The runs of one visit: what was set, what came out, compared two at a time.

A run is kept small, its figures but not its networks, so that a visit's list costs little memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kdcore.experiments.balance import BalanceMap
from kdcore.experiments.common import Result, Row
from kdcore.experiments.cost import CostResult
from kdcore.experiments.faults import Faults
from kdcore.experiments.lab import LabResult
from kdcore.playground.film import PlaygroundResult
from kdcore.settings import PARAMETERS
from kdcore.statistics import Interval, Verdict, mean_interval, paired_difference, verdict
from kdcore.visit.evidence import Judgement, judgements
from kdcore.visit.tables import write_csv

#: Runs that are kept of one visit; the oldest that is not pinned makes room.
MOST_RUNS = 200

#: The columns that name a row of an experiment, where the first alone does not.
_NAMED_BY = {
    "t-squared": ("temperature", "factor"),
    "student-size": ("student_width", "label_type"),
}

Data = Literal["digits", "points", "random labels"]


@dataclass(frozen=True)
class Condition:
    """One row of a run: one way to teach."""

    #: What tells it from the other rows, such as ``{"temperature": "4"}``; values of the
    #: hard-label baseline are empty.
    name: Mapping[str, str]
    #: Test accuracy over seeds.
    accuracy: Interval
    #: Paired difference from the run's baseline, and what it says; the baseline has none.
    gain: Interval | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, eq=False)
class Summary:
    """What is kept of a result."""

    experiment: str
    #: What makes two runs the same: equal ones give equal figures.
    identity: Hashable
    #: What was set, as text.
    settings: Mapping[str, str]
    #: What accuracies were measured on; those on different data cannot be compared.
    data: Data
    seeds: tuple[int, ...]
    conditions: tuple[Condition, ...]
    #: Test accuracy of each seed in each condition, ``[S, C]``.
    accuracy: NDArray[np.float64] | None
    seconds: float
    #: What the run says of the claims that it tests.
    judgements: Mapping[str, Judgement] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Run:
    """One run of a visit."""

    number: int
    summary: Summary
    #: The page it was asked for on, and the page's address then, so that it can be opened again.
    page: str
    address: Mapping[str, str]
    finished: datetime
    pinned: bool = False
    #: What the learner predicted and what the run says, if the page asks.
    prediction: str = ""
    outcome: str = ""

    @property
    def was_predicted(self) -> bool:
        """Whether the learner made a prediction, and the run says the same."""
        return bool(self.prediction) and self.prediction == self.outcome

    @property
    def settings(self) -> Mapping[str, str]:
        """What was set, as text."""
        return self.summary.settings

    @property
    def judgements(self) -> Mapping[str, Judgement]:
        """What the run says of claims."""
        return self.summary.judgements

    @property
    def best(self) -> int | None:
        """The condition that gained most; the most accurate student if the run has no gains.

        The best of several is flattered by its choice: its interval does not cover that.
        """
        rows = self.summary.conditions
        gains = [i for i, row in enumerate(rows) if row.gain is not None]
        if gains:
            return max(gains, key=lambda i: rows[i].gain.mean)  # type: ignore[union-attr]
        taught = [i for i, row in enumerate(rows) if row.name.get("network") != "teacher"]
        return max(taught, key=lambda i: rows[i].accuracy.mean, default=None)


class RunLog:
    """The runs of one visit, in the order in which they were finished.

    Parameters
    ----------
    capacity
        Runs that are kept. One more, and the oldest that is not pinned makes room.
    """

    def __init__(self, capacity: int = MOST_RUNS) -> None:
        self._capacity = capacity
        self._runs: dict[int, Run] = {}
        self._last = 0
        #: Runs that made room for others.
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def __getitem__(self, number: int) -> Run:
        return self._runs[number]

    def find(self, identity: Hashable) -> Run | None:
        """Return the run of this identity, if it is here."""
        return next((run for run in self if run.summary.identity == identity), None)

    def add(
        self, summary: Summary, page: str, address: Mapping[str, str], finished: datetime
    ) -> Run:
        """Keep a run and return it; the same run a second time is the one that is here already.

        Equal settings give equal figures, so that a repetition is no further evidence.
        """
        if (known := self.find(summary.identity)) is not None:
            return known
        self._last += 1
        run = self._runs[self._last] = Run(self._last, summary, page, dict(address), finished)
        while len(self._runs) > self._capacity:
            unpinned = (number for number, kept in self._runs.items() if not kept.pinned)
            # Where all else is pinned, the oldest pinned one leaves rather than the newest run.
            oldest = next(unpinned)
            del self._runs[oldest if oldest != run.number else next(iter(self._runs))]
            self.dropped += 1
        return run

    def predict(self, number: int, prediction: str, outcome: str) -> None:
        """Keep what the learner predicted beside what the run says.

        Without a prediction the one that was made before stays: another page, or a control that
        does not define the run, may show the same run again.
        """
        known = self._runs[number].prediction if number in self._runs else ""
        self._change(number, prediction=prediction or known, outcome=outcome)

    def pin(self, number: int, pinned: bool = True) -> None:
        """Pin a run, so that it does not make room for others, or let go of it."""
        self._change(number, pinned=pinned)

    def delete(self, number: int) -> None:
        """Forget a run."""
        self._runs.pop(number, None)

    def clear(self) -> None:
        """Forget all runs; numbers go on, so that none is used twice."""
        self._runs.clear()

    def _change(self, number: int, **changes: Any) -> None:
        if number in self._runs:
            self._runs[number] = replace(self._runs[number], **changes)


# ---------------------------------------------------------------------- from result to summary


def identity_of(experiment: str, settings: Hashable) -> Hashable:
    """Return what makes two runs the same, without holding on to settings that may be large."""
    return experiment, hashlib.blake2b(repr(settings).encode(), digest_size=16).hexdigest()


@singledispatch
def summarise(result: object) -> Summary:
    """Return what is kept of a result.

    Raises
    ------
    TypeError
        If it is none that a page trains.
    """
    raise TypeError(f"{type(result).__name__} is not the result of a run")


@summarise.register
def _(result: Result) -> Summary:
    accuracy = result.accuracy.double().numpy()
    columns = _NAMED_BY.get(result.experiment, tuple(result.rows[0])[:1])
    return Summary(
        result.experiment,
        identity_of(result.experiment, result.settings),
        _texts(result.settings),
        "digits",
        tuple(range(len(accuracy))),
        tuple(_condition(result, row, columns) for row in result.rows),
        accuracy,
        result.seconds,
        judgements(result),
    )


@summarise.register
def _(result: LabResult) -> Summary:
    accuracy = result.accuracy.double().numpy()
    return Summary(
        "lab",
        identity_of("lab", result.settings),
        _texts(result.settings),
        "digits",
        tuple(range(len(accuracy))),
        (
            Condition({"network": "teacher"}, result.teacher),
            Condition({"network": "hard"}, result.hard),
            Condition({"network": "distilled"}, result.distilled, result.gain, result.verdict),
        ),
        accuracy,
        result.seconds,
    )


@summarise.register
def _(result: CostResult) -> Summary:
    # What is weighed is a run of the Lab; its times belong to the machine, not to the run.
    return summarise(result.lab)


@summarise.register
def _(result: PlaygroundResult) -> Summary:
    films = {"teacher": result.teacher, "hard": result.hard, "distilled": result.distilled}
    accuracy = np.array([[film.accuracy[-1] for film in films.values()]])
    settings = _texts(result.settings)
    if result.settings.own is not None:
        settings |= {"own": str(len(result.settings.own.points))}
    return Summary(
        "playground",
        identity_of("playground", result.settings),
        settings,
        "points",
        (result.settings.seed,),
        tuple(
            Condition({"network": who}, mean_interval(own))
            for who, own in zip(films, accuracy.T, strict=True)
        ),
        accuracy,
        result.seconds,
    )


@summarise.register
def _(result: BalanceMap) -> Summary:
    return Summary(
        "balance-map",
        identity_of("balance-map", result.settings),
        _texts(result.settings),
        "digits",
        tuple(range(result.settings.seeds)),
        tuple(
            Condition(
                {
                    "teacher_labels": _plain(cell.teacher_labels),
                    "label_noise": _plain(cell.label_noise),
                    "alpha": _plain(cell.best_alpha),
                },
                cell.accuracy[cell.alphas.index(cell.best_alpha)],
            )
            for cell in result.cells
        ),
        None,
        result.seconds,
    )


@summarise.register
def _(result: Faults) -> Summary:
    reruns = result.reruns
    accuracy = np.stack(
        [each.mean(axis=1) for each in (reruns.student_accuracy, reruns.student_held_out_accuracy)],
        axis=1,
    )
    return Summary(
        "reference",
        identity_of("reference", result.settings),
        _texts(result.settings),
        "random labels",
        tuple(range(result.settings.seeds)),
        (
            Condition({"measured_on": "training"}, result.training),
            Condition({"measured_on": "held_out"}, result.held_out),
        ),
        accuracy,
        result.seconds,
    )


def _condition(result: Result, row: Row, columns: Sequence[str]) -> Condition:
    return Condition(
        {column: _plain(row[column]) for column in columns},
        result.interval(row),
        None if row.get("gain") is None else result.interval(row, "gain"),
        row.get("verdict"),
    )


def _texts(settings: Any) -> dict[str, str]:
    return {
        name: _text(name, value)
        for name, value in asdict(settings).items()
        if name != "own"  # the learner's points: too long for a table
    }


def _text(name: str, value: Any) -> str:
    return PARAMETERS[name].format(value) if name in PARAMETERS else _plain(value)


def _plain(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}"


# -------------------------------------------------------------------------------- two runs


@dataclass(frozen=True)
class Comparison:
    """A condition of one run against a condition of another."""

    first: Interval
    second: Interval
    #: What was set otherwise: the values in the first and in the second, ``None`` where it has no
    #: such setting.
    differing: Mapping[str, tuple[str | None, str | None]]
    #: Second − first, paired over the seeds that both have.
    difference: Interval | None
    #: Why there is no paired difference.
    hindrance: Literal["", "data", "seeds", "figures"] = ""

    @property
    def verdict(self) -> Verdict | None:
        """What the paired difference says of the second."""
        return None if self.difference is None else verdict(self.difference)


def compare(first: Run, first_row: int, second: Run, second_row: int) -> Comparison:
    """Compare a condition of one run with one of another, paired where the seeds match.

    The same seed draws the same labelled images, initial weights and batch order in every run, as
    far as the settings are the same; so what a seed does to both cancels.
    """
    a, b = first.summary, second.summary
    rows = a.conditions[first_row], b.conditions[second_row]
    set_first, set_second = _set_for(a, rows[0]), _set_for(b, rows[1])
    differing = {
        name: (set_first.get(name), set_second.get(name))
        for name in dict.fromkeys([*set_first, *set_second])
        if set_first.get(name) != set_second.get(name)
    }
    accuracies = rows[0].accuracy, rows[1].accuracy
    common = [seed for seed in a.seeds if seed in b.seeds]
    hindrance: Literal["", "data", "seeds", "figures"] = ""
    if a.data != b.data or (a.data == "points" and differing):
        hindrance = "data"
    elif a.accuracy is None or b.accuracy is None:
        hindrance = "figures"
    elif len(common) < 2:
        hindrance = "seeds"
    if hindrance or a.accuracy is None or b.accuracy is None:
        return Comparison(*accuracies, differing, None, hindrance)
    difference = paired_difference(
        b.accuracy[[b.seeds.index(seed) for seed in common], second_row],
        a.accuracy[[a.seeds.index(seed) for seed in common], first_row],
    )
    return Comparison(*accuracies, differing, difference)


#: What a run lists that it compares, and what a single condition of it sets.
_ONE_OF = {
    "temperatures": "temperature",
    "alphas": "alpha",
    "hint_weights": "hint_weight",
    "teachers": "teacher_hidden",
    "student_widths": "student_hidden",
    "map_teacher_labels": "teacher_labels",
    "map_label_noise": "label_noise",
}


def _set_for(summary: Summary, condition: Condition) -> dict[str, str]:
    """Return what was set for one condition of a run: one T, say, in place of the list of them."""
    own = {("student_hidden" if k == "student_width" else k): v for k, v in condition.name.items()}
    found = {_ONE_OF.get(name, name): value for name, value in summary.settings.items()}
    return {name: own.get(name, value) for name, value in found.items()}


# ------------------------------------------------------------------------------ as plain text


def as_csv(runs: Sequence[Run]) -> str:
    """Return all runs as CSV, one line a condition; accuracies and gains are fractions."""
    rows = []
    for run in runs:
        summary = run.summary
        verdicts = {f"claim_{name}": said.verdict for name, said in run.judgements.items()}
        for condition in summary.conditions:
            gain = condition.gain
            rows.append(
                {
                    "run": run.number,
                    "page": run.page,
                    "experiment": summary.experiment,
                    "finished": run.finished.isoformat(timespec="seconds"),
                    "seconds": round(summary.seconds, 3),
                    "condition": "; ".join(f"{k}={v}" for k, v in condition.name.items()),
                    "accuracy": condition.accuracy.mean,
                    "accuracy_ci": condition.accuracy.half_width,
                    "gain": None if gain is None else gain.mean,
                    "gain_ci": None if gain is None else gain.half_width,
                    "verdict": condition.verdict,
                    "n": condition.accuracy.n,
                    "prediction": run.prediction,
                    "outcome": run.outcome,
                }
                | verdicts
                | {f"setting_{name}": value for name, value in summary.settings.items()}
            )
    return write_csv(rows)
