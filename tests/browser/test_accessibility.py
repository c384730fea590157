"""No page has a serious or critical finding of axe, light or dark, with its results on screen."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from pages.common import course
from pages.common.words import words
from tests.browser.conftest import PATIENCE_MS

axe = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")

Theme = Literal["light", "dark"]

#: Small runs where the page allows: a finding does not depend on how long a network has trained.
QUERY = "v=1&prediction=skipped&seeds=5&student_samples=3000"

GRAVE = ("serious", "critical")

#: Ours to mend is what we draw. Plotly's own bar of buttons and Streamlit's own toolbar are not.
BEYOND_US = [["[data-testid=stHeader]"], ["[data-testid=stElementToolbar]"], [".modebar"]]

#: Goes to another page as the browser's own arrows do: without loading everything again.
GO = """address => {
  window.axed = undefined
  history.pushState({}, '', address)
  dispatchEvent(new PopStateEvent('popstate', { state: {} }))
}"""
#: This page is there, Streamlit runs no script, no job of the page is under way, and all that has
#: been so for a moment.
AT_REST = """title => {
  const rests = document.querySelector('[data-testid=stMain] h1')?.textContent === title
    && document.querySelector('.st-key-way-on')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stProgress], .placeholder, [data-stale=true]')
  window.restsSince = rests ? window.restsSince || Date.now() : 0
  return rests && Date.now() - window.restsSince > 400
}"""
#: Opens everything that can be opened, lets nothing be on its way, and asks axe.
BEGIN = """options => {
  document.querySelectorAll('details').forEach(each => { each.open = true })
  const still = document.createElement('style')
  still.textContent = '* { transition: none !important; animation: none !important }'
  document.head.append(still)
  setTimeout(() => axe.run({ exclude: options.beyond }, {
    resultTypes: ['violations'],
    ...(options.rules ? { runOnly: { type: 'rule', values: options.rules } } : {}),
  }).then(found => { window.axed = found.violations }), 200)
}"""


def opened(browser: Browser, app: str, theme: Theme) -> Page:
    """Open the app in one theme, with axe beside it."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=theme)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{app}/the_end")
    page.wait_for_function(AT_REST, arg=words("the_end")["title"])
    page.evaluate(axe.AXE_SCRIPT)
    return page


def findings(page: Page) -> list[str]:
    """Return what axe found serious or critical, a line each."""
    violations: list[dict[str, Any]] = page.wait_for_function("window.axed").json_value()
    return [
        f"{violation['id']}: {node['html'][:200]}\n      {node['failureSummary'][:200]}"
        for violation in violations
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def test_no_page_has_a_serious_finding_in_either_theme(app: str, browser: Browser) -> None:
    themes: dict[Theme, Page] = {theme: opened(browser, app, theme) for theme in ("light", "dark")}
    trouble: list[str] = []
    for entry in course.pages():
        for page in themes.values():
            page.evaluate(GO, f"{app}/{entry.name}?{QUERY}")
        for theme, page in themes.items():
            page.wait_for_function(AT_REST, arg=words(entry.name)["title"])
            # Colours are all that differs in the dark.
            rules = ["color-contrast"] if theme == "dark" else None
            page.evaluate(BEGIN, {"beyond": BEYOND_US, "rules": rules})
        for theme, page in themes.items():
            trouble += [f"{entry.name}, {theme}: {each}" for each in findings(page)]
    for page in themes.values():
        page.context.close()
    assert not trouble, f"{len(trouble)} findings\n" + "\n".join(trouble)
