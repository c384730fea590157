"""Pages are drawn one at a time, and who only waits for a training holds nobody up."""

from __future__ import annotations

import threading
import time

import pytest

from pages.common import turns


def drawn_by_another() -> tuple[threading.Thread, threading.Event]:
    """Let another thread draw a page; return it and what it sets when it has its turn."""
    began = threading.Event()

    def draw() -> None:
        with turns.taken():
            began.set()

    thread = threading.Thread(target=draw)
    thread.start()
    return thread, began


def test_a_page_waits_until_the_other_is_drawn() -> None:
    with turns.taken():
        thread, began = drawn_by_another()
        assert not began.wait(0.1)
    assert began.wait(5)
    thread.join()


def test_who_waits_lends_the_turn_and_has_it_again_afterwards() -> None:
    with turns.taken():
        with turns.lent():
            thread, began = drawn_by_another()
            assert began.wait(5)
            thread.join()
        thread, began = drawn_by_another()
        assert not began.wait(0.1)
    assert began.wait(5)
    thread.join()


def test_a_page_that_fails_gives_its_turn_back() -> None:
    with pytest.raises(RuntimeError), turns.taken():
        raise RuntimeError
    with pytest.raises(RuntimeError), turns.taken(), turns.lent():
        raise RuntimeError
    thread, began = drawn_by_another()
    assert began.wait(5)
    thread.join()


def test_without_a_turn_there_is_none_to_lend() -> None:
    with turns.taken():
        finished = threading.Event()

        def part_of_a_page() -> None:
            with turns.lent():
                finished.set()

        threading.Thread(target=part_of_a_page).start()
        assert finished.wait(5)
        _, began = drawn_by_another()
        time.sleep(0.05)
        assert not began.is_set(), "the turn of this page was lent by somebody else"
    assert began.wait(5)
