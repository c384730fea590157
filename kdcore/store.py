"""A bounded store: the last few results, safe to share between threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from kdcore.memory import bytes_held

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_stores: WeakSet[BoundedStore[Any, Any]] = WeakSet()


class BoundedStore(Generic[Key, Value]):
    """Keeps the most recently used values, at most so many and of at most so many bytes.

    Parameters
    ----------
    capacity
        Values that are kept.
    capacity_bytes
        Bytes that all of them may hold together; a value that alone holds more is not kept.
        Unbounded unless given.
    size
        Measures the bytes that a value holds, once, when it is put.
    """

    def __init__(
        self,
        capacity: int,
        capacity_bytes: int | None = None,
        size: Callable[[Value], int] = bytes_held,
    ) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._size = size
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        _stores.add(self)

    def get(self, key: Key) -> Value | None:
        """Return the value and mark it as used, or ``None`` if it is not kept (any more)."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Key, value: Value) -> None:
        """Keep a value; those that were not used for longest make room."""
        size = 0 if self._capacity_bytes is None else self._size(value)
        with self._lock:
            self._drop(key)
            self._values[key] = value, size
            self._bytes += size
            while len(self._values) > self._capacity or self._is_too_heavy():
                self._drop(next(iter(self._values)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._bytes = 0

    @property
    def bytes(self) -> int:
        """What the values hold, as far as it is measured: 0 where bytes are not bounded."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._values)

    def _is_too_heavy(self) -> bool:
        return self._capacity_bytes is not None and self._bytes > self._capacity_bytes

    def _drop(self, key: Key) -> None:
        _, size = self._values.pop(key, (None, 0))
        self._bytes -= size


def clear_all() -> None:
    """Forget what every store of this process keeps: a run needs the memory more.

    Nothing is lost but time, since whatever is kept can be computed again.
    """
    for store in list(_stores):
        store.clear()
