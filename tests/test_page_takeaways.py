"""The buttons of the takeaways ask for default runs, which count when a question is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from kdcore.experiments.result import AnyResult, Measured, Result, Row, accuracy_columns
from kdcore.experiments.temperature import EXPERIMENT, TemperatureSettings
from kdcore.visit.evidence import CLAIMS
from kdcore.visit.jobs import Look
from kdcore.visit.runs import RunLog
from pages.common import jobs
from pages.common.words import words
from tests.test_course import run

#: A claim whose runs can be made by hand.
CLAIM = "temperature"
PAGE = Path(__file__).resolve().parents[1] / "pages" / "takeaways.py"


def opened(log: RunLog) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.session_state["visit.runs"] = log
    return page.run()


def test_all_claims_are_run_at_once_each_by_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def refused(slot: str, run: Any, settings: Any, **options: Any) -> Any:
        asked[slot] = settings
        raise ValueError("nothing is trained here")

    monkeypatch.setattr(jobs, "request", refused)
    page = opened(RunLog())
    assert not asked
    (everything,) = [b for b in page.button if b.label == words("takeaways")["summary"]["all"]]
    everything.click().run()
    assert not page.exception
    expected = {f"takeaways.{claim.name}": claim.experiment.settings() for claim in CLAIMS}
    assert asked == expected
    assert len(page.error) == len(CLAIMS), "what is refused is said, on each"


class Done:
    """A job of the default run of the claim, made without training."""

    def look(self) -> Look[AnyResult]:
        accuracy = torch.tensor([[0.8, 0.9], [0.7, 0.85], [0.75, 0.8]])
        rows: list[Row] = [
            {"temperature": None, "soft_label_entropy": None}
            | accuracy_columns(accuracy[:, 0], None),
            {"temperature": 4.0, "soft_label_entropy": 1.0}
            | accuracy_columns(accuracy[:, 1], accuracy[:, 0]),
        ]
        measured = Measured(rows, accuracy)
        return Look("done", result=Result(EXPERIMENT, TemperatureSettings(), measured, 0.5))


@pytest.mark.parametrize("answer", [None, 1])
def test_a_default_run_that_was_asked_for_counts_when_its_question_is_answered(
    answer: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "request", lambda *_, **__: Done())
    log = RunLog()
    log.take_in(run())  # of the same experiment, with other settings
    page = opened(log)
    page.radio(key=f"takeaways.answer-{CLAIM}").set_value(answer)
    button = f"ask-{CLAIM}"
    assert not page.button(key=button).disabled
    page.button(key=button).click().run()
    assert not page.exception
    assert page.button(key=button).disabled
    assert [each.seen for each in log] == [answer is not None] * 2
