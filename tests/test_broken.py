"""Spot the broken experiment: what each bug computes, what it shows, and that it stays inside."""

from __future__ import annotations

import ast
import functools
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from kdcore.broken import right
from kdcore.broken.recipes import BUGS, HEALTHY
from kdcore.experiments.broken import (
    CASES,
    EXPERIMENT,
    FIGURES,
    NETWORKS,
    SUSPECTS,
    BrokenSettings,
    MeasuredBroken,
    against,
    alpha_in_effect,
)
from kdcore.experiments.result import Result
from kdcore.experiments.temperature import EXPERIMENT as TEMPERATURE
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.losses import distillation_gradient, distillation_loss
from kdcore.randomness import generator
from kdcore.visit.keeping import Copy, Kept, from_json, to_json
from pages.common import answer, course
from pages.common.answer import Answer
from pages.common.words import words
from tests.small import drawn_until, small_runs

ROOT = Path(__file__).resolve().parents[1]
WORDS = words("broken")
T, ALPHA = 3.0, 0.2
SHORT: Any = {"student_samples": 1_600}
#: What torch.testing takes for double precision; to import it takes half a second.
CLOSE: Any = {"rtol": 1e-7, "atol": 1e-7}

Run = Result[BrokenSettings, MeasuredBroken]


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    """Every bug at the settings that the exam has; shorter those that are no case of it."""
    return {
        bug: EXPERIMENT.run(
            BrokenSettings(bug=bug) if bug in CASES else BrokenSettings(bug=bug, **SHORT)
        )
        for bug in BUGS
    }


# ---------------------------------------------------------------------------- what each computes

