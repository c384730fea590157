"""The runs of one visit: what was set, what came out, compared two at a time.

A run is kept small, its figures but not its networks, so that a visit's list costs little memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kdcore.claims import Judgement
from kdcore.experiments.result import AnyResult, Data, Row
from kdcore.statistics import Interval, Verdict, paired_difference, verdict
from kdcore.visit.tables import write_csv

#: Runs that are kept of one visit; the oldest that is not pinned makes room.
MOST_RUNS = 200

#: Before everything.
BEGINNING = datetime.min.replace(tzinfo=UTC)


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
    #: Whether the learner has had to do with it; one made by the way counts for nothing yet.
    seen: bool = True

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
        #: When runs were deleted, by identity, and when all of them were: another copy of the list,
        #: in another tab or a file, must not bring them back.
        self.deleted: dict[Hashable, datetime] = {}
        self.cleared = BEGINNING

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
        self,
        summary: Summary,
        page: str,
        address: Mapping[str, str],
        finished: datetime,
        seen: bool = True,
    ) -> Run:
        """Keep a run and return it; the same run a second time is the one that is here already.

        Equal settings give equal figures, so that a repetition is no further evidence.
        """
        if (known := self.find(summary.identity)) is not None:
            if seen:
                self.see(known.number)
            return self._runs[known.number]
        run = self._keep(Run(0, summary, page, dict(address), finished, seen=seen))
        self._make_room(run)
        return run

    def take_in(self, run: Run) -> None:
        """Take in a run from another copy of the list, where it may be here already.

        What was deleted here after that run had finished stays deleted.
        """
        identity = run.summary.identity
        if run.finished <= max(self.deleted.get(identity, BEGINNING), self.cleared):
            return
        if (known := self.find(identity)) is not None:
            self._change(
                known.number,
                pinned=known.pinned or run.pinned,
                seen=known.seen or run.seen,
                prediction=known.prediction or run.prediction,
                outcome=known.outcome or run.outcome,
            )
            return
        kept = self._keep(run)
        self._runs = dict(sorted(self._runs.items(), key=lambda item: item[1].finished))
        self._make_room(kept)

    def forget_deleted(self, identity: Hashable, time: datetime) -> None:
        """Forget what another copy of the list deleted then, unless it was made anew since."""
        self.deleted[identity] = max(time, self.deleted.get(identity, time))
        if (run := self.find(identity)) is not None and run.finished <= time:
            del self._runs[run.number]

    def forget_before(self, time: datetime) -> None:
        """Forget what another copy of the list was cleared of."""
        self.cleared = max(self.cleared, time)
        self._runs = {n: run for n, run in self._runs.items() if run.finished > self.cleared}

    def _keep(self, run: Run) -> Run:
        """Keep a run under its own number if that is free, or else under the next."""
        number = run.number if run.number > self._last else self._last + 1
        self._last = number
        kept = self._runs[number] = replace(run, number=number)
        return kept

    def _make_room(self, run: Run) -> None:
        while len(self._runs) > self._capacity:
            unpinned = (number for number, kept in self._runs.items() if not kept.pinned)
            # Where all else is pinned, the oldest pinned one leaves rather than the newest run.
            oldest = next(unpinned)
            del self._runs[oldest if oldest != run.number else next(iter(self._runs))]
            self.dropped += 1

    def predict(self, number: int, prediction: str, outcome: str) -> None:
        """Keep what the learner predicted beside what the run says.

        Without a prediction the one that was made before stays: another page, or a control that
        does not define the run, may show the same run again.
        """
        known = self._runs[number].prediction if number in self._runs else ""
        self._change(number, prediction=prediction or known, outcome=outcome)

    def forget_prediction(self, number: int) -> None:
        """Let a run have no prediction: the one beside it was made for other settings."""
        self._change(number, prediction="")

    def pin(self, number: int, pinned: bool = True) -> None:
        """Pin a run, so that it does not make room for others, or let go of it."""
        self._change(number, pinned=pinned)

    def see(self, number: int) -> None:
        """Count a run from now on, if it was made by the way."""
        if number in self._runs and not self._runs[number].seen:
            self._change(number, seen=True)

    def delete(self, number: int) -> None:
        """Forget a run."""
        if (run := self._runs.pop(number, None)) is not None:
            self.deleted[run.summary.identity] = datetime.now(UTC)

    def clear(self) -> None:
        """Forget all runs; numbers go on, so that none is used twice."""
        self._runs.clear()
        self.deleted.clear()
        self.cleared = datetime.now(UTC)

    def _change(self, number: int, **changes: Any) -> None:
        if number in self._runs:
            self._runs[number] = replace(self._runs[number], **changes)


# ---------------------------------------------------------------------- from result to summary


def identity_of(experiment: str, settings: Hashable) -> Hashable:
    """Return what makes two runs the same, without holding on to settings that may be large."""
    return experiment, hashlib.blake2b(repr(settings).encode(), digest_size=16).hexdigest()


def summarise(result: AnyResult) -> Summary:
    """Return what is kept of a result."""
    experiment = result.experiment
    if experiment.stands_for is not None:
        return summarise(experiment.stands_for(result))
    accuracy = result.measured.accuracy
    return Summary(
        experiment.name,
        identity_of(experiment.name, result.settings),
        result.settings.texts(),
        experiment.data,
        result.seeds,
        tuple(_condition(result, row) for row in result.rows),
        None if accuracy is None else accuracy.double().numpy(),
        result.seconds,
        result.judgements(),
    )


def _condition(result: AnyResult, row: Row) -> Condition:
    return Condition(
        {column: _plain(row[column]) for column in result.experiment.named_by},
        result.interval(row),
        None if row.get("gain") is None else result.interval(row, "gain"),
        row.get("verdict"),
    )


def _plain(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
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
