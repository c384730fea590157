"""What the house promises: one look at a job, one record of a setting, words apart from code."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from kdcore import words as kdcore_words
from kdcore.command_line import _parser, _settings_texts
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import EXPERIMENT as LAB
from kdcore.experiments.lab import LabSettings
from kdcore.language.settings import WordList
from kdcore.settings import List, Name, Number, Parameter, Shape, Steps
from kdcore.words import ASSETS, Refusal
from pages.common import answer, course, jobs
from pages.common.widgets import Controls, OfSetting, control_of
from pages.common.words import words

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(ROOT.glob("pages/*.py"))


def page_of(name: str, **address: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    for key, value in address.items():
        page.query_params[key] = value
    return page


# ------------------------------------------------------------------------ one look at a job


class EndsBetweenTwoLooks:
    """A job that is under way when it is looked at first, and done ever after."""

    key = ("anything", 0)

    def __init__(self, result: Any = None) -> None:
        self.result, self.looks = result, 0

    def look(self) -> Any:
        self.looks += 1
        done = self.looks > 1
        return SimpleNamespace(
            state="done" if done else "running",
            result=self.result if done else None,
            error=None,
            stage="students",
            fraction=0.5,
            curve=None,
            position=0,
        )


def as_html(page: AppTest) -> str:
    return " ".join(str(element.proto) for element in page.main if hasattr(element, "proto"))


@pytest.mark.parametrize(("name", "control"), [("lab", "temperature"), ("temperature", "alpha")])
def test_a_job_that_ends_between_two_looks_makes_no_old_figure_new(
    name: str, control: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[answer.Answer[Any, Any]] = []
    experiment, job = EXPERIMENTS[name], EndsBetweenTwoLooks()
    few = {"seeds": 2, "student_samples": 320, "teacher_hidden": (8,)}
    known = experiment.run(experiment.settings(**few))
    asked = answer.ask

    def remember(*arguments: Any, **named: Any) -> Any:
        answers.append(asked(*arguments, **named))
        return answers[-1]

    monkeypatch.setattr(answer, "ask", remember)
    monkeypatch.setattr(jobs, "request", lambda *_: job)
    # What follows a job looks at it for itself, and draws the page anew.
    monkeypatch.setattr(jobs, "follow", lambda *_: None)
    page = page_of(name, prediction="skipped")
    page.session_state[f"{name}.result-{name}"] = known
    page.run()
    assert not page.exception
    (answered,) = answers
    assert job.looks == 1
    assert answered.result is known
    assert answered.stale
    # Nothing says where figures come from that are not those of the settings on the page.
    measured = words("lesson")["run"]["provenance"].split("{")[0]
    assert not any(measured in element.value for element in (*page.caption, *page.markdown))


def test_a_job_that_is_done_is_shown_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    few = LabSettings(seeds=2, teacher_hidden=(8,), student_samples=320)
    job = EndsBetweenTwoLooks(LAB.run(few))
    job.looks = 1
    answers: list[answer.Answer[Any, Any]] = []
    asked = answer.ask

    def remember(*arguments: Any, **named: Any) -> Any:
        answers.append(asked(*arguments, **named))
        return answers[-1]

    monkeypatch.setattr(answer, "ask", remember)
    monkeypatch.setattr(jobs, "request", lambda *_: job)
    page = page_of("lab").run()
    assert not page.exception
    assert (answers[0].result, answers[0].stale) == (job.result, False)


# --------------------------------------------------------------------- one record of a setting


@pytest.fixture(scope="module")
def controls_of_pages() -> dict[str, Controls]:
    """Return the controls of each page, as a first visit finds them."""
    found: dict[str, Controls] = {}
    original = Controls.__init__

    def remember(controls: Controls, *arguments: Any) -> None:
        original(controls, *arguments)
        found[controls.page] = controls

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Controls, "__init__", remember)
        patch.setattr(answer, "ask", lambda *_, **__: answer.Answer(None))
        for file in PAGES:
            page = page_of(file.stem).run()
            assert not page.exception
    return found


def test_the_default_of_every_setting_is_on_offer_on_its_page(
    controls_of_pages: dict[str, Controls],
) -> None:
    checked = 0
    for name, controls in controls_of_pages.items():
        for control in controls._controls.values():
            text = control.write(control.default)
            value, note = control.read(text)
            assert (value, note) == (control.default, None), f"{name}: {control.name}"
            if isinstance(control, OfSetting) and not isinstance(control.parameter.offered, Steps):
                offered = control.parameter.offered
                chosen = control.default if isinstance(control.default, list) else [control.default]
                assert set(chosen) <= set(offered), f"{name}: {control.name}"
            checked += 1
    assert checked > 60


def test_a_page_starts_with_the_settings_of_its_experiment(
    controls_of_pages: dict[str, Controls],
) -> None:
    compared = 0
    for experiment in EXPERIMENTS.values():
        controls = controls_of_pages[experiment.page]
        own = [each for each in EXPERIMENTS.values() if each.page == experiment.page]
        if len(own) > 1:  # several runs share the page's controls
            continue
        for name, parameter in experiment.settings.parameters().items():
            control = controls._controls.get(name)
            if isinstance(control, OfSetting):
                default = control.default
                default = tuple(default) if isinstance(default, list) else default
                assert default == parameter.default, f"{experiment.name}: {name}"
                compared += 1
    assert compared > 15


def values_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Return what a setting may be."""
    if isinstance(parameter, Number):
        if parameter.whole:
            return st.integers(int(parameter.minimum), int(min(parameter.maximum, 5_000)))
        return st.floats(parameter.minimum, parameter.maximum)
    if isinstance(parameter, Shape):
        return st.lists(st.integers(1, 64), min_size=1, max_size=parameter.deepest).map(tuple)
    if isinstance(parameter, List):
        longest = min(parameter.longest, 4)
        each = values_of(parameter.of)
        return st.lists(each, min_size=1, max_size=longest, unique=True).map(tuple)
    if isinstance(parameter, WordList):
        return st.sampled_from([(), ("anna", "otto"), ("one two", "three", "ü-ö")])
    if isinstance(parameter, Name):
        return st.sampled_from(parameter.offered)
    return st.just(parameter.default)  # kinds that one room alone has are tested with it