Floats = NDArray[np.float64]


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def oracle(bug: str, student: Floats, teacher: Floats, labels: Any) -> float:
    """What the bug means, for one student: loss of ``[N, C]`` logits, in NumPy."""
    n, classes = student.shape
    hard = -np.log(softmax(student)[np.arange(n), labels]).sum() / n
    p, q = softmax(student / T), softmax(teacher / T)
    kl = (q * (np.log(q) - np.log(p))).sum() / n
    soft = {
        "class-mean": T**2 * kl / classes,
        "no-t-squared": kl,
        "probabilities": T**2 * (q * (np.log(q) - p)).sum() / n,
        "one-sided-temperature": T**2 * (q * (np.log(q) - np.log(softmax(student)))).sum() / n,
        "reverse-kl": T**2 * (p * (np.log(p) - np.log(q))).sum() / n,
    }.get(bug, T**2 * kl)
    weight = 1 - ALPHA if bug == "alpha-swapped" else ALPHA
    return float(weight * hard + (1 - weight) * soft)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of three students and their teachers, and labels: a batch of seven."""
    draw = generator(0, "a batch")
    student = 3 * torch.randn(3, 7, 10, dtype=torch.float64, generator=draw)
    teacher = 5 * torch.randn(3, 7, 10, dtype=torch.float64, generator=draw)
    return student, teacher, torch.randint(10, (3, 7), generator=draw)


@pytest.mark.parametrize("bug", ["", *BUGS])
def test_a_loss_computes_what_its_bug_means(
    bug: str, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    recipe = BUGS.get(bug, HEALTHY)
    total = recipe.loss(*batch, T, ALPHA).total
    expected = [oracle(bug, *(each[s].numpy() for each in batch)) for s in range(3)]
    np.testing.assert_allclose(total.numpy(), expected, rtol=1e-12)


def gradient_of(loss: Any, batch: tuple[torch.Tensor, ...], alpha: float) -> torch.Tensor:
    student = batch[0].clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(student, *batch[1:], T, alpha).total.sum(), student)
    return found


def test_the_right_loss_is_that_of_the_lab_and_so_is_its_gradient(
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    student, teacher, labels = batch
    own, labs = right.loss(*batch, T, ALPHA), distillation_loss(*batch, T, ALPHA)
    for part, known in zip(own, labs, strict=True):
        assert torch.allclose(part, known, **CLOSE)
    one_hot = torch.nn.functional.one_hot(labels, 10).double()
    written_out = distillation_gradient(
        student, teacher, one_hot, torch.tensor(T), torch.tensor(ALPHA)
    )
    assert torch.allclose(7 * gradient_of(right.loss, batch, ALPHA), written_out, **CLOSE)


@pytest.mark.parametrize("bug", ["alpha-swapped", "class-mean", "no-t-squared"])
def test_a_bug_that_is_but_a_weight_pulls_as_a_right_loss_with_the_alpha_that_is_named(
    bug: str, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    meant = alpha_in_effect(BrokenSettings(bug=bug, temperature=T, alpha=ALPHA), 10)
    assert meant is not None
    broken = gradient_of(BUGS[bug].loss, batch, ALPHA)
    healthy = gradient_of(right.loss, batch, meant)
    assert torch.allclose(broken / broken.norm(), healthy / healthy.norm(), **CLOSE)


def test_the_cache_keeps_each_answer_with_its_image_or_the_same_answers_in_another_order() -> None:
    logits = torch.arange(40.0).view(20, 2)
    rows = torch.tensor([2, 3, 5, 7, 11, 13])
    kept = right.cache(logits, rows, generator(0, "cache"))
    assert torch.equal(kept[rows], logits[rows])
    wrong = BUGS["shuffled-teacher"].cache(logits, rows, generator(0, "cache"))
    assert not torch.equal(wrong[rows], logits[rows])
    assert torch.equal(wrong[rows].sort(0).values, logits[rows])


def test_the_report_is_the_last_look_or_the_best_one() -> None:
    looks = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.5, 0.3]])
    assert right.report(looks).tolist() == pytest.approx([0.5, 0.3])
    assert BUGS["chosen-on-test"].report(looks).tolist() == pytest.approx([0.8, 0.9])


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_in_one_piece_and_is_called_as_the_right_one_is(bug: str) -> None:
    pairs = zip(BUGS[bug].code, HEALTHY.code, strict=True)
    ((wrong, meant),) = [(own, healthy) for own, healthy in pairs if own is not healthy]
    assert inspect.signature(wrong) == inspect.signature(meant)
    assert (wrong.__name__, wrong.__doc__) == (meant.__name__, meant.__doc__)
    assert inspect.getsource(wrong) != inspect.getsource(meant)


# ------------------------------------------------------------------------------- what it shows


def test_the_healthy_twin_is_an_ordinary_run_to_the_last_bit(runs: dict[str, Run]) -> None:
    in_full = TEMPERATURE.run(TemperatureSettings(temperatures=(4.0,)))
    short = TEMPERATURE.run(TemperatureSettings(temperatures=(4.0,), **SHORT))
    for bug, run in runs.items():
        ordinary = in_full if bug in CASES else short
        for network, row in (("hard", 0), ("healthy", 1)):
            own = NETWORKS.index(network)
            assert torch.equal(run.accuracy[:, own], ordinary.accuracy[:, row])
            for figure in ("kl_to_teacher", "agreement"):
                assert run.rows[own][figure] == ordinary.rows[row][figure]
            assert run.measured.curves is not None
            assert ordinary.measured.curves is not None
            assert run.measured.curves[own] == ordinary.measured.curves[row]


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        ("shuffled-teacher", "hurts"),
        ("one-sided-temperature", "helps"),
        ("class-mean", "hurts"),
        ("probabilities", "hurts"),
        ("no-t-squared", "hurts"),
        ("chosen-on-test", "no clear difference"),
    ],
)
def test_the_symptom_in_the_accuracy(bug: str, said: str, runs: dict[str, Run]) -> None:
    assert runs[bug].rows[NETWORKS.index("broken")]["verdict"] == said


def test_how_large_the_symptoms_are(runs: dict[str, Run]) -> None:
    assert against(runs["shuffled-teacher"], "hard").high < -0.5
    assert abs(against(runs["probabilities"], "hard").mean) < 0.03
    for bug in ("class-mean", "no-t-squared", "reverse-kl"):
        assert against(runs[bug], "hard").low > 0.02, "it passes for a success"
        assert abs(against(runs[bug], "healthy").mean) < 0.05
    softer = runs["one-sided-temperature"].measured.differences["output_entropy"]
    assert softer.low > 0.5
    assert runs["one-sided-temperature"].measured.told("output_entropy") == "helps"


def test_a_divergence_is_never_negative_and_what_takes_probabilities_is(
    runs: dict[str, Run],
) -> None:
    for bug, run in runs.items():
        row = run.rows[NETWORKS.index("broken")]
        below = row["soft_term_at_start"] < 0 and row["soft_term_at_end"] < 0
        above = row["soft_term_at_start"] > 0 and row["soft_term_at_end"] > 0
        assert below if bug == "probabilities" else above


def test_without_a_bug_in_the_training_the_student_is_the_twin_itself(
    runs: dict[str, Run],
) -> None:
    measured = runs["chosen-on-test"].measured
    assert all(measured.differences[name].mean == 0 for name in FIGURES)
    assert against(runs["chosen-on-test"], "healthy").mean >= 0


def test_at_t_1_a_missing_factor_is_no_bug() -> None:
    for bug in ("no-t-squared", "one-sided-temperature"):
        run = EXPERIMENT.run(BrokenSettings(bug=bug, temperature=1.0, **SHORT))
        assert run.rows[NETWORKS.index("broken")]["verdict"] == "no clear difference"
        assert abs(against(run, "healthy").mean) < 0.01


# ----------------------------------------------------------------------------- that it stays inside


@functools.cache
def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def test_the_bugs_can_reach_no_other_page() -> None:
    files = [ROOT / "app.py", *ROOT.glob("kdcore/**/*.py"), *ROOT.glob("pages/**/*.py")]
    who = {
        str(file.relative_to(ROOT))
        for file in files
        if any(f"{name}.".startswith("kdcore.broken.") for name in imports(file))
        and file.parent != ROOT / "kdcore" / "broken"
    }
    assert who == {"kdcore/experiments/broken.py"}
    pages = {
        str(file.relative_to(ROOT)): {
            name.removeprefix("kdcore.experiments.broken.")
            for name in imports(file)
            if name.startswith("kdcore.experiments.broken.")
        }
        for file in files
        if "kdcore.experiments.broken" in imports(file)
    }
    # What is kept of the exam, for this page and the last one, knows names alone.
    assert pages.pop("pages/common/exam.py") == {"CASES", "SUSPECTS"}
    assert set(pages) == {"pages/broken.py"}


# ------------------------------------------------------------------------------------- the page


def opened(
    monkeypatch: pytest.MonkeyPatch, case: int, run: Run | None = None, kept: Kept | None = None
) -> AppTest:
    page = AppTest.from_file(str(ROOT / "pages" / "broken.py"), default_timeout=60)
    monkeypatch.setattr(answer, "ask", lambda *_: Answer(run))
    page.session_state["frame.navigated"] = True
    page.session_state["visit.kept"] = kept or Kept()
    page.query_params["case"] = str(case)
    return page.run()


def pressed(page: AppTest, label: str) -> AppTest:
    (button,) = [each for each in page.button if each.label == label]
    return button.click().run()


def asked(page: AppTest) -> Any:
    (pills,) = [each for each in page.button_group if WORDS["ask"]["question"] in each.label]
    return pills


def suspect(page: AppTest, name: str) -> AppTest:
    asked(page).set_value(name).run()
    return pressed(page, WORDS["ask"]["lock"])


def said_on(page: AppTest) -> str:
    elements = (page.markdown, page.success, page.info, page.warning, page.caption, page.subheader)
    return " ".join(each.value for some in elements for each in some)


@pytest.mark.parametrize("case", range(1, len(CASES) + 1))
def test_nothing_gives_the_bug_away_before_it_is_named_and_then_twin_and_symptom_do(
    case: int, monkeypatch: pytest.MonkeyPatch, runs: dict[str, Run]
) -> None:
    bug = CASES[case - 1]
    page = opened(monkeypatch, case, runs[bug])
    assert not page.exception
    (code,) = page.code
    assert code.value == "\n\n".join(map(inspect.getsource, BUGS[bug].code)).strip()
    shown = f"{code.value} {said_on(page)} {dict(page.query_params)}"
    assert bug not in shown
    assert WORDS["cases"][bug]["look"] not in shown
    assert WORDS["symptom"]["heading"] not in shown
    # The twin is there when the case is over.
    tables = [each.value for each in (*page.table, *page.dataframe)]
    assert len(tables) == 2
    for table in tables:
        assert WORDS["evidence"]["names"]["healthy"] not in {*table.columns, *table.iloc[:, 0]}
    page = suspect(page, bug)
    assert not page.exception
    assert WORDS["suspects"][bug]["text"] in page.success[0].value
    assert WORDS["symptom"]["heading"] in said_on(page)
    gain = against(runs[bug], "healthy")
    assert f"{100 * abs(gain.mean):.1f} ± {100 * gain.half_width:.1f}" in said_on(page)
    assert WORDS["evidence"]["names"]["healthy"] in page.table[-1].value.columns


def test_a_wrong_answer_says_why_not_and_the_first_look_is_counted_apart(
    monkeypatch: pytest.MonkeyPatch, runs: dict[str, Run]
) -> None:
    first, second = CASES[:2]
    page = suspect(opened(monkeypatch, 1, runs[first]), second)
    assert WORDS["suspects"][second]["feedback"] in page.warning[0].value
    assert not page.success
    page = suspect(page, first)
    assert not page.warning
    assert "**Found: 1 of 6**, at the first look: 0." in said_on(page)
    page = pressed(page, WORDS["again"]["next"])
    assert page.query_params["case"] in ("2", ["2"])
    page = suspect(page, second)
    assert "**Found: 2 of 6**, at the first look: 1." in said_on(page)


def test_what_is_shown_is_not_found_and_the_end_comes_with_the_last_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Kept(answers={f"broken-{n + 1}": SUSPECTS.index(CASES[n]) for n in range(5)})
    page = opened(monkeypatch, 6, None, kept)
    assert WORDS["end"]["heading"] not in said_on(page)
    page = pressed(page, WORDS["ask"]["reveal"])
    assert WORDS["end"]["heading"] in said_on(page)
    assert "**5 of 6** bugs" in said_on(page)
    assert "broken" in kept.done


def test_answers_are_kept_with_the_visit_and_survive_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Kept()
    suspect(opened(monkeypatch, 3, None, kept), "alpha-swapped")
    assert kept.answers == {"broken-3": SUSPECTS.index("alpha-swapped"), "broken-3-looks": 1}
    assert from_json(to_json(Copy(kept))).kept.answers == kept.answers


@pytest.mark.parametrize("forged", [99, 2**31 - 1])
def test_an_answer_that_is_none_does_no_harm(forged: int, monkeypatch: pytest.MonkeyPatch) -> None:
    page = opened(monkeypatch, 1, None, Kept(answers={"broken-1": forged, "broken-1-looks": 0}))
    assert not page.exception


def test_who_thinks_again_and_locks_at_once_is_taken_at_the_second_word(
    monkeypatch: pytest.MonkeyPatch, runs: dict[str, Run]
) -> None:
    bug, wrong = CASES[:2]
    page = opened(monkeypatch, 1, runs[bug])
    asked(page).set_value(wrong).run()
    asked(page).set_value(bug)  # both reach the server before it has drawn the page again
    page = pressed(page, WORDS["ask"]["lock"])
    assert WORDS["suspects"][bug]["text"] in page.success[0].value


def test_a_broken_run_is_in_no_list_of_runs() -> None:
    page = AppTest.from_file(str(ROOT / "pages" / "broken.py"), default_timeout=60)
    page.session_state["frame.navigated"] = True
    with small_runs():  # the figures stand in a table when the run is done
        drawn_until(page, lambda page: bool(page.table))
    assert len(page.session_state["visit.runs"]) == 0


def test_the_page_is_done_when_its_cases_are_not_when_it_is_left() -> None:
    assert course.is_lesson("broken")


def test_every_suspect_and_every_case_has_its_words() -> None:
    assert set(WORDS["suspects"]) == set(SUSPECTS)
    assert set(WORDS["cases"]) == set(CASES)
    assert set(CASES) <= set(BUGS)
    for case in WORDS["cases"].values():
        BrokenSettings(**case["set"])
