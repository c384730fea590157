"""What a visit leaves behind, as text: for the learner's own browser, or for a file to take along.

Whoever reads such text has not written it: it is checked field by field, and nothing in it is
trusted. The browser merges two of them by the same rules as :meth:`Kept.merge` (assets/keep.js).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import numpy as np

from kdcore.claims import ClaimVerdict, Judgement, Unit
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import Data
from kdcore.statistics import Interval, Verdict
from kdcore.visit.runs import BEGINNING, MOST_RUNS, Condition, Run, Summary
from kdcore.visit.tables import finite
from kdcore.words import Refusal

#: Raised when old texts would mean something else.
VERSION = 1

#: Characters that a browser is asked to keep; the oldest runs that are not pinned make room.
MOST_CHARACTERS = 200_000

#: Characters of one text inside, and entries of one list; more is no run of this lab.
LONGEST_TEXT, LONGEST_LIST = 2_000, 1_000

#: Digits of an accuracy: far finer than one test image of hundreds.
DIGITS = 6


@dataclass(frozen=True)
class Prediction:
    """What was predicted on a page, and for which settings."""

    choice: str
    settings: str = ""


@dataclass
class Kept:
    """What a visit leaves behind besides its runs: what was done, answered and predicted."""

    #: Pages that are done.
    done: set[str] = field(default_factory=set)
    #: The answer chosen to the question on each claim, by the claim's name.
    answers: dict[str, int] = field(default_factory=dict)
    #: The prediction made on each page.
    predictions: dict[str, Prediction] = field(default_factory=dict)

    def merge(self, other: Kept) -> None:
        """Take in what another copy knows; where both know something, this one stays."""
        self.done |= other.done
        self.answers = other.answers | self.answers
        self.predictions = other.predictions | self.predictions

    def clear(self) -> None:
        """Forget everything."""
        self.done.clear()
        self.answers.clear()
        self.predictions.clear()


@dataclass(frozen=True)
class Copy:
    """Everything that a text holds."""

    kept: Kept
    runs: tuple[Run, ...] = ()
    #: When runs were deleted, by identity; and when everything was.
    deleted: Mapping[Any, datetime] = field(default_factory=dict)
    cleared: datetime = BEGINNING


# --------------------------------------------------------------------------------- writing


def to_json(copy: Copy, most: int = MOST_CHARACTERS) -> str:
    """Write everything; the oldest runs that are not pinned are left out until it is short enough.

    Parameters
    ----------
    most
        Characters, at most.
    """
    runs = {_key(run): (run, _compact(run_as_data(run))) for run in copy.runs}
    rest = {
        "version": VERSION,
        "cleared": _time(copy.cleared),
        "deleted": {_joined(identity): _time(when) for identity, when in copy.deleted.items()},
        "done": sorted(copy.kept.done),
        "answers": copy.kept.answers,
        "predictions": {
            page: {"choice": said.choice, "settings": said.settings}
            for page, said in copy.kept.predictions.items()
        },
    }
    text = _compact(rest)
    length = len(text) + sum(len(key) + len(own) + 4 for key, (_, own) in runs.items())
    for key in sorted(runs, key=lambda key: (runs[key][0].pinned, runs[key][0].finished)):
        if length <= most:
            break
        length -= len(key) + len(runs.pop(key)[1]) + 4
    # What is written already is not written again: a visit may have made two hundred runs.
    own = ",".join(f"{json.dumps(key)}:{written}" for key, (_, written) in runs.items())
    return f'{text[:-1]},"runs":{{{own}}}}}'


def run_as_data(run: Run) -> dict[str, Any]:
    """Return a run as plain data, as :func:`run_from_data` reads it."""
    summary = run.summary
    accuracy = summary.accuracy
    return {
        "number": run.number,
        "experiment": summary.experiment,
        "identity": _joined(summary.identity),
        "settings": dict(summary.settings),
        "data": summary.data,
        "seeds": list(summary.seeds),
        "conditions": [
            {
                "name": dict(row.name),
                "accuracy": _interval(row.accuracy),
                "gain": None if row.gain is None else _interval(row.gain),
                "verdict": row.verdict,
            }
            for row in summary.conditions
        ],
        "accuracy": None if accuracy is None else finite(accuracy.round(DIGITS).tolist()),
        "seconds": round(summary.seconds, 3),
        "judgements": {
            name: {
                "verdict": judged.verdict,
                "figure": _interval(judged.figure),
                "said": dict(judged.said),
                "gain": None if judged.gain is None else _interval(judged.gain),
                "unit": judged.unit,
            }
            for name, judged in summary.judgements.items()
        },
        "page": run.page,
        "address": dict(run.address),
        "finished": _time(run.finished),
        "pinned": run.pinned,
        "prediction": run.prediction,
        "outcome": run.outcome,
        "seen": run.seen,
    }


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _key(run: Run) -> str:
    return _joined(run.summary.identity)


def _joined(identity: Any) -> str:
    return ":".join(identity) if isinstance(identity, tuple) else str(identity)


def _time(time: datetime) -> str:
    # All in one zone and of one length: texts of it sort as times do.
    return time.astimezone(UTC).isoformat(timespec="milliseconds") if time > BEGINNING else ""


def _interval(value: Interval) -> list[float | None]:
    return [
        *(
            round(x, DIGITS + 2) if math.isfinite(x) else None
            for x in (value.mean, value.half_width)
        ),
        value.n,
    ]


# --------------------------------------------------------------------------------- reading


def from_json(text: str, most: int = 20 * MOST_CHARACTERS) -> Copy:
    """Read what :func:`to_json` wrote.

    Raises
    ------
    Refusal
        If the text is anything else; the message says what is wrong with it.
    """
    if len(text) > most:
        raise Refusal("file_too_long", most=f"{most // 1000:,}")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal("file_not_ours") from None
    if not isinstance(data, dict) or "version" not in data:
        raise Refusal("file_not_ours")
    if data["version"] != VERSION:
        raise Refusal("file_version", version=VERSION)
    try:
        return _copy(data)
    except _Broken as broken:
        raise Refusal("file_broken", where=str(broken)[:80]) from None


def run_from_data(data: Any) -> Run:
    """Read a run.

    Raises
    ------
    ValueError
        If this cannot be a run of this lab.
    """
    run = _Fields(data)
    experiment = EXPERIMENTS.get(run.take("experiment", str))
    if experiment is None:
        raise _Broken("experiment")
    seeds = tuple(_whole(seed, "seeds") for seed in run.take("seeds", list))
    conditions = tuple(
        _condition(_Fields(row), experiment.named_by) for row in run.take("conditions", list)
    )
    claims = {claim.name for claim in experiment.claims}
    judgements = {
        name: _judgement(_Fields(judged))
        for name, judged in run.take("judgements", dict).items()
        if name in claims
    }
    summary = Summary(
        experiment.name,
        _identity(run.take("identity", str)),
        _texts(run.take("settings", dict), "settings"),
        _one_of(run.take("data", str), get_args(Data), "data"),
        seeds,
        conditions,
        _table(run.take("accuracy", list, type(None)), len(seeds), len(conditions)),
        float(run.take("seconds", int, float)),
        judgements,
    )
    return Run(
        _whole(run.take("number", int), "number"),
        summary,
        _name(run.take("page", str), "page"),
        _texts(run.take("address", dict), "address"),
        _when(run.take("finished", str), "finished"),
        run.take("pinned", bool),
        run.take("prediction", str),
        run.take("outcome", str),
        run.take("seen", bool),
    )


class _Broken(ValueError):
    """Something that cannot be; the message says where."""


class _Fields:
    """The fields of one object, each taken with the type that it must have."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, dict):
            raise _Broken("{}")
        self._data = data

    def take(self, name: str, *types: type) -> Any:
        value = self._data.get(name)
        # A truth value is an int to Python; not here.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise _Broken(name)
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise _Broken(name)
        if isinstance(value, list | dict) and len(value) > LONGEST_LIST:
            raise _Broken(name)
        return value


