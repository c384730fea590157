"""One page is drawn at a time, so that thirty visitors do not starve the training of each other.

Drawing a page is Python, and only one thread at a time runs Python. If thirty pages are drawn at
once, the two threads that train get one turn in sixteen; if pages wait for each other here, they
get most of them. Nobody waits longer for it: the pages would share the same processor.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_turn = threading.Lock()
_mine = threading.local()


@contextmanager
def taken() -> Iterator[None]:
    """Wait for one's turn, and have it for so long."""
    with _turn:
        _mine.taken = True
        try:
            yield
        finally:
            _mine.taken = False


@contextmanager
def lent() -> Iterator[None]:
    """Let others have their turn while this one only waits; nothing where it is not taken."""
    if not getattr(_mine, "taken", False):
        yield
        return
    _mine.taken = False
    _turn.release()
    try:
        yield
    finally:
        _turn.acquire()
        _mine.taken = True
