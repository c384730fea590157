"""What all tests share: who runs which, one thread each, pages that are opened cheaply."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent

# On few cores, threads that wait for each other cost the most. NumPy reads it when it is first
# imported, and PyTorch imports NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# No test pays for what another might need.
os.environ.setdefault("KDCORE_AHEAD", "0")

# --------------------------------------------------------------------------------- who runs which

#: What takes longest, longest first: begun last, one of these would be what all others wait for.
LONGEST = (
    *("tries", "experiments_lessons", "experiments_variants", "cluster", "claims_both_ways"),
    *("grid", "broken", "experiments_language", "take_home", "house", "command_line", "outside"),
)
#: What takes as long in a browser as all others do there.
HALF = ("course", "boundaries", "language")


def pytest_xdist_auto_num_workers() -> int:
    """Start one process more than there are cores: a test that waits for its page needs none."""
    if hasattr(os, "sched_getaffinity"):
        return 1 + len(os.sched_getaffinity(0))
    return 1 + (os.cpu_count() or 1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Let a process take a file at a time: what its tests share is there once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            """Return what a test is in one piece with."""
            file = nodeid.split("::")[0]
            if "/browser/" not in file:
                return file
            # Two browsers for three processes: what a third one would cost to begin with is more
            # than what is waited for the others.
            half = self.numnodes > 2 and Path(file).stem.removeprefix("test_") in HALF
            return f"browser {half:d}"

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring what takes long to the front: first the browser's tests, then the longest files."""
    if not hasattr(config, "workerinput"):
        return  # one process alone takes them as they come
    order = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: ("browser" not in item.path.parts, order.get(item.path.stem, len(order)))
    )


# --------------------------------------------------------------------------- what costs everybody


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage while tests are collected, and afterwards not among what they are of.

    Nearly all that is made then stays: to look through it again and again took longer than to make
    it.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Let every test compute in one thread."""
    # Only here: pytest's first process, which starts the others, has no use for PyTorch.
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def pages_are_opened_cheaply() -> Iterator[None]:
    """Let Streamlit do once what it does for each page that a test opens, without a change since.

    It asks all installed packages for components, of which none brings one, and it compiles the
    page: four fifths of the time that it takes to open one.
    """
    if "streamlit.testing.v1.app_test" not in sys.modules:
        yield
        return
    from streamlit.components.v2 import manifest_scanner
    from streamlit.runtime.scriptrunner.script_cache import ScriptCache
    from streamlit.testing.v1 import app_test

    scan, compiled = manifest_scanner.scan_component_manifests, ScriptCache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", functools.cache(scan))
        patch.setattr(app_test, "ScriptCache", lambda: compiled)
        yield