def _copy(data: dict[str, Any]) -> Copy:
    fields = _Fields(data)
    predictions = {
        _name(page, "predictions"): Prediction(
            _Fields(said).take("choice", str), _Fields(said).take("settings", str)
        )
        for page, said in fields.take("predictions", dict).items()
    }
    answers = {
        _name(claim, "answers"): _whole(chosen, "answers")
        for claim, chosen in fields.take("answers", dict).items()
    }
    done = {_name(page, "done") for page in fields.take("done", list)}
    deleted = {
        _identity(identity): _when(time, "deleted")
        for identity, time in fields.take("deleted", dict).items()
    }
    runs = [run_from_data(own) for own in list(fields.take("runs", dict).values())[-MOST_RUNS:]]
    cleared = fields.take("cleared", str)
    return Copy(
        Kept(done, answers, predictions),
        tuple(sorted(runs, key=lambda run: run.finished)),
        deleted,
        _when(cleared, "cleared") if cleared else BEGINNING,
    )


def _condition(row: _Fields, named_by: Iterable[str]) -> Condition:
    name = _texts(row.take("name", dict), "name")
    if not set(name) <= set(named_by):
        raise _Broken("conditions")
    gain, said = row.take("gain", list, type(None)), row.take("verdict", str, type(None))
    return Condition(
        name,
        _read_interval(row.take("accuracy", list)),
        None if gain is None else _read_interval(gain),
        None if said is None else _one_of(said, get_args(Verdict), "verdict"),
    )


