"""The button of the takeaways that runs every claim asks for the default run of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.visit.evidence import CLAIMS
from kdcore.visit.runs import RunLog
from pages.common import jobs
from pages.common.words import words

PAGE = Path(__file__).resolve().parents[1] / "pages" / "takeaways.py"


def test_all_claims_are_run_at_once_each_by_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def refused(slot: str, run: Any, settings: Any, **options: Any) -> Any:
        asked[slot] = settings
        raise ValueError("nothing is trained here")

    monkeypatch.setattr(jobs, "request", refused)
    page = AppTest.from_file(str(PAGE), default_timeout=300)
    page.session_state["frame.navigated"] = True
    page.session_state["visit.runs"] = RunLog()
    page.run()
    assert not asked
    (everything,) = [b for b in page.button if b.label == words("takeaways")["summary"]["all"]]
    everything.click().run()
    assert not page.exception
    expected = {f"takeaways.{claim.name}": claim.experiment.settings() for claim in CLAIMS}
    assert asked == expected
    assert len(page.error) == len(CLAIMS), "what is refused is said, on each"
