"""What axe finds on the page that is open, with its results on screen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

GRAVE = ("serious", "critical")

#: Colours are all that differs in the dark.
COLOURS = ("color-contrast",)

#: Ours to mend is what we draw. Plotly's own bar of buttons and Streamlit's own toolbar are not.
BEYOND_US = [["[data-testid=stHeader]"], ["[data-testid=stElementToolbar]"], [".modebar"]]
#: The way through the course, the same on every page.
BESIDE = [["[data-testid=stSidebar]"]]

#: Opens everything that can be opened, lets nothing be on its way, and lets the whole page be seen,
#: since axe says nothing of the colour of what is scrolled away; asks axe, and undoes all that.
ASK = """async options => {
  const closed = [...document.querySelectorAll('details:not([open])')]
  closed.forEach(each => { each.open = true })
  const still = document.createElement('style')
  still.textContent = `
    * { transition: none !important; animation: none !important }
    :is([data-testid=stApp], [data-testid=stApp] > *, [data-testid=stApp] > * > *,
        [data-testid=stAppViewContainer], [data-testid=stMain]) {
      overflow: visible !important; height: auto !important
    }`
  document.head.append(still)
  await new Promise(done => setTimeout(done, 200))
  const found = await axe.run({ exclude: options.beyond }, {
    resultTypes: ['violations'],
    ...(options.rules ? { runOnly: { type: 'rule', values: options.rules } } : {}),
  })
  closed.forEach(each => { each.open = false })
  still.remove()
  return found.violations
}"""


def grave_findings(
    page: Page, rules: tuple[str, ...] | None = None, beside: bool = False
) -> list[str]:
    """Return what axe finds serious or critical, a line each; by these rules, or by all.

    What stands beside the page is asked about as well if this is wanted.
    """
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.AXE_SCRIPT)
    options = {
        "beyond": BEYOND_US if beside else BEYOND_US + BESIDE,
        "rules": None if rules is None else list(rules),
    }
    violations: list[dict[str, Any]] = page.evaluate(ASK, options)
    return [
        f"{violation['id']}: {node['html'][:200]}\n      {node['failureSummary'][:200]}"
        for violation in violations
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]
