"""Every link of the lesson plans opens a page with the settings that it promises."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from pages.common import course
from pages.common.widgets import ADDRESS_VERSION

ROOT = Path(__file__).resolve().parents[1]
LINKS = sorted(
    set(re.findall(r"\]\((/[^)]+)\)", (ROOT / "docs" / "teaching.md").read_text("utf-8")))
)


def test_there_are_links_and_each_names_a_page() -> None:
    assert len(LINKS) > 15
    for link in LINKS:
        assert course.has(urlsplit(link).path[1:]), link


@pytest.mark.parametrize("link", [link for link in LINKS if "&" in link])
def test_a_link_opens_its_settings_as_written(link: str) -> None:
    parts = urlsplit(link)
    wanted = dict(parse_qsl(parts.query))
    page = AppTest.from_file(str(ROOT / "pages" / f"{parts.path[1:]}.py"), default_timeout=60)
    page.session_state["frame.navigated"] = True
    for name, value in wanted.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert wanted["v"] == ADDRESS_VERSION
    assert not page.session_state[f"{parts.path[1:]}.notes"]
    shown = {name: page.query_params[name] for name in wanted}
    assert {n: v if isinstance(v, str) else v[0] for n, v in shown.items()} == wanted
