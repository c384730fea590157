"""The store keeps the last few values and forgets the one that nobody asked for longest."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from kdcore.store import BoundedStore, clear_all


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


# ------------------------------------------------------------------------------------------ bytes


def test_the_store_never_holds_more_bytes_than_it_may() -> None:
    store: BoundedStore[int, bytes] = BoundedStore(100, capacity_bytes=1000, size=len)
    for key in range(10):
        store.put(key, b"x" * 300)
        assert store.bytes == 300 * len(store) <= 1000
    assert [store.get(key) is not None for key in range(10)] == [False] * 7 + [True] * 3


def test_several_small_values_make_room_for_a_heavy_one() -> None:
    store: BoundedStore[int, bytes] = BoundedStore(100, capacity_bytes=1000, size=len)
    for key in range(9):
        store.put(key, b"x" * 100)
    store.get(0)
    store.put(9, b"x" * 800)
    assert [key for key in range(10) if store.get(key)] == [0, 8, 9]


def test_a_value_too_heavy_for_the_store_is_not_kept() -> None:
    store: BoundedStore[int, bytes] = BoundedStore(100, capacity_bytes=1000, size=len)
    store.put(1, b"x" * 1001)
    assert store.get(1) is None
    assert (len(store), store.bytes) == (0, 0)


def test_a_value_put_again_counts_once() -> None:
    store: BoundedStore[int, bytes] = BoundedStore(100, capacity_bytes=1000, size=len)
    store.put(1, b"x" * 900)
    store.put(1, b"x" * 50)
    assert store.bytes == 50


def test_values_are_measured_by_their_tensors() -> None:
    store: BoundedStore[int, torch.Tensor] = BoundedStore(100, capacity_bytes=10_000)
    for key in range(5):
        store.put(key, torch.zeros(1000))
    assert len(store) == 2


def test_all_stores_can_be_emptied_when_a_run_needs_the_memory() -> None:
    stores: list[BoundedStore[int, int]] = [BoundedStore(capacity=2) for _ in range(2)]
    for store in stores:
        store.put(1, 1)
    clear_all()
    assert [len(store) for store in stores] == [0, 0]
    stores[0].put(2, 2)
    assert stores[0].get(2) == 2
