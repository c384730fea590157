"""Two tabs of one browser: neither destroys what the other keeps, in Python or in the browser."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from kdcore.visit.keeping import VERSION, Copy, Kept, Prediction, from_json, to_json
from pages.common import visit
from pages.common.components import module
from tests.test_components import Node, node
from tests.test_course import run
from tests.test_runs import NOON

__all__ = ["node"]

#: Each knows a run of its own, and one of both knows what was predicted of the run that they share.
SHARED = replace(run(1, 50, 1), pinned=False)
#: On one question, and on one page, they do not agree.
FIRST = Copy(
    Kept(
        {"start", "balance"},
        {"depth": 1, "temperature": 1},
        {"balance": Prediction("low", "T 4"), "temperature": Prediction("low")},
    ),
    (SHARED, run(2, 100, 2)),
)
SECOND = Copy(
    Kept(
        {"start", "lab"},
        {"width": 0, "temperature": 2},
        {"patience": Prediction("alike"), "temperature": Prediction("high")},
    ),
    (replace(SHARED, prediction="", outcome="", seen=True), run(3, 200, 3)),
)
CLEARED = replace(SECOND, kept=Kept(), runs=(), cleared=NOON + timedelta(minutes=2.5))
#: What is shared was deleted before it was made once more.
DELETED = replace(
    SECOND,
    runs=(),
    deleted={
        run(2, 100).summary.identity: NOON + timedelta(minutes=2.5),
        SHARED.summary.identity: NOON + timedelta(minutes=0.5),
    },
)


def in_python(stored: Copy, own: Copy) -> Copy:
    """Return one copy of two, as a visit takes in what another tab kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", {})
        for copy in (own, stored):
            visit.take_in(copy)
        return from_json(visit.as_text())


def in_browser(node: Node, folder: Path, *texts: str) -> Copy:
    """Return what the browser keeps after several tabs have written, one after the other."""
    file = folder / "keep.mjs"
    file.write_text(module("keep"), "utf-8")
    script = f"""
        import keep from {json.dumps(file.as_uri())};
        let kept = null;
        const localStorage = {{ getItem: () => kept, setItem: (_, text) => {{ kept = text; }} }};
        globalThis.window = {{ localStorage }};
        for (const text of {json.dumps(texts)}) keep({{
          parentElement: {{}}, data: {{ version: {VERSION}, ask: false, text, most: 200000 }},
          setTriggerValue: () => {{}},
        }});
        console.log(kept);
    """
    return from_json(node("--input-type=module", "--eval", script))


def said(copy: Copy) -> dict[str, object]:
    """Return what may not get lost, by identity: numbers are a tab's own affair."""
    return {
        "done": copy.kept.done,
        "answers": copy.kept.answers,
        "predictions": copy.kept.predictions,
        "cleared": copy.cleared,
        "deleted": dict(copy.deleted),
        "runs": {
            each.summary.identity: (each.prediction, each.outcome, each.seen) for each in copy.runs
        },
    }


@pytest.mark.parametrize(("stored", "own"), list(permutations((FIRST, SECOND))))
def test_what_either_tab_knows_is_kept_whichever_writes_last(
    stored: Copy, own: Copy, node: Node, tmp_path: Path
) -> None:
    both = in_browser(node, tmp_path, to_json(stored), to_json(own))
    assert both.kept.done == {"start", "balance", "lab"}
    assert both.kept.answers == {"depth": 1, "width": 0} | own.kept.answers
    assert both.kept.predictions == stored.kept.predictions | own.kept.predictions
    assert {each.settings["labels"] for each in both.runs} == {"50", "100", "200"}
    shared = next(each for each in both.runs if each.settings["labels"] == "50")
    assert (shared.prediction, shared.outcome, shared.seen) == ("low", "high", True)


@pytest.mark.parametrize(
    ("stored", "own"),
    [
        *permutations((FIRST, SECOND)),
        *permutations((FIRST, CLEARED)),
        *permutations((FIRST, DELETED)),
    ],
)
def test_the_browser_and_python_make_the_same_of_two_copies(
    stored: Copy, own: Copy, node: Node, tmp_path: Path
) -> None:
    merged = in_browser(node, tmp_path, to_json(stored), to_json(own))
    assert said(merged) == said(in_python(stored, own))


def test_what_one_tab_deleted_or_cleared_the_other_does_not_write_back(
    node: Node, tmp_path: Path
) -> None:
    deleted = in_browser(node, tmp_path, to_json(DELETED), to_json(FIRST))
    assert {each.settings["labels"] for each in deleted.runs} == {"50"}
    cleared = in_browser(node, tmp_path, to_json(CLEARED), to_json(FIRST))
    assert not cleared.runs
    assert not cleared.kept.done


# ----------------------------------------------------------------------- what a tab takes in


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Begin a visit."""
    own: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", own)
    return own


def test_a_run_made_anew_after_another_tab_deleted_it_is_not_lost(session: dict[str, Any]) -> None:
    first, anew = run(1, 50, 1), run(1, 50, 3)
    visit.take_in(Copy(Kept(), (first,)))
    deleted = {first.summary.identity: NOON + timedelta(minutes=2)}
    for runs in ((anew,), ()):  # the deletion is heard of once more when the new run is here
        visit.take_in(Copy(Kept(), runs, deleted))
        assert [each.finished for each in visit.runs()] == [anew.finished]


def test_what_is_chosen_on_the_pages_stays_and_what_is_not_is_filled_in(
    session: dict[str, Any],
) -> None:
    session[visit.answer_key("temperature")] = 1  # so new that the visit does not know it yet
    session["temperature.prediction"] = "high"
    other = Kept(
        answers={"temperature": 2, "balance": 2},
        predictions={"temperature": Prediction("low"), "balance": Prediction("inside", "T 4")},
    )
    visit.take_in(Copy(other))
    visit.take_in(Copy(Kept(answers={"balance": 0})))
    assert visit.kept().answers == other.answers
    assert [session[visit.answer_key(name)] for name in other.answers] == [1, 2]
    assert [session[f"{page}.prediction"] for page in other.predictions] == ["high", "inside"]
    assert session["balance.predicted-for"] == "T 4"


def test_who_forgets_everything_is_asked_everything_anew(session: dict[str, Any]) -> None:
    visit.take_in(Copy(Kept(), ()))
    begun = set(session)
    visit.take_in(Copy(Kept({"lab"}, {"balance": 2}, {"balance": Prediction("inside")}), (run(),)))
    assert set(session) > begun
    visit.clear()
    assert set(session) == begun
    assert not visit.kept().done
    assert not list(visit.runs())