def _judgement(judged: _Fields) -> Judgement:
    gain = judged.take("gain", list, type(None))
    return Judgement(
        _one_of(judged.take("verdict", str), get_args(ClaimVerdict), "verdict"),
        _read_interval(judged.take("figure", list)),
        _texts(judged.take("said", dict), "said"),
        None if gain is None else _read_interval(gain),
        _one_of(judged.take("unit", str), get_args(Unit), "unit"),
    )


def _read_interval(parts: list[Any]) -> Interval:
    if len(parts) != 3:
        raise _Broken("interval")
    mean, half_width, n = parts
    return Interval(_number(mean, math.nan), _number(half_width, math.inf), _whole(n, "interval"))


def _table(rows: list[Any] | None, seeds: int, conditions: int) -> Any:
    if rows is None:
        return None
    if len(rows) != seeds or any(
        not isinstance(row, list) or len(row) != conditions for row in rows
    ):
        raise _Broken("accuracy")
    return np.array([[_number(x, math.nan) for x in row] for row in rows], dtype=np.float64)


def _number(value: Any, missing: float) -> float:
    if value is None:
        return missing
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise _Broken("number")
    return float(value)


def _whole(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise _Broken(where)
    return value


def _texts(data: dict[Any, Any], where: str) -> dict[str, str]:
    for value in data.values():
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise _Broken(where)
    return {_matching(r"[\w²-]{1,60}", key, where): value for key, value in data.items()}


def _name(value: Any, where: str) -> str:
    return _matching(r"[\w²-]{1,60}", value, where)


def _identity(value: Any) -> tuple[str, str]:
    experiment, _, digest = _matching(r"[\w-]{1,40}:[0-9a-f]{32}", value, "identity").partition(":")
    return experiment, digest


def _matching(pattern: str, value: Any, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _Broken(where)
    return value


def _one_of(value: str, known: tuple[Any, ...], where: str) -> Any:
    if value not in known:
        raise _Broken(where)
    return value


def _when(text: Any, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise _Broken(where) from None
