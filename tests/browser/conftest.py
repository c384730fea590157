"""Starts the app and a headless Chromium, and fails a test on any error the page shows or logs.

What costs most is a page loaded by a browser that knows nothing of the app yet: some 6 s of a core,
against 2 to 3 s in a tab that has loaded it before, and less than 1 s for going on inside it. So
there is one app for all workers and one tab for each; every stranger comes to that tab, and who
need not be a stranger goes on with the visit that is under way in it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from pages.common.words import words

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
expect.set_options(timeout=120_000)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What runs often is not worth compiling in visits this short, nor is memory worth collecting.
    "--js-flags=--no-turbofan --min-semi-space-size=32 --max-semi-space-size=64",
]
PATIENCE_MS = 120_000

Visit = Callable[..., Page]
GoOn = Callable[..., Page]
Theme = Literal["light", "dark"]

CHART = '[data-testid="stPlotlyChart"]'

#: Says it on the console whenever a page shows a traceback, also one that goes away again.
SAY_TRACEBACKS = """
new MutationObserver(() => {
  for (const each of document.querySelectorAll('[data-testid=stException]:not([data-said])')) {
    each.dataset.said = ''
    console.error('traceback: ' + each.innerText)
  }
}).observe(document, { childList: true, subtree: true })
"""

#: Goes to another page as the browser's own arrows do: without loading everything again.
GO = """address => {
  history.pushState({}, '', address)
  dispatchEvent(new PopStateEvent('popstate', { state: {} }))
}"""

#: This page is there, Streamlit runs no script, no job of the page is under way, every chart has
#: its marks, and all that has been so for a moment.
AT_REST = """([title, charts]) => {
  const rests = (!title || document.querySelector('[data-testid=stMain] h1')?.textContent === title)
    && document.querySelector('.st-key-way-on')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'
    && !document.querySelector(
      '[data-testid=stProgress], [data-testid=stSkeleton], .placeholder, [data-stale=true]')
    && [...document.querySelectorAll(charts)].every(chart => chart.querySelector('.main-svg'))
  window.restsSince = rests ? window.restsSince || Date.now() : 0
  return rests && Date.now() - window.restsSince > 400
}"""


def wait_for_rest(page: Page, name: str = "") -> None:
    """Wait until the app has nothing left to do, on the page of this name if one is given."""
    title = words(name)["title"] if name else ""
    page.evaluate("window.restsSince = 0")
    # Asked for with every frame that is drawn, it would be what costs.
    page.wait_for_function(AT_REST, arg=[title, CHART], polling=100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        message = f"no browser: install one of {', '.join(BROWSERS)}"
        # Where CI is set, a test that was left out would look like one that passed.
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        chromium.close()


@contextmanager
def running_app() -> Iterator[str]:
    """Start the app as the README does, on a free port; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    options = [f"--server.port={port}", "--server.address=127.0.0.1"]
    process = subprocess.Popen(
        command + options, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        assert process.poll() is None, "the app stopped while starting"
        with suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health") as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the app did not start within five minutes")


