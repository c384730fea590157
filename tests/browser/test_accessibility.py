"""No page has a serious or critical finding of axe, light or dark, with its results on screen.

Lessons are asked while they are walked, see ``test_lessons.py``; here are all other pages.
"""

from __future__ import annotations

import pytest

from pages.common import course
from tests.browser.axe import COLOURS, grave_findings
from tests.browser.conftest import GoOn, look_at, wait_for_rest
from tests.browser.test_lessons import FEW, LESSONS

OTHERS = [entry.name for entry in course.pages() if entry.name not in LESSONS]


@pytest.mark.parametrize("name", OTHERS)
def test_a_page_has_no_serious_finding_in_either_theme(go_on: GoOn, name: str) -> None:
    page = go_on(name, f"?v=1&{FEW}")
    assert grave_findings(page) == []
    look_at(page, theme="dark")
    wait_for_rest(page, name)
    assert grave_findings(page, COLOURS) == []
