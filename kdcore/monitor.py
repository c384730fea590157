"""What a long computation tells and asks while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kdcore.distillation import LearningCurve


class Monitor:
    """Hears of progress and may ask to stop. This one listens to nobody and never stops."""

    def report(self, stage: str, fraction: float, curve: LearningCurve) -> None:
        """Hear that a stage (``"teacher"``, ``"students"``) is done by a fraction."""

    def is_cancelled(self) -> bool:
        """Say whether to stop before the next batch."""
        return False


SILENT = Monitor()
