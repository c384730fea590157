"""The runs of a visit as pages keep and show them, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from kdcore.claims import ClaimVerdict, Judgement
from kdcore.experiments.result import Run
from kdcore.statistics import Interval, mean_interval, paired_difference
from kdcore.visit.evidence import CLAIMS
from kdcore.visit.keeping import Copy, Kept, Prediction
from kdcore.visit.runs import MOST_RUNS, Condition, RunLog, Summary
from pages.common.words import words
from tests.small import drawn_until, small_runs
from tests.test_runs import NOON

PAGES = Path(__file__).resolve().parents[1] / "pages"


@pytest.fixture(scope="module", autouse=True)
def runs_are_small() -> Iterator[None]:
    """Let no page train for long: what is looked at does not depend on it."""
    with small_runs():
        yield


def opened(name: str, log: RunLog | None = None, **address: str) -> AppTest:
    """Open a page in a visit of its own, or in that of the runs given."""
    page = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.session_state["visit.runs"] = log or RunLog()
    for key, value in address.items():
        page.query_params[key] = value
    return finished(page)


def finished(page: AppTest, runs: int | None = None) -> AppTest:
    """Run a page until nothing is under way, and there are so many runs."""
    return drawn_until(page, lambda page: runs is None or len(kept(page)) == runs)


def kept(page: AppTest) -> RunLog:
    log: RunLog = page.session_state["visit.runs"]
    return log


def many(count: int) -> RunLog:
    log = RunLog()
    table = np.array([[0.8, 0.9], [0.7, 0.85]])
    gain = paired_difference(table[:, 1], table[:, 0])
    rows = (
        Condition({"network": "hard"}, mean_interval(table[:, 0])),
        Condition({"network": "distilled"}, mean_interval(table[:, 1]), gain, "helps"),
    )
    for number in range(count):
        settings = {"temperature": str(number), "seeds": "2"}
        one = Summary("lab", number, settings, "digits", (0, 1), rows, table, 0.5)
        log.add(one, "lab", {"v": "1"}, NOON)
    return log


def test_a_prediction_is_kept_with_the_settings_it_was_made_for_and_with_no_others() -> None:
    page = opened("temperature", prediction="low")
    finished(page, runs=1)
    texts = {o["key"]: o["text"] for o in words("temperature")["predict"]["options"]}
    (first,) = kept(page)
    assert first.prediction == texts["low"]
    assert first.outcome in texts.values()
    page.session_state["temperature.alpha"] = 0.6
    finished(page, runs=2)
    _, second = kept(page)
    assert second.settings["alpha"] == "0.6"
    assert second.prediction == ""
    assert second.outcome in texts.values()


def test_a_control_that_does_not_define_the_run_takes_no_prediction_away() -> None:
    page = finished(opened("in_practice", prediction="little"), runs=2)
    elsewhere = words("lesson")["compare"]["elsewhere"].split("(")[0]
    page.session_state["in_practice.student_hidden"] = "16"
    finished(page, runs=3)  # the student that is weighed is another one, the comparison the same
    texts = {o["key"]: o["text"] for o in words("in_practice")["predict"]["options"]}
    (compared,) = [run for run in kept(page) if run.summary.experiment == "student-size"]
    assert compared.prediction == texts["little"]
    assert not any(elsewhere in caption.value for caption in page.caption)


def test_a_deleted_run_does_not_come_back_by_looking_at_its_page() -> None:
    page = finished(opened("lab"), runs=1)
    kept(page).delete(1)
    page.run()
    assert len(kept(page)) == 0
    page.session_state["lab.temperature"] = 8.0
    finished(page, runs=1)


def test_the_default_run_of_a_claim_can_be_run_again_after_it_was_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = Run.__call__

    def says_what_was_asked(run: Any, settings: Any, *monitor: Any) -> Any:
        return replace(small(run, settings, *monitor), settings=settings)

    # A run is the default one by its settings.
    monkeypatch.setattr(Run, "__call__", says_what_was_asked)
    page = opened("takeaways")
    for _ in range(2):
        page.button(key="ask-factor").click()
        finished(page, runs=1)
        assert page.button(key="ask-factor").disabled
        (run,) = kept(page)
        kept(page).delete(run.number)
        page.run()
        assert not page.button(key="ask-factor").disabled


def test_the_reopened_lab_and_the_ideas_that_use_its_default_run_are_one_run() -> None:
    log = kept(finished(opened("lab"), runs=1))
    finished(opened("anatomy", log))
    finished(opened("hard_and_soft", log))
    # Anatomy trains the students with the factor T² and without it, besides.
    assert [run.summary.experiment for run in log].count("lab") == 1


def test_what_anatomy_trains_unasked_counts_for_no_claim_until_it_is_asked_for() -> None:
    log = kept(finished(opened("anatomy"), runs=2))
    (factor,) = [run for run in log if run.summary.experiment == "t-squared"]
    assert not factor.seen


def test_each_answer_has_its_own_feedback_and_is_kept_for_the_visit() -> None:
    page, said = opened("takeaways"), words("takeaways")["questions"]
    answers = {c.name: words(c.experiment.page)["claims"][c.name]["answers"] for c in CLAIMS}

    def chosen(name: str, number: int) -> int:
        """Return the number of an answer; questions with fewer keep their last one."""
        return min(number, len(answers[name]) - 1)

    for number in range(max(map(len, answers.values()))):
        for name in answers:
            page.radio(key=f"takeaways.answer-{name}").set_value(chosen(name, number))
        finished(page)
        given = [answers[name][chosen(name, number)] for name in answers]
        for right, shown in ((True, page.success), (False, page.warning)):
            verdict = said["right" if right else "wrong"]
            assert sorted(each.value for each in shown) == sorted(
                f"**{verdict}** {answer['feedback']}"
                for answer in given
                if answer["right"] is right
            )
    finished(page)
    last = {name: len(own) - 1 for name, own in answers.items()}
    for name, number in last.items():
        assert page.radio(key=f"takeaways.answer-{name}").value == number
    assert page.session_state["visit.kept"].answers == last


def test_two_hundred_runs_are_listed_and_the_list_stays_bounded() -> None:
    page = opened("my_runs", many(MOST_RUNS + 10))
    text = words("my_runs")
    assert page.markdown[1].value == text["kept"].format(runs=MOST_RUNS)
    said = [caption.value for caption in page.caption]
    assert text["dropped"].format(most=MOST_RUNS, count=10) in said
    assert len(page.dataframe[0].value) == MOST_RUNS
    assert page.dataframe[0].value["Run"].tolist()[:2] == [MOST_RUNS + 10, MOST_RUNS + 9]


@pytest.mark.parametrize(("chosen", "left"), [([2], [1, 3]), ([1, 3], [2])])
def test_chosen_runs_are_deleted(chosen: list[int], left: list[int]) -> None:
    page = opened("my_runs", many(3))
    page.multiselect(key="chosen-runs").set_value(chosen)
    page.run()
    next(b for b in page.button if b.label == words("my_runs")["manage"]["delete"]).click()
    finished(page)
    assert [run.number for run in kept(page)] == left


def test_a_pinned_run_says_so_and_can_be_let_go() -> None:
    page = opened("my_runs", many(2))
    for action, pinned in (("pin", True), ("unpin", False)):
        page.multiselect(key="chosen-runs").set_value([1])
        page.run()
        next(b for b in page.button if b.label == words("my_runs")["manage"][action]).click()
        finished(page)
        assert kept(page)[1].pinned is pinned
        column = words("my_runs")["columns"]["pinned"]
        assert bool(page.dataframe[0].value[column].tolist()[1]) is pinned


#: What a page remembers of a prediction.
STATE = ("prediction", "predicted-for", "linked-run")


def test_a_reload_does_not_hold_a_prediction_against_settings_it_was_not_made_for() -> None:
    page = finished(opened("dark_knowledge", labels="900", prediction="order"), runs=1)
    (run,) = kept(page)
    assert run.prediction  # so far there is nothing but the address
    before = Copy(Kept(predictions={"dark_knowledge": Prediction("order", "labels 50")}), (), {})

    def browser_says() -> None:
        import streamlit as st

        from pages.common import visit

        visit.take_in(st.session_state["copy"])

    heard = AppTest.from_function(browser_says)
    shared = ("visit.runs", "visit.kept", *(f"dark_knowledge.{n}" for n in STATE))
    for key in shared:
        heard.session_state[key] = page.session_state[key]
    heard.session_state["copy"] = before
    heard.run()
    assert not heard.exception
    for key in shared:
        if key in heard.session_state:
            page.session_state[key] = heard.session_state[key]
    (run,) = kept(page)
    assert run.prediction == ""
    page.run()
    (run,) = kept(page)
    assert run.prediction == ""
    assert any("labels 50" in caption.value for caption in page.caption)


def test_the_end_lists_what_did_not_help_only_where_hard_labels_were_the_measure() -> None:
    log = RunLog()
    table = np.array([[0.8, 0.8], [0.7, 0.71]])
    gain = paired_difference(table[:, 1], table[:, 0])
    for experiment, page, column in (
        ("balance", "balance", "alpha"),
        ("without-data", "without_data", "inputs"),
    ):
        rows = (
            Condition({column: ""}, mean_interval(table[:, 0])),
            Condition({column: "0.5"}, mean_interval(table[:, 1]), gain, "no clear difference"),
        )
        one = Summary(experiment, experiment, {"seeds": "2"}, "digits", (0, 1), rows, table, 0.5)
        log.add(one, page, {"v": "1"}, NOON)
        log.see(len(log))
    end = opened("the_end", log)
    listed = [m.value for m in end.markdown if m.value.startswith("- **") and "no clear" in m.value]
    assert len(listed) == 1
    assert words("balance")["experiments"]["balance"]["name"] in listed[0]


def test_of_runs_on_a_claim_the_end_quotes_one_that_decides_and_others_are_not_counted() -> None:
    log = RunLog()
    table = np.array([[0.8, 0.8], [0.7, 0.71]])
    rows = (Condition({"temperature": "1"}, mean_interval(table[:, 0])),)
    sides = {"first": "T = 3", "second": "T = 10", "low": "0.1", "high": "2.0"}

    def judged(claim: str, verdict: ClaimVerdict, gain: float) -> dict[str, Judgement]:
        return {claim: Judgement(verdict, Interval(gain, 0.001, 5), sides)}

    for number, said in enumerate(
        (
            judged("temperature", "contradicted", -0.04),
            judged("temperature", "undecided", -0.02),
            judged("needs_data", "supported", 0.06),  # no claim of Takeaways
        )
    ):
        one = Summary(
            "temperature", number, {"seeds": "2"}, "digits", (0, 1), rows, table, 0.5, said
        )
        log.add(one, "temperature", {"v": "1"}, NOON)
        log.see(len(log))
    shown = " ".join(m.value for m in opened("the_end", log).markdown)
    assert "−4.0 ± 0.1" in shown
    assert "−2.0 ± 0.1" not in shown
    counted = words("my_runs")["counted"].format(claims=2)
    assert any(c.value.startswith(counted) for c in opened("my_runs", log).caption)
