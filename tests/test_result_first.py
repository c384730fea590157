"""What answers stands where one looks: verdict, figure and chart first, surprises said."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.broken import right
from kdcore.experiments.broken import CASES, SUSPECTS
from kdcore.experiments.result import Result
from kdcore.experiments.teacher_size import EXPERIMENT, TeacherSizeSettings
from kdcore.visit.evidence import CLAIMS
from kdcore.visit.keeping import Kept
from kdcore.visit.runs import RunLog
from pages.common import run_words
from pages.common.lesson import above_its_teacher
from pages.common.words import words
from tests.small import small_runs
from tests.test_course import run
from tests.test_last_run import lesson_without_a_run
from tests.test_visit import finished, opened


def says(text: str) -> Callable[[Any], bool]:
    return lambda element: text in str(getattr(element, "value", ""))


def is_a(kind: str) -> Callable[[Any], bool]:
    return lambda element: element.type == kind


def writes(text: str) -> Callable[[Any], bool]:
    """Say whether an element is HTML with a text in it."""
    return lambda element: element.type == "html" and text in element.proto.body


def elements(page: AppTest) -> list[Any]:
    """Return all elements of a page from top to bottom, in whatever they stand."""
    found: list[Any] = []

    def walk(block: Any) -> None:
        for child in block.children.values():
            walk(child) if hasattr(child, "children") else found.append(child)

    walk(page.main)
    return found


def first(page: AppTest, is_it: Callable[[Any], bool]) -> int:
    return next(place for place, element in enumerate(elements(page)) if is_it(element))


def test_the_verdict_stands_above_the_chart_and_where_the_figures_come_from_below_it() -> None:
    with small_runs():
        page = finished(opened("dark_knowledge", prediction="skipped"), runs=1)
    verdict = first(page, says(words("lesson")["compare"]["runs"]))
    figure = first(page, says("The figure behind it"))
    chart = first(page, is_a("plotly_chart"))
    origin = first(page, writes('class="provenance"'))
    assert verdict < figure < chart < origin


@pytest.mark.parametrize(
    ("predicted", "outcome", "met"),
    [("low", "low", "right"), ("low", "high", "wrong"), ("skipped", "low", None)],
)
def test_a_prediction_is_said_to_be_right_when_the_runs_say_the_same_and_only_then(
    predicted: str, outcome: str, met: str | None
) -> None:
    page = AppTest.from_function(lesson_without_a_run)
    page.session_state["frame.navigated"] = True
    page.session_state["temperature.prediction"] = predicted
    page.session_state["outcome"] = outcome
    page.run()
    assert not page.exception
    said = [markdown.value for markdown in page.markdown]
    text = words("lesson")["compare"]
    assert [way for way in ("right", "wrong") if text[way] in said] == ([met] if met else [])


def test_the_own_measurement_is_asked_for_before_anything_that_is_published() -> None:
    page = opened("in_practice")
    asked = first(page, is_a("radio"))
    published = first(page, says(words("in_practice")["published"]["explain"]))
    problem = first(page, says(words("in_practice")["problem"]["explain"]))
    assert asked < problem < published
    labels = [each.label for each in page.expander]
    assert words("in_practice")["published"]["heading"] in labels
    assert words("in_practice")["problem"]["heading"] in labels


def test_the_reference_run_answers_before_it_shows_its_tables() -> None:
    with small_runs():
        page = finished(opened("reference_run", prediction="skipped"), runs=1)
    verdict = first(page, says(words("lesson")["compare"]["runs"]))
    figure = first(page, says("is the best with"))
    tables = first(page, is_a("dataframe"))
    assert verdict < figure < tables


def test_the_end_answers_each_question_from_the_runs_on_it() -> None:
    log = RunLog()
    log.take_in(run())
    log.see(1)
    text = words("the_end")["keep"]
    said = [each.value for each in opened("the_end", log).markdown]
    (temperature,) = (each for each in said if each.startswith("- **The temperature T**"))
    assert f"**{text['undecided']}**" in temperature
    (dark,) = (each for each in said if each.startswith("- **Dark knowledge**"))
    assert text["undecided"] not in dark
    assert text["open"].split("{")[0] in dark


@pytest.fixture(scope="module")
def stopped_early() -> Result[TeacherSizeSettings, Any]:
    """Students of a teacher of eight units that was stopped after two epochs, and of another."""
    return EXPERIMENT.run(TeacherSizeSettings(seeds=4, teachers=((8,), (16,)), teacher_epochs=2))


def test_a_student_above_its_teacher_is_named_with_both_figures(
    stopped_early: Result[TeacherSizeSettings, Any],
) -> None:
    said = above_its_teacher(stopped_early)
    above = [row["student_accuracy"] - row["teacher_accuracy"] for row in stopped_early.rows]
    most = stopped_early.rows[above.index(max(above))]
    assert max(above) > 0.05
    assert f"{100 * most['student_accuracy']:.1f} ± " in said
    assert f"{100 * most['teacher_accuracy']:.1f} %" in said
    assert f"teacher [{most['teacher_hidden']}]" in said


def test_where_no_student_is_clearly_above_nothing_is_said(
    stopped_early: Result[TeacherSizeSettings, Any],
) -> None:
    measured = stopped_early.measured
    far = [row | {"teacher_accuracy": 0.99} for row in stopped_early.rows]
    close = [
        row | {"teacher_accuracy": row["student_accuracy"] - 0.5 * row["student_accuracy_ci"]}
        for row in stopped_early.rows
    ]
    untaught = [row | {"verdict": None} for row in stopped_early.rows]
    for rows in (far, close, untaught):
        assert not above_its_teacher(replace(stopped_early, measured=replace(measured, rows=rows)))


def test_terms_on_the_first_page_carry_their_explanation_where_they_first_stand() -> None:
    with small_runs():
        page = finished(opened("start"), runs=1)
    terms = words("glossary")["terms"]
    written = [
        getattr(each.proto, "body", "")
        for each in elements(page)
        if each.type in ("html", "markdown")
    ]
    for name, form in (("seed", "seeds"), ("interval", "95 % interval")):
        told = [text for text in written if form in text]
        assert told, form
        assert terms[name]["text"].split(":")[0] in told[0], form
    assert not words("start")["bars"]["entropy"]


def test_runs_are_counted_alike_or_it_is_said_why_not() -> None:
    log = RunLog()
    log.take_in(run())  # started on Takeaways, its question not answered
    which = run_words.by_the_way(log)
    ends = words("the_end")["summary"]["unread"].format(runs=1, which=which)
    assert ends in [caption.value for caption in opened("the_end", log).caption]
    listed = [caption.value for caption in opened("my_runs", log).caption]
    assert any(words("my_runs")["unread"].format(runs=1, which=which) in said for said in listed)
    log.see(1)
    assert ends not in [caption.value for caption in opened("the_end", log).caption]
    told = " ".join(each.value for each in opened("takeaways", log).markdown)
    some = words("takeaways")["summary"]["some"]
    assert (
        some.format(
            tested=1, claims=len(CLAIMS), all=1, runs=1, supported=0, contradicted=0, undecided=1
        )
        in told
    )


def test_which_claims_are_counted_is_said_beside_the_count() -> None:
    page = opened("the_end")
    links = [each.proto for each in page.sidebar if each.type == "page_link"]
    helps = [link.help for link in links if link.help]
    assert helps
    assert helps[-1].count("\n") > 6


def test_what_is_explained_of_the_exams_code_is_in_it_and_nothing_else_is_left_out() -> None:
    told = [call["code"] for call in words("broken")["code"]["how"]["calls"]]
    source = inspect.getsource(right)
    for called in ("softmax", "log_softmax", "kl_div", "cross_entropy", "randperm"):
        assert f"{called}(" in source
        assert any(code.startswith(f"{called}(") for code in told), called
    for axis in (".sum(-1)", ".mean(-1)"):
        assert axis in source
        assert axis in told
    for absent in ("detach", "no_grad", "train()", "eval()"):
        assert absent not in source
        assert any(absent in code for code in told)


def test_the_end_says_how_many_bugs_of_the_exam_were_found() -> None:
    log = RunLog()
    log.take_in(run())
    log.see(1)
    text = words("the_end")["exam"]
    page = opened("the_end", log)
    assert text["open"] in [each.value for each in page.markdown]
    kept: Kept = page.session_state["visit.kept"]
    kept.answers |= {"broken-1": SUSPECTS.index(CASES[0]), "broken-2": SUSPECTS.index(CASES[0])}
    found = text["found"].format(found=1, cases=len(CASES))
    assert found in [each.value for each in page.run().markdown]
