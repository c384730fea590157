"""A file of one's own is read once, however often its page is drawn, and so is a bad one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kdcore.playground import own
from pages.common.course import PAGES

GOOD = "x,y,animal\n" + "".join(f"{i},{i % 7},{'cat' if i < 12 else 'dog'}\n" for i in range(24))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    read: list[bytes] = []
    parse: Callable[[bytes], Any] = own.parse_csv

    def noted(content: bytes) -> Any:
        read.append(content)
        return parse(content)

    monkeypatch.setattr(own, "parse_csv", noted)
    return read


@pytest.mark.parametrize(("content", "refused"), [(GOOD, False), ("nothing", True)])
def test_a_file_is_read_once(content: str, refused: bool, counted: list[bytes]) -> None:
    page = AppTest.from_file(str(PAGES / "boundaries.py"), default_timeout=60)
    page.session_state["frame.navigated"] = True
    page.query_params["plane"] = "csv"
    page.run()
    page.file_uploader[0].set_value(("points.csv", content.encode(), "text/csv")).run()
    page.run()
    page.run()
    assert not page.exception
    assert bool(page.error) is refused
    assert counted == [content.encode()]
