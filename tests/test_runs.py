"""The list of runs: bounded, one entry for equal runs, compared with pairing by seed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings
from kdcore.experiments.playground import EXPERIMENT as PLAYGROUND
from kdcore.experiments.playground import PlaygroundSettings
from kdcore.experiments.result import Data
from kdcore.playground.own import OwnPoints
from kdcore.statistics import Interval, mean_interval, paired_difference
from kdcore.visit.runs import (
    MOST_RUNS,
    Condition,
    Run,
    RunLog,
    Summary,
    as_csv,
    compare,
    identity_of,
    summarise,
)
from kdcore.words import settings_words
from pages.common import run_words
from pages.common.words import words
from tests.small import as_small_as_can_be, short_lessons

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def lab() -> Any:
    """A run of the Lab: what is kept of it does not depend on its length."""
    with short_lessons():
        return LAB.run(LabSettings(seeds=3, student_samples=320, teacher_hidden=(16,)))


def summary(
    name: str = "a",
    accuracy: Any = ((0.8, 0.9), (0.7, 0.85)),
    settings: Mapping[str, str] | None = None,
    data: Data = "digits",
    seeds: tuple[int, ...] | None = None,
) -> Summary:
    table = np.array(accuracy, dtype=np.float64)
    gain = paired_difference(table[:, 1], table[:, 0])
    return Summary(
        "temperature",
        name,
        settings or {"labels": "50"},
        data,
        seeds or tuple(range(len(table))),
        (
            Condition({"temperature": ""}, mean_interval(table[:, 0])),
            Condition({"temperature": "4"}, mean_interval(table[:, 1]), gain, "helps"),
        ),
        table,
        1.0,
    )


def add(log: RunLog, one: Summary) -> Run:
    return log.add(one, "temperature", {"v": "1"}, NOON)


# ------------------------------------------------------------------------------- the list


def test_runs_are_numbered_in_the_order_in_which_they_came() -> None:
    log = RunLog()
    for name in "abc":
        add(log, summary(name))
    assert [run.number for run in log] == [1, 2, 3]
    assert [run.summary.identity for run in log] == ["a", "b", "c"]
    assert log[2].address == {"v": "1"}


def test_the_same_run_again_is_no_second_run() -> None:
    log = RunLog()
    first = add(log, summary("a"))
    add(log, summary("b"))
    assert add(log, summary("a")).number == first.number
    assert len(log) == 2


def test_two_hundred_runs_are_kept_and_one_more_pushes_the_oldest_out() -> None:
    log = RunLog()
    for number in range(MOST_RUNS):
        add(log, summary(f"run {number}"))
    assert (len(log), log.dropped, MOST_RUNS) == (200, 0, 200)
    add(log, summary("one more"))
    assert (len(log), log.dropped) == (200, 1)
    assert [run.number for run in log] == list(range(2, 202))


def test_a_pinned_run_stays_while_others_make_room() -> None:
    log = RunLog(capacity=3)
    for name in "abc":
        add(log, summary(name))
    log.pin(1)
    add(log, summary("d"))
    assert [run.summary.identity for run in log] == ["a", "c", "d"]
    log.pin(1, False)
    add(log, summary("e"))
    assert [run.summary.identity for run in log] == ["c", "d", "e"]


def test_a_list_of_pinned_runs_stays_bounded_and_takes_the_newest() -> None:
    log = RunLog(capacity=2)
    for name in "abcd":
        log.pin(add(log, summary(name)).number)
    assert [run.summary.identity for run in log] == ["c", "d"]


def test_deleted_and_cleared_runs_are_gone_and_their_numbers_are_not_used_again() -> None:
    log = RunLog()
    for name in "abc":
        add(log, summary(name))
    log.delete(2)
    assert [run.number for run in log] == [1, 3]
    log.delete(2)
    log.clear()
    assert len(log) == 0
    assert add(log, summary("a")).number == 4


def test_a_prediction_is_kept_beside_the_outcome() -> None:
    log = RunLog()
    run = add(log, summary())
    assert not run.was_predicted
    log.predict(run.number, "high", "low")
    assert (log[run.number].prediction, log[run.number].outcome) == ("high", "low")
    assert not log[run.number].was_predicted
    log.predict(run.number, "low", "low")
    assert log[run.number].was_predicted
    log.predict(99, "high", "low")  # a run that was deleted meanwhile


def test_a_prediction_stays_when_the_run_is_shown_again_without_one() -> None:
    log = RunLog()
    run = add(log, summary())
    log.predict(run.number, "high", "low")
    log.predict(run.number, "", "low")
    assert (log[run.number].prediction, log[run.number].outcome) == ("high", "low")


def test_two_lists_share_nothing() -> None:
    one, other = RunLog(), RunLog()
    add(one, summary())
    assert len(other) == 0


def test_the_best_condition_is_the_one_that_gained_most() -> None:
    log = RunLog()
    assert add(log, summary()).best == 1
    without_gain = summary("b")
    rows = tuple(Condition(row.name, row.accuracy) for row in without_gain.conditions)
    flat = Summary("x", "c", {}, "digits", (0, 1), rows, without_gain.accuracy, 1.0)
    assert add(log, flat).best == 1
    assert add(log, Summary("x", "d", {}, "digits", (), (), None, 1.0)).best is None


def test_the_best_condition_of_a_run_without_gains_is_a_student() -> None:
    whole = Interval(0.9, float("inf"), 1)
    names = ("teacher", "hard", "distilled")
    rows = tuple(
        Condition({"network": name}, Interval(0.99 - 0.1 * i, whole.half_width, 1))
        for i, name in enumerate(names)
    )
    run = add(RunLog(), Summary("playground", "a", {}, "points", (0,), rows, None, 1.0))
    assert run.best == 1


# --------------------------------------------------------------------------- two of them


def two(first: Summary, second: Summary) -> tuple[Run, Run]:
    log = RunLog()
    return add(log, first), add(log, second)


def test_runs_of_the_same_seeds_are_compared_seed_by_seed() -> None:
    # Seeds differ by ten points, but the second run is two points better in each of them.
    base = np.array([[0.60, 0.60], [0.70, 0.70], [0.80, 0.80]])
    first, second = two(summary("a", base), summary("b", base + 0.02))
    compared = compare(first, 1, second, 1)
    assert compared.difference is not None
    assert compared.difference.mean == pytest.approx(0.02)
    assert compared.difference.half_width == pytest.approx(0, abs=1e-9)
    assert compared.verdict == "helps"
    back = compare(second, 1, first, 1)
    assert back.verdict == "hurts"


def test_only_the_seeds_that_both_have_are_paired() -> None:
    first = summary("a", [[0.6, 0.6], [0.7, 0.7], [0.8, 0.8]], seeds=(0, 1, 2))
    second = summary("b", [[0.8, 0.8], [0.75, 0.75], [0.1, 0.1]], seeds=(2, 1, 9))
    compared = compare(*_rows(two(first, second)))
    assert compared.difference == paired_difference([0.75, 0.8], [0.7, 0.8])


def _rows(runs: tuple[Run, Run]) -> tuple[Run, int, Run, int]:
    return runs[0], 1, runs[1], 1


@pytest.mark.parametrize(
    ("first", "second", "hindrance"),
    [
        (summary("a"), summary("b", data="points"), "data"),
        (
            summary("a", data="points", settings={"plane": "moons"}),
            summary("b", data="points", settings={"plane": "spirals"}),
            "data",
        ),
        (summary("a", seeds=(0, 1)), summary("b", seeds=(7, 1)), "seeds"),
        (
            summary("a"),
            Summary("m", "b", {}, "digits", (0, 1), summary().conditions, None, 1.0),
            "figures",
        ),
    ],
)
def test_what_cannot_be_paired_is_not_and_says_why(
    first: Summary, second: Summary, hindrance: str
) -> None:
    compared = compare(*_rows(two(first, second)))
    assert compared.hindrance == hindrance
    assert compared.difference is None
    assert compared.verdict is None
    assert words("my_runs")["compare"][hindrance]


def test_what_was_set_otherwise_is_listed_and_nothing_else() -> None:
    first = summary("a", settings={"labels": "50", "alpha": "0.3", "omit": "3"})
    second = summary("b", settings={"labels": "900", "alpha": "0.3", "peers": "2"})
    compared = compare(*_rows(two(first, second)))
    assert compared.differing == {
        "labels": ("50", "900"),
        "omit": ("3", None),
        "peers": (None, "2"),
    }


def test_a_condition_that_was_one_of_several_is_compared_by_its_own_value() -> None:
    lab_run = summary("a", settings={"temperature": "4", "labels": "50"})
    over_t = summary("b", settings={"temperatures": "4,10", "labels": "50"})
    first, second = two(lab_run, over_t)
    # Row 1 of the second is T = 4, as in the first; its row 0 has no T, as the hard-label baseline.
    assert compare(first, 1, second, 1).differing == {}
    assert compare(first, 1, second, 0).differing == {"temperature": ("4", "")}


# ------------------------------------------------------------------- from results of pages


def test_a_lab_run_keeps_its_three_accuracies_and_the_gain(lab: Any) -> None:
    kept = summarise(lab)
    assert [c.name["network"] for c in kept.conditions] == ["teacher", "hard", "distilled"]
    assert kept.conditions[2].gain == lab.measured.gain
    assert kept.accuracy is not None
    recomputed = [mean_interval(own).mean for own in kept.accuracy.T]
    assert recomputed == pytest.approx([row["student_accuracy"] for row in lab.rows])
    assert kept.settings["teacher_hidden"] == "16"


def test_equal_settings_are_the_same_run_and_other_settings_are_another() -> None:
    assert identity_of("lab", LabSettings()) == identity_of("lab", LabSettings(temperature=4))
    assert identity_of("lab", LabSettings()) != identity_of("lab", LabSettings(temperature=5))
    assert identity_of("lab", LabSettings()) != identity_of("cost", LabSettings())


def test_own_points_that_differ_by_one_place_are_another_run() -> None:
    first, second = (
        PlaygroundSettings(own=OwnPoints(((0.0, 0.0, 0), (x, 1.0, 1)), ("A", "B")))
        for x in (-1.0, -2.0)
    )
    assert identity_of("playground", first) != identity_of("playground", second)


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != "reference"])
def test_each_experiment_becomes_a_run_with_words_for_all_of_it(name: str) -> None:
    experiment = EXPERIMENTS[name]
    with short_lessons():
        result = experiment.run(as_small_as_can_be(experiment.settings()))
    run = add(RunLog(), summarise(result))
    if experiment.stands_for is not None:
        result = experiment.stands_for(result)
        name = result.name
    assert len(run.summary.conditions) == len(result.rows)
    names = [run_words.condition(condition, name) for condition in run.summary.conditions]
    assert len(set(names)) == len(names), "two conditions of a run have the same name"
    assert not any("{" in text for text in names)
    gains = [row.get("gain") for row in result.rows]
    assert [None if c.gain is None else c.gain.mean for c in run.summary.conditions] == gains
    assert run_words.experiment(run)
    assert set(run.settings) <= set(settings_words())


def test_every_setting_has_a_name_a_short_one_and_an_explanation() -> None:
    known = settings_words()
    for experiment in EXPERIMENTS.values():
        for name in experiment.settings.parameters():
            assert all(known[name][kind] for kind in ("label", "short", "help")), name


def test_what_a_run_was_measured_on_is_kept_with_it(lab: Any) -> None:
    film = summarise(PLAYGROUND.run(PlaygroundSettings(seed=5, student_samples=320)))
    assert (film.data, film.seeds) == ("points", (5,))
    assert all(c.accuracy.n == 1 for c in film.conditions)
    assert summarise(lab).data == "digits"
    assert EXPERIMENTS["reference-faults"].data == "random labels"


def test_a_run_does_not_hold_on_to_networks_or_logits(lab: Any) -> None:
    kept = summarise(lab)
    assert kept.accuracy is not None
    assert kept.accuracy.base is None or kept.accuracy.base.nbytes < 1000
    assert kept.accuracy.nbytes == 3 * 3 * 8


# ------------------------------------------------------------------------------- as text


def test_all_runs_as_csv_one_line_a_condition() -> None:
    log = RunLog()
    run = add(log, summary("a", settings={"labels": "50"}))
    add(log, summary("b", settings={"peers": "2"}))
    log.predict(run.number, "at low T, say", "elsewhere")
    rows = list(csv.DictReader(io.StringIO(as_csv(list(log)))))
    assert [(row["run"], row["condition"]) for row in rows] == [
        ("1", "temperature="),
        ("1", "temperature=4"),
        ("2", "temperature="),
        ("2", "temperature=4"),
    ]
    assert float(rows[1]["gain"]) == pytest.approx(0.125)
    assert rows[0]["gain"] == ""
    assert rows[0]["prediction"] == "at low T, say"
    assert (rows[0]["setting_labels"], rows[3]["setting_labels"]) == ("50", "")
    assert rows[0]["finished"] == "2026-01-01T12:00:00+00:00"


def test_one_seed_alone_has_no_interval_in_the_csv() -> None:
    alone = Summary(
        "playground",
        "a",
        {},
        "points",
        (0,),
        (Condition({"network": "hard"}, Interval(0.9, float("inf"), 1)),),
        None,
        1.0,
    )
    log = RunLog()
    add(log, alone)
    (row,) = csv.DictReader(io.StringIO(as_csv(list(log))))
    assert (row["accuracy"], row["accuracy_ci"]) == ("0.9", "")
