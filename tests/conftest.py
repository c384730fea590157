"""One thread for every test: on few cores, threads that wait for each other cost the most."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator

import pytest

# NumPy reads it when it is first imported, and PyTorch imports NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)
# No test pays for what another might need.
os.environ.setdefault("KDCORE_AHEAD", "0")


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
