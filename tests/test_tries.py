"""Every try button is run, and what its page then says is held against the table it shows.

The rules here are written from the tables alone, apart from the ones that the pages use.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from kdcore.experiments import faults
from kdcore.experiments.result import Run
from kdcore.methods import METHODS
from kdcore.reference.run import compare_cells
from kdcore.visit.runs import RunLog
from pages.common import course
from pages.common import run_words as called
from pages.common.lesson import Lesson
from pages.common.words import words
from tests.small import DEAR, drawn_until, only, short_lessons

PAGES = Path(__file__).resolve().parents[1] / "pages"
TRIES = [
    pytest.param(entry.name, number, id=f"{entry.name}-{idea['button']}")
    for entry in course.pages()
    if "predict" in words(entry.name)
    for number, idea in enumerate(words(entry.name)["tries"])
]
#: As few seeds as a page takes.
FEW = {"seeds": "5"}
#: And for so long, also where a try or its page says longer: what is checked holds for every run,
#: and after little training more of what a page can say is said.
SHORT: dict[str, Any] = {"teacher_epochs": 3, "student_samples": 1_000, "seeds": 5}
#: Of these pages more is said after longer: that a control is beaten, that a pen stays in its lane.
LONGER: dict[str, Any] = {
    "controls": {"student_samples": 12_000},
    "on-policy": {"student_samples": 8_000},
}


@pytest.fixture(scope="module", autouse=True)
def runs_are_short() -> Iterator[None]:
    """Let nothing train for long, whatever settings its page asks for."""
    make = Run.__call__

    def sooner(run: Run[Any, Any], settings: Any, *monitor: Any) -> Any:
        own = settings.values()
        most = SHORT | LONGER.get(run.experiment.name, {})
        few = {name: min(own[name], most[name]) for name in most if name in own}
        return make(run, replace(settings, **few), *monitor)

    claim = Lesson.claim

    def with_all_verdicts(lesson: Lesson, name: str, result: Any, **readings: str) -> None:
        # Which of them a short run gives is chance; what it says must fit the words of each.
        filled = called.judgement(result.judgements()[name]) | readings
        for said in ("supported", "contradicted", "undecided"):
            lesson.words["claims"][name][said].format(**filled)
        claim(lesson, name, result, **readings)

    with (
        pytest.MonkeyPatch.context() as patch,
        short_lessons(SHORT["teacher_epochs"]),
        only(*METHODS.keys() - {DEAR}),
    ):
        patch.setattr(Run, "__call__", sooner)
        patch.setattr(Lesson, "claim", with_all_verdicts)
        # The same whatever is set.
        patch.setattr(faults, "compare_cells", functools.cache(compare_cells))
        yield


def address(values: dict[str, Any]) -> dict[str, str]:
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else f"{value}"
        for name, value in values.items()
    }


def run_of(name: str, values: dict[str, Any]) -> AppTest:
    """Open a page with the settings of a try, and wait for its run."""
    page = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.session_state["visit.runs"] = RunLog()
    for key, value in ({"prediction": "skipped"} | address(values) | FEW).items():
        page.query_params[key] = value
    return drawn_until(page, lambda page: bool(outcomes(page, name)))


def outcomes(page: AppTest, name: str) -> list[str]:
    """Return the keys of the outcomes that the page gives."""
    said = {markdown.value for markdown in page.markdown}
    return [o["key"] for o in words(name)["predict"]["options"] if f"**{o['text']}**" in said]


def tables(page: AppTest) -> list[pd.DataFrame]:
    """Return the tables of a page with their columns named as in the CSV."""
    keys = {heading: key for key, heading in words("columns").items()}
    names = keys | {f"{heading} ± 95 %": f"{key}_ci" for heading, key in keys.items()}
    return [element.value.rename(columns=names) for element in page.dataframe]


def with_column(page: AppTest, column: str) -> pd.DataFrame:
    return next(table for table in tables(page) if column in table.columns)


# ------------------------------------------------------------ outcomes, by what the tables say


def helped(table: pd.DataFrame) -> set[Any]:
    return set(table.index[table["verdict"] == "helps"])


def by_verdicts(outcome: str, page: AppTest) -> bool:
    """For pages whose outcomes say whether anything helped at all."""
    said = set(with_column(page, "verdict")["verdict"].dropna())
    if outcome == "nothing":
        return said <= {"no clear difference"}
    if outcome == "hurts":
        return "hurts" in said and "helps" not in said
    return "helps" in said


def by_place(outcome: str, page: AppTest) -> bool:
    """For balance: the best α lies where the outcome says, as far as means can say it."""
    table = with_column(page, "alpha").sort_values("alpha")
    means = table["student_accuracy"].tolist()
    best = means.index(max(means))
    if outcome == "inside":
        return 0 < best < len(means) - 1
    if outcome in ("low", "high"):
        first, last = means[0], means[-1]
        return first > last if outcome == "low" else last > first
    return True


def by_way(outcome: str, page: AppTest) -> bool:
    """For the four ways: whoever is said to help most has the largest gain, and helps."""
    table = with_column(page, "variant").set_index("variant")
    four = table.loc[["response", "feature", "self", "online"]]
    if outcome == "nothing":
        return not helped(four)
    if outcome == "alike":
        return bool(helped(four))
    return bool(outcome in helped(four) and four["gain"].astype(float).idxmax() == outcome)


def by_way_and_hurt(outcome: str, page: AppTest) -> bool:
    """As :func:`by_way`; and what hurts is named beside what gained, with its figure."""
    hurt = [
        f"({g:+.1f}".replace("-", "−")
        for g in 100
        * with_column(page, "variant").query("verdict == 'hurts'")["gain"].astype(float)
    ]
    said = next(m.value for m in page.markdown if "gained most" in m.value)
    assert hurt, "after so short a training some hurt"
    assert all(each in said for each in hurt), said
    return by_way(outcome, page)


def by_recall(outcome: str, page: AppTest) -> bool:
    """For the digit never seen: by the best recall of a student of soft labels."""
    best = with_column(page, "unseen_recall")["unseen_recall"][1:].max()
    low, high = {"none": (0, 0.1), "few": (0, 0.5), "most": (0.5, 0.9), "nearly-all": (0.9, 1)}[
        outcome
    ]
    return bool(low <= best <= high)


def by_patience(outcome: str, page: AppTest) -> bool:
    soft = with_column(page, "label_type").query("label_type == 'soft'")
    first, last = (soft["verdict"].iloc[i] == "helps" for i in (0, -1))
    return (first, last) == {
        "turns": (False, True),
        "always": (True, True),
        "fades": (True, False),
        "never": (False, False),
    }[outcome]


def by_targets(outcome: str, page: AppTest) -> bool:
    """For dark knowledge: what is said to win has the larger mean."""
    table = with_column(page, "targets").set_index("targets")["student_accuracy"]
    worse = {
        "order": ("smoothed", "shuffled"),
        "hard-wins": (),
        "smoothed-wins": (),
        "shuffled-wins": (),
    }
    if outcome in worse:
        winner = outcome.removesuffix("-wins") if outcome != "order" else "soft"
        return all(table[winner] > table[other] for other in (worse[outcome] or ("soft",)))
    return True


RULES: dict[str, Callable[[str, AppTest], bool]] = {
    "temperature": by_verdicts,
    "teacher_size": by_verdicts,
    "balance": by_place,
    "four_ways": by_way_and_hurt,
    "unseen_digit": by_recall,
    "patience": by_patience,
    "dark_knowledge": by_targets,
}


@pytest.mark.parametrize(("name", "number"), TRIES)
def test_what_a_page_says_after_a_try_follows_from_its_table(name: str, number: int) -> None:
    page = run_of(name, words(name)["tries"][number]["set"])
    (outcome,) = outcomes(page, name)
    if name in RULES:
        assert RULES[name](outcome, page), (outcome, tables(page)[-1])
    judged = [t for t in tables(page) if {"gain", "gain_ci", "verdict"} <= set(t.columns)]
    for table in judged:
        for _, row in table.dropna(subset=["gain"]).iterrows():
            if row["verdict"] == "helps":
                assert row["gain"] - row["gain_ci"] > 0
            if row["verdict"] == "hurts":
                assert row["gain"] + row["gain_ci"] < 0


def test_a_try_starts_from_the_defaults_and_not_from_the_try_before() -> None:
    page = run_of("dark_knowledge", {})
    _, cool, no_hard_labels = words("dark_knowledge")["tries"]
    assert "alpha" not in cool["set"]
    for idea, alpha in ((no_hard_labels, 0.0), (cool, 0.3)):
        next(b for b in page.button if b.label == idea["button"]).click()
        page.run()
        assert page.session_state["dark_knowledge.alpha"] == alpha
        drawn_until(page, lambda page: bool(page.button))
    assert page.session_state["dark_knowledge.temperature"] == cool["set"]["temperature"]