@pytest.mark.parametrize("name", [n for n in EXPERIMENTS if EXPERIMENTS[n].settings.parameters()])
@given(data=st.data())
@hypothesis_settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_settings_are_read_back_from_text_and_from_the_command_line(
    name: str, data: st.DataObject
) -> None:
    kind = EXPERIMENTS[name].settings
    drawn = {key: data.draw(values_of(each), key) for key, each in kind.parameters().items()}
    if {"steps", "student_samples"} <= drawn.keys():  # one follows from the other
        del drawn[data.draw(st.sampled_from(["steps", "student_samples"]), "what follows")]
    try:
        settings = kind(**drawn)
    except Refusal:
        assume(False)
    texts = settings.texts()
    assert kind.from_texts(texts) == settings
    line = ["run", name, "--set", *(f"{key}={text}" for key, text in texts.items())]
    assert kind.from_texts(_settings_texts(_parser().parse_args(line))) == settings


@pytest.mark.parametrize("name", [n for n in EXPERIMENTS if EXPERIMENTS[n].settings.parameters()])
def test_what_is_on_offer_is_accepted_and_read_back_from_the_address(name: str) -> None:
    for parameter in EXPERIMENTS[name].settings.parameters().values():
        if not parameter.offered or isinstance(parameter, Name | List):
            continue
        offered = parameter.offered
        if isinstance(offered, Steps):
            count = round((offered.maximum - offered.minimum) / offered.step)
            offered = [round(offered.minimum + i * offered.step, 6) for i in range(count + 1)]
        if parameter.default not in offered:
            continue
        control = control_of(parameter)
        for value in offered:
            assert parameter.check(value) == value
            assert control.read(control.write(value)) == (value, None)


# ------------------------------------------------------------------- words apart from the code


