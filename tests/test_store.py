"""The store keeps the last few values and forgets the one that nobody asked for longest."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kdcore.store import BoundedStore


def test_what_is_put_is_kept() -> None:
    store: BoundedStore[str, int] = BoundedStore(capacity=2)
    assert store.get("a") is None
    assert len(store) == 0
    store.put("a", 1)
    assert store.get("a") == 1
    assert len(store) == 1


def test_the_store_never_grows_beyond_its_capacity() -> None:
    store: BoundedStore[int, int] = BoundedStore(capacity=3)
    for key in range(10):
        store.put(key, key)
        assert len(store) == min(key + 1, 3)
    assert [store.get(key) for key in range(10)] == [None] * 7 + [7, 8, 9]


def test_the_value_not_used_for_longest_makes_room() -> None:
    store: BoundedStore[str, int] = BoundedStore(capacity=2)
    store.put("a", 1)
    store.put("b", 2)
    store.get("a")
    store.put("c", 3)
    assert store.get("b") is None
    assert store.get("a") == 1
    assert store.get("c") == 3


def test_putting_again_replaces_the_value_and_counts_as_use() -> None:
    store: BoundedStore[str, int] = BoundedStore(capacity=2)
    store.put("a", 1)
    store.put("b", 2)
    store.put("a", 10)
    assert len(store) == 2
    store.put("c", 3)
    assert store.get("a") == 10
    assert store.get("b") is None


@dataclass(frozen=True)
class Key:
    """A key that lets other threads go first whenever it is looked up."""

    number: int

    def __hash__(self) -> int:
        time.sleep(1e-6)
        return self.number


def test_many_threads_may_share_a_store() -> None:
    store: BoundedStore[Key, int] = BoundedStore(capacity=2)
    at_once = threading.Barrier(4)

    def use(thread: int) -> bool:
        at_once.wait(20)
        right = True
        for number in range(300):
            store.put(Key((thread + number) % 5), (thread + number) % 5)
            asked = (thread * number) % 5
            right = right and store.get(Key(asked)) in (None, asked)
        return right

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(use, range(4)))
    assert len(store) == 2
