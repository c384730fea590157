"""Two tabs of one browser: neither destroys what the other keeps, in Python or in the browser."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from kdcore.visit.keeping import VERSION, Copy, Kept, Prediction, from_json, to_json
from kdcore.visit.runs import RunLog
from pages.common.components import module
from tests.test_components import Node, node
from tests.test_course import run
from tests.test_runs import NOON

__all__ = ["node"]

#: Each knows a run of its own, and one of both knows what was predicted of the run that they share.
SHARED = replace(run(1, 50, 1), pinned=False)
FIRST = Copy(
    Kept({"start", "balance"}, {"depth": 1}, {"balance": Prediction("low", "T 4")}),
    (SHARED, run(2, 100, 2)),
)
SECOND = Copy(
    Kept({"start", "lab"}, {"width": 0}, {"patience": Prediction("alike")}),
    (replace(SHARED, prediction="", outcome="", seen=True), run(3, 200, 3)),
)
CLEARED = replace(SECOND, kept=Kept(), runs=(), cleared=NOON + timedelta(minutes=2.5))
DELETED = replace(
    SECOND, runs=(), deleted={run(2, 100).summary.identity: NOON + timedelta(minutes=2.5)}
)


def in_python(stored: Copy, own: Copy) -> Copy:
    """Return one copy of two, as a visit takes in what another tab kept."""
    log, kept = RunLog(), Kept()
    for copy in (own, stored):
        log.forget_before(copy.cleared)
    for copy in (own, stored):
        for identity, when in copy.deleted.items():
            log.deleted[identity] = when
    for copy in (own, stored):
        for each in copy.runs:
            log.take_in(each)
        if copy.cleared >= log.cleared:
            kept.merge(copy.kept)
    return Copy(kept, tuple(log), log.deleted, log.cleared)


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
    assert both.kept.answers == {"depth": 1, "width": 0}
    assert both.kept.predictions.keys() == {"balance", "patience"}
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
    assert said(merged) == said(from_json(to_json(in_python(stored, own))))


def test_what_one_tab_deleted_or_cleared_the_other_does_not_write_back(
    node: Node, tmp_path: Path
) -> None:
    deleted = in_browser(node, tmp_path, to_json(DELETED), to_json(FIRST))
    assert {each.settings["labels"] for each in deleted.runs} == {"50"}
    cleared = in_browser(node, tmp_path, to_json(CLEARED), to_json(FIRST))
    assert not cleared.runs
    assert not cleared.kept.done
