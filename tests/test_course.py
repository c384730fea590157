"""What a visit leaves behind: written, read back, merged, and refused when it is not ours."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from kdcore.claims import Judgement
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.statistics import Interval, mean_interval, paired_difference
from kdcore.visit.keeping import (
    Copy,
    Kept,
    Prediction,
    from_json,
    run_as_data,
    run_from_data,
    to_json,
)
from kdcore.visit.runs import Condition, Run, RunLog, Summary, identity_of
from kdcore.words import Refusal
from pages.common import course
from pages.common.words import words
from tests.small import small_runs
from tests.test_runs import NOON
from tests.test_visit import PAGES, opened

#: What fills the words of the claim on temperature.
SAID = {"first": "4", "second": "1", "softness": "supported", "low": "0.1", "high": "2.2"}


def run(number: int = 1, labels: int = 50, minutes: int = 0) -> Run:
    settings = TemperatureSettings(labels=labels, seeds=3)
    table = np.array([[0.8, 0.9], [0.7, 0.85], [0.75, 0.8]])
    gain = paired_difference(table[:, 1], table[:, 0])
    rows = (
        Condition({"temperature": ""}, mean_interval(table[:, 0])),
        Condition({"temperature": "4"}, mean_interval(table[:, 1]), gain, "helps"),
    )
    summary = Summary(
        "temperature",
        identity_of("temperature", settings),
        settings.texts(),
        "digits",
        (0, 1, 2),
        rows,
        table,
        0.5,
        {"temperature": Judgement("undecided", gain, SAID, gain)},
    )
    return Run(
        number,
        summary,
        "temperature",
        {"v": "1", "labels": str(labels)},
        NOON + timedelta(minutes=minutes),
        pinned=number == 1,
        prediction="low",
        outcome="high",
        seen=False,
    )


def test_a_run_read_back_is_the_run_that_was_written() -> None:
    own = run()
    back = run_from_data(json.loads(json.dumps(run_as_data(own))))
    assert run_as_data(back) == run_as_data(own)
    assert back.summary.identity == own.summary.identity
    assert back.finished == own.finished
    assert back.summary.accuracy == pytest.approx(own.summary.accuracy, abs=1e-6)


def test_an_interval_of_one_seed_comes_back_without_an_end() -> None:
    one = run_as_data(run())
    one["conditions"][0]["accuracy"] = [0.8, None, 1]
    condition = run_from_data(one).summary.conditions[0]
    assert condition.accuracy == Interval(0.8, float("inf"), 1)


def test_everything_a_visit_leaves_comes_back() -> None:
    kept = Kept({"lab"}, {"temperature": 2}, {"balance": Prediction("low", "Labels 50")})
    copy = Copy(kept, (run(1), run(2, 100, 1)), {run(3, 20).summary.identity: NOON}, NOON)
    back = from_json(to_json(copy))
    assert back.kept == kept
    assert [own.number for own in back.runs] == [1, 2]
    assert back.deleted == copy.deleted
    assert back.cleared == NOON


def test_what_is_written_is_never_longer_than_it_may_be_and_the_pinned_stay() -> None:
    runs = tuple(run(n, 20 + n, n) for n in range(1, 60))
    text = to_json(Copy(Kept(), runs), most=20_000)
    left = [own.number for own in from_json(text).runs]
    assert len(text) <= 20_000
    assert left[0] == 1  # pinned, though it is the oldest
    assert left[1:] == list(range(60 - len(left) + 1, 60))


HOSTILE: dict[str, Any] = {
    "experiment": "no such experiment",
    "identity": "<script>",
    "seeds": [0, 1, True],
    "accuracy": [[0.8], [0.7], [0.6]],
    "conditions": [{"name": {"colour": "4"}, "accuracy": [0.8, 0.1, 3], "gain": None}],
    "finished": "yesterday",
    "number": -1,
    "page": "../../etc/passwd",
    "settings": {"labels": 50},
    "prediction": "x" * 10_000,
    "pinned": 1,
    "judgements": {"temperature": {"verdict": "obviously"}},
}


@pytest.mark.parametrize("field", HOSTILE)
def test_a_run_with_one_field_forged_is_refused_in_a_sentence(field: str) -> None:
    data = json.loads(to_json(Copy(Kept(), (run(),))))
    next(iter(data["runs"].values()))[field] = HOSTILE[field]
    with pytest.raises(Refusal, match="damaged"):
        from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not written by this lab"),
        ("[1, 2]", "not written by this lab"),
        ("{" * 5_000, "not written by this lab"),
        ('{"version": 99}', "another version"),
        ('{"version": 1}', "damaged"),
        (" " * 5_000_000, "too long"),
    ],
)
def test_any_other_text_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        from_json(text)


# ------------------------------------------------------------------------------- two copies


def test_a_run_that_both_copies_have_is_there_once_with_what_either_knows() -> None:
    log = RunLog()
    own = run()
    log.add(own.summary, "temperature", {}, NOON)
    log.take_in(own)
    assert [(r.prediction, r.pinned) for r in log] == [("low", True)]


def test_what_was_deleted_here_does_not_come_back_from_the_other_copy() -> None:
    log = RunLog()
    own = run()
    log.take_in(own)
    log.delete(1)
    log.take_in(own)
    assert len(log) == 0


def test_runs_of_two_copies_stand_in_the_order_in_which_they_finished() -> None:
    log = RunLog()
    log.take_in(run(1, 50, 5))
    log.take_in(run(1, 100, 1))
    assert [r.settings["labels"] for r in log] == ["100", "50"]
    assert len({r.number for r in log}) == 2


# --------------------------------------------------------------------------------- the way


def test_every_page_has_a_place_of_its_own_and_the_way_leads_through_all() -> None:
    listed = course.pages()
    assert len({entry.place for entry in listed}) == len(listed)
    here, walked = listed[0], [listed[0].name]
    while (after := course.neighbours(here.name)[1]) is not None:
        assert course.neighbours(after.name)[0] == here
        walked.append((here := after).name)
    assert walked == [entry.name for entry in listed]
    assert walked[:2] == ["start", "lab"]
    assert walked[-1] == "the_end"


def test_a_chapter_is_one_piece_of_the_way() -> None:
    chapters = [entry.chapter for entry in course.pages()]
    changes = sum(a != b for a, b in pairwise(chapters))
    assert changes == len(set(chapters)) - 1
    assert set(chapters) <= words("frame")["chapters"].keys()


def test_the_end_tells_predictions_surprises_and_when_it_did_not_help() -> None:
    log = RunLog()
    log.take_in(run())
    log.see(1)
    page = opened("the_end", log)
    said = " ".join(element.value for element in page.markdown)
    assert "“low”" in said
    assert "“high”" in said
    assert words("the_end")["no_help"]["none"] in said  # the one gain in it helps
    assert re.search(r"\*\*1 predictions\*\*", said)


@pytest.mark.parametrize("name", ["lab", "my_runs", "takeaways", "the_end"])
def test_a_page_with_nothing_on_it_yet_is_not_done_at_its_end(name: str) -> None:
    with small_runs():
        page = opened(name)
    assert page.session_state["frame.open"] == (name != "lab")
    assert not page.session_state["visit.kept"].done
    if name in ("my_runs", "the_end"):
        log = RunLog()
        log.take_in(run())
        log.see(1)
        assert not opened(name, log).session_state["frame.open"]


@pytest.mark.parametrize(("answer", "is_open"), [(None, True), (0, False)])
def test_the_takeaways_are_done_when_what_was_tested_is_answered(
    answer: int | None, is_open: bool
) -> None:
    log = RunLog()
    log.take_in(run())
    page = AppTest.from_file(str(PAGES / "takeaways.py"), default_timeout=60)
    page.session_state["frame.navigated"] = True
    page.session_state["visit.runs"] = log
    page.session_state["takeaways.answer-temperature"] = answer
    page.run()
    assert page.session_state["frame.open"] == is_open


@pytest.mark.parametrize("answer", [None, 0])
def test_a_run_by_the_way_counts_when_its_question_is_answered(answer: int | None) -> None:
    log = RunLog()
    log.take_in(run())
    page = AppTest.from_file(str(PAGES / "takeaways.py"), default_timeout=60)
    page.session_state["frame.navigated"] = True
    page.session_state["visit.runs"] = log
    if answer is not None:
        page.session_state["takeaways.answer-temperature"] = answer
    page.run()
    assert not page.exception
    assert log[1].seen == (answer is not None)


def test_every_claim_that_a_run_can_carry_has_words() -> None:
    for experiment in EXPERIMENTS.values():
        for claim in experiment.claims:
            assert claim.name in words(experiment.page)["claims"]
