"""What a long computation tells and asks while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Self

from torch import Tensor


@dataclass
class LearningCurve:
    """Test accuracy while training: after ``samples_seen[i]``, ``accuracy[i]`` is ``[S, C]``."""

    samples_seen: list[int] = field(default_factory=list)
    accuracy: list[Tensor] = field(default_factory=list)

    def so_far(self) -> Self:
        """Return the points of this moment, while whoever writes to the curve goes on."""
        points = {each.name: list(getattr(self, each.name)) for each in fields(self)}
        return replace(self, **points)


class Monitor:
    """Hears of progress and may ask to stop. This one listens to nobody and never stops."""

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        """Hear that a stage (``"teacher"``, ``"students"``) is done by a fraction."""

    def is_cancelled(self) -> bool:
        """Say whether to stop before the next batch."""
        return False


class Part(Monitor):
    """Reports a computation as one part of a longer one.

    Parameters
    ----------
    whole
        Who hears of the longer computation.
    start, end
        Where in the longer computation this part begins and ends, as fractions.
    stage
        What the longer computation is called; what the part calls itself unless given.
    """

    def __init__(self, whole: Monitor, start: float, end: float, stage: str | None = None) -> None:
        self._whole = whole
        self._start = start
        self._end = end
        self._stage = stage

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        done = self._start + fraction * (self._end - self._start)
        self._whole.report(self._stage or stage, done, curve)

    def is_cancelled(self) -> bool:
        return self._whole.is_cancelled()


SILENT = Monitor()
