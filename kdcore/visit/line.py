"""Who is next: the order in which the runs of many visitors are served.

Visitors take turns, so that one who asks for much waits for it alone. Small runs come before large
ones, since thirty of them are done while one large one trains; but a large one that has waited for
long takes its turn like the others, so that a busy class cannot keep it out for ever.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What a line knows of one who stands in it."""

    @property
    def is_large(self) -> bool:
        """Whether the run takes longer than anybody should wait for."""
        ...

    @property
    def since(self) -> float:
        """When it was first asked for, in seconds."""
        ...

    @property
    def visitors(self) -> Iterable[Hashable]:
        """Who waits for it."""
        ...


WaitingT = TypeVar("WaitingT", bound=Waiting)


class Line(Generic[WaitingT]):
    """Runs that wait, and whose turn it is. Not safe to share between threads by itself.

    Parameters
    ----------
    patience
        Seconds after which a large run is served like a small one.
    """

    #: Visitors whose last turn is remembered.
    REMEMBERED = 10_000

    def __init__(self, patience: float = 20.0) -> None:
        self._patience = patience
        self._waiting: dict[WaitingT, None] = {}
        #: Turns that were taken when each visitor had the last one, the latest at the end.
        self._served: OrderedDict[Hashable, int] = OrderedDict()
        self._turns = 0

    def join(self, run: WaitingT) -> None:
        """Put a run in the line."""
        self._waiting[run] = None

    def leave(self, run: WaitingT) -> None:
        """Take a run out of the line, if it stands there, without a turn being taken."""
        self._waiting.pop(run, None)

    def serve(self, run: WaitingT) -> None:
        """Take a run out of the line: its visitors have had their turn."""
        self.leave(run)
        self._turns += 1
        for visitor in run.visitors:
            self._served[visitor] = self._turns
            self._served.move_to_end(visitor)
        while len(self._served) > self.REMEMBERED:
            self._served.popitem(last=False)

    def order(self, now: float) -> list[WaitingT]:
        """Return who waits, the next first."""
        ahead: Counter[tuple[bool, Hashable]] = Counter()
        places: dict[WaitingT, tuple[bool, int, int]] = {}
        for run in self._waiting:
            late = run.is_large and now - run.since < self._patience
            turns = []
            for visitor in run.visitors:
                turns.append((ahead[late, visitor], self._served.get(visitor, 0)))
                ahead[late, visitor] += 1
            places[run] = (late, *min(turns, default=(0, 0)))
        return sorted(self._waiting, key=places.__getitem__)  # stable: who came first, else

    def __iter__(self) -> Iterator[WaitingT]:
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)