@pytest.fixture
def two_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the words, to which a second language can be added."""
    lessons = tmp_path / "lessons"
    shutil.copytree(ASSETS / "lessons", lessons)
    monkeypatch.setattr(kdcore_words, "LESSONS", lessons)
    forget_words()
    yield lessons
    monkeypatch.undo()
    forget_words()


def forget_words() -> None:
    kdcore_words.words.cache_clear()
    kdcore_words.settings_words.cache_clear()
    kdcore_words.languages.cache_clear()


def test_one_file_gives_a_page_a_second_language(two_languages: Path) -> None:
    folder = two_languages / "zz"
    folder.mkdir()
    (folder / "temperature.toml").write_text(
        'title = "La temperaturo"\n[predict]\nquestion = "Kie la studento estos plej bona?"\n',
        "utf-8",
    )
    page = page_of("temperature", lang="zz").run()
    assert not page.exception
    assert page.title[0].value == "La temperaturo"
    assert "Kie la studento estos plej bona?" in page.radio[0].label
    # English stands in for the rest: of this file, and of the files that are missing.
    assert page.radio[0].options == [
        o["text"] for o in kdcore_words.words("temperature")["predict"]["options"]
    ]
    assert words_of_button(page) == kdcore_words.words("lesson")["lock"]
    other = page_of("balance", lang="zz").run()
    assert other.title[0].value == kdcore_words.words("balance")["title"]
    english = page_of("temperature").run()
    assert english.title[0].value == kdcore_words.words("temperature")["title"] != "La temperaturo"


def words_of_button(page: AppTest) -> str:
    return next(button.label for button in page.button if button.disabled)


def test_a_refusal_is_said_in_the_language_of_the_visitor(two_languages: Path) -> None:
    (two_languages / "zz").mkdir()
    (two_languages / "zz" / "refusals.toml").write_text('number = "nombro"\n', "utf-8")
    forget_words()
    with pytest.raises(Refusal) as refused:
        LabSettings(alpha=2)
    assert refused.value.say("zz") == "alpha must be nombro, not '2'"
    assert str(refused.value) == "alpha must be a number from 0 to 1, not '2'"


#: Where Streamlit takes what a learner reads.
SHOWS_TEXT = {
    *("markdown", "caption", "write", "title", "header", "subheader", "text", "latex"),
    *("button", "download_button", "link_button", "toggle", "checkbox", "radio", "slider"),
    *("selectbox", "select_slider", "multiselect", "pills", "segmented_control", "expander"),
    *("popover", "info", "warning", "error", "success", "toast", "progress", "metric", "badge"),
    *("text_input", "number_input", "file_uploader", "tabs", "spinner", "page_link", "placeholder"),
}
SENTENCE = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")


def spoken(node: ast.AST) -> Iterator[str]:
    """Return the literal texts in an argument, also those inside an f-string."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("kdcore/figures/*.py")), ids=lambda file: file.stem
)
def test_no_word_that_a_chart_says_stands_in_python(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    quoted = {
        id(text)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in ("hovertemplate", "title", "name", "text")
        for text in ast.walk(node.value)
    } | {
        id(text)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "new_figure"
        for text in ast.walk(node)
    }
    said = [
        f"{node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) in quoted
        # What Plotly fills in, its own tags, and names of what is looked up are no words.
        if re.search(r"[^\W\d_]{2,}", re.sub(r"%\{[^}]*\}|</?\w+>|^\w+$", "", node.value))
    ]
    assert said == []


def test_charts_and_tables_speak_the_language_of_the_visitor(two_languages: Path) -> None:
    (two_languages / "zz").mkdir()
    for file, word in (("figures", 'test_accuracy = "ĝusteco"'), ("columns", 'alpha = "alfa"')):
        (two_languages / "zz" / f"{file}.toml").write_text(word, "utf-8")
    forget_words()
    page = AppTest.from_string("""
import streamlit as st
from kdcore.figures import routes_figure
from kdcore.statistics import Interval
from pages.common import charts, words

words.settle()
st.text(routes_figure(["one"], [Interval(0.5, 0.1, 5)]).layout.xaxis.title.text)
st.dataframe(charts.readable(charts.table([{"alpha": 1, "alpha_ci": 2}])))
""")
    for language, said, heading in (("en", "test accuracy (%)", "α"), ("zz", "ĝusteco", "alfa")):
        page.query_params["lang"] = language
        page.run()
        assert page.text[0].value == said
        assert list(page.dataframe[0].value.columns) == [heading, f"{heading} ± 95 %"]


@pytest.mark.parametrize(
    "file", [*PAGES, *sorted(ROOT.glob("pages/common/*.py"))], ids=lambda file: file.stem
)
def test_no_word_that_a_learner_reads_stands_in_python(file: Path) -> None:
    said = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in SHOWS_TEXT:
            labels = [k.value for k in node.keywords if k.arg in ("label", "help", "placeholder")]
            texts = [text for part in (*node.args[:1], *labels) for text in spoken(part)]
            said += [f"{node.lineno}: {text}" for text in texts if SENTENCE.search(text)]
    assert said == []


@pytest.mark.parametrize(
    "file", [*PAGES, *sorted(ROOT.glob("pages/common/*.py"))], ids=lambda file: file.stem
)
def test_who_takes_a_file_does_not_run_the_page_again(file: Path) -> None:
    # Files that are made on a click belong to a run of the page: another that is asked for
    # meanwhile would be gone.
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "download_button":
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            assert ast.literal_eval(given["on_click"]) == "ignore", node.lineno


# ------------------------------------------------------ an experiment is a file, a page, its words

COIN = '''
"""An experiment that a newcomer adds."""

from dataclasses import dataclass

from kdcore.claims import Claim, Judgement
from kdcore.experiments.result import Experiment, Measured
from kdcore.settings import CheckedSettings, Number, setting
from kdcore.statistics import Interval

SIDES = Number("sides", 2, 6, 2, (2, 3), whole=True)


@dataclass(frozen=True, kw_only=True)
class CoinSettings(CheckedSettings):
    sides: int = setting(SIDES)

    def work(self):
        return 1.0


def coin(settings, monitor):
    share = 1 / settings.sides
    return Measured([{"side": "heads", "student_accuracy": share, "student_accuracy_ci": 0.1}])


def fair(result):
    return Judgement("supported", Interval(0.5, 0.1, 1), {})


CLAIMS = (Claim("fair", fair, takeaway=99),)
EXPERIMENT = Experiment("coin", CoinSettings, coin, "coin", ("side",), CLAIMS)
'''
COIN_WORDS = """
chapter = "class"
place = 999
minutes = 1
icon = ":material/toll:"
menu = "The coin"
title = "The coin"
question = "Heads?"

[experiments.coin]
name = "Coin"
question = "Is it fair?"

[settings.sides]
label = "Sides"
short = "sides"
help = "How many sides it has."

[claims.fair]
text = "A coin is fair."
source = "Everybody"
"""
COIN_PAGE = '''
"""The coin."""

from kdcore.experiments.coin import EXPERIMENT, CoinSettings
from pages.common import frame
from pages.common.answer import ask
from pages.common.widgets import Controls

words = frame.page("coin")
controls = Controls("coin", [])
ask(EXPERIMENT, CoinSettings, controls)
'''
LOOK_AROUND = """
import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from kdcore.experiments import EXPERIMENTS
from kdcore.visit.evidence import CLAIMS
from kdcore.visit.runs import RunLog, summarise
from pages.common import course, run_words
from kdcore.command_line import main

def printed(*arguments):
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(list(arguments)) == 0
    return out.getvalue()

coin = EXPERIMENTS["coin"]
run = RunLog().add(summarise(coin.run(coin.settings())), "coin", {}, datetime.now(UTC))
print(json.dumps({
    "listed": printed("list"),
    "ran": json.loads(printed("run", "coin", "--set", "sides=3", "--json")),
    "claims": [claim.name for claim in CLAIMS],
    "page": course.pages()[-1].name,
    "named": run_words.experiment(run),
    "judged": run.judgements["fair"].verdict,
}))
"""


def test_an_experiment_enters_itself(tmp_path: Path) -> None:
    for part in ("kdcore", "pages", "assets"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    words_files = tmp_path / "assets" / "lessons" / "en"
    (tmp_path / "kdcore" / "experiments" / "coin.py").write_text(COIN, "utf-8")
    (words_files / "coin.toml").write_text(COIN_WORDS, "utf-8")
    (tmp_path / "pages" / "coin.py").write_text(COIN_PAGE, "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", LOOK_AROUND],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "coin: Is it fair?" in found["listed"]
    said = "sides=2    How many sides it has. (a whole number from 2 to 6)"
    assert said in found["listed"]
    assert found["ran"]["rows"][0]["student_accuracy"] == pytest.approx(1 / 3)
    assert found["ran"]["claims"]["fair"]["verdict"] == "supported"
    assert found["claims"][-1] == "fair"
    assert (found["page"], found["named"], found["judged"]) == ("coin", "Coin", "supported")


def test_every_page_says_where_it_stands_in_the_course() -> None:
    places = [entry.place for entry in course.pages()]
    assert len(set(places)) == len(places)
    chapters = words("frame")["chapters"]
    assert set(course.chapters()) <= set(chapters)
