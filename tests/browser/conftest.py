"""Starts the app and a headless Chromium, and fails a test on any error the page shows or logs."""

from __future__ import annotations

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

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

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
]
PATIENCE_MS = 120_000

Visit = Callable[..., Page]


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


@pytest.fixture(scope="session")
def app() -> Iterator[str]:
    """One running app for all tests that do not need a cold one."""
    with running_app() as address:
        yield address


@pytest.fixture
def cold_app() -> Iterator[str]:
    """An app that nobody has visited yet."""
    with running_app() as address:
        yield address


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open an address in a new browser context; at the end, fail on errors of any such page."""
    trouble: list[str] = []
    pages: list[Page] = []

    def hear(message: ConsoleMessage) -> None:
        # On a deep link Streamlit looks for its server below the page's own path first.
        probing = "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not probing:
            trouble.append(f"console: {message.text}")

    def open_page(address: str, width: int = 1280, height: int = 800, theme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            # What still scrolls when the mouse goes down is no longer there when it comes up.
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: trouble.append(f"page: {error}"))
        page.goto(address)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        tracebacks = page.locator('[data-testid="stException"]')
        trouble += [f"traceback: {text}" for text in tracebacks.all_inner_texts()]
        page.context.close()
    assert not trouble, "\n".join(trouble)