@contextmanager
def shared_app(meeting_place: Path) -> Iterator[str]:
    """The app that all workers share: who comes first starts it, and stops it when all have left.

    A worker that is gone has left, however it went: locks end with the process that holds them.
    """
    noted = meeting_place / "app.address"
    with (
        (meeting_place / "app.door").open("w") as door,
        (meeting_place / "app.users").open("w") as users,
    ):
        fcntl.flock(door, fcntl.LOCK_EX)
        if noted.exists():
            fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(door, fcntl.LOCK_UN)
            yield noted.read_text()
            return
        with running_app() as address:
            noted.write_text(address)
            fcntl.flock(door, fcntl.LOCK_UN)
            try:
                yield address
            finally:
                fcntl.flock(door, fcntl.LOCK_EX)  # nobody else comes in
                fcntl.flock(users, fcntl.LOCK_EX)  # until those who are in have left
                noted.unlink()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One running app for all tests that do not need a cold one."""
    folder = tmp_path_factory.getbasetemp()
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    with shared_app(folder if alone else folder.parent) as address:
        yield address


@pytest.fixture
def cold_app(tab: Tab) -> Iterator[str]:
    """An app that nobody has visited yet."""
    with running_app() as address:
        yield address
        tab.page.goto("about:blank")  # before the app goes: what it still asks for would fail


class Tab:
    """One tab of a browser, to which one visitor after the other comes."""

    def __init__(self, browser: Browser) -> None:
        self.trouble: list[str] = []
        #: Where the app is that is being visited in it.
        self.app = ""
        self.context = browser.new_context()
        self.context.add_init_script(SAY_TRACEBACKS)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.trouble.append(f"page: {error}"))
        self._storage = self.context.new_cdp_session(self.page)

    def _hear(self, message: ConsoleMessage) -> None:
        # On a deep link Streamlit looks for its server below the page's own path first.
        probing = "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not probing:
            self.trouble.append(f"console: {message.text}")

    def begin(self, address: str, **screen: Any) -> Page:
        """Open an address as somebody who has never been here."""
        self.page.goto("about:blank")
        self.app = "/".join(address.split("/")[:3])
        kept = {"origin": self.app, "storageTypes": "local_storage"}
        self._storage.send("Storage.clearDataForOrigin", kept)
        look_at(self.page, **screen)
        self.page.goto(address)
        return self.page

    def close(self) -> None:
        self.context.close()


def look_at(
    page: Page, width: int = 1280, height: int = 800, theme: Theme = "light", still: bool = True
) -> None:
    """Look at the page on a screen of this size, in this theme, with motion or without."""
    page.set_viewport_size({"width": width, "height": height})
    # What still scrolls when the mouse goes down is no longer there when it comes up.
    motion: Literal["reduce", "no-preference"] = "reduce" if still else "no-preference"
    page.emulate_media(media="screen", color_scheme=theme, reduced_motion=motion)


@pytest.fixture(scope="session")
def tabs(browser: Browser) -> Iterator[list[Tab]]:
    """The tab of this worker, as soon as there is one."""
    opened: list[Tab] = []
    yield opened
    for tab in opened:
        tab.close()


@pytest.fixture
def tab(browser: Browser, tabs: list[Tab], request: pytest.FixtureRequest) -> Iterator[Tab]:
    """The tab of this worker; at the end, fail on errors of any page that was in it."""
    if not tabs:
        tabs.append(Tab(browser))
    (open_tab,) = tabs
    failed = request.session.testsfailed
    yield open_tab
    trouble, open_tab.trouble = open_tab.trouble, []
    if trouble or request.session.testsfailed != failed:
        # Nobody else is to find what a failure left behind.
        tabs.clear()
        open_tab.close()
    assert not trouble, "\n".join(trouble)


@pytest.fixture
def visit(tab: Tab) -> Visit:
    """Open an address as somebody who has never been here."""
    return tab.begin


@pytest.fixture
def other(browser: Browser) -> Iterator[Visit]:
    """Open an address as another visitor, on another device, while the first is still there."""
    elsewhere = Tab(browser)
    yield elsewhere.begin
    elsewhere.close()
    assert not elsewhere.trouble, "\n".join(elsewhere.trouble)


@pytest.fixture
def go_on(app: str, tab: Tab) -> GoOn:
    """Go to a page within the visit that is under way, and wait until it rests.

    The address has to say every setting that matters: others have been here before, and their runs
    are among those of the visit.
    """

    def to(name: str, query: str = "", **screen: Any) -> Page:
        address = f"{app}/{name}{query}"
        if tab.app == app:
            look_at(tab.page, **screen)
            tab.page.evaluate(GO, address)
        else:
            tab.begin(address, **screen)
        wait_for_rest(tab.page, name)
        return tab.page

    return to
