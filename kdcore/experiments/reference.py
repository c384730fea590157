"""The published reference run, each row beside its reproduction."""

from __future__ import annotations

from dataclasses import dataclass

from kdcore.experiments.common import Measured
from kdcore.monitor import SILENT, Monitor
from kdcore.reference.run import reproduce
from kdcore.settings import CheckedSettings


@dataclass(frozen=True)
class ReferenceSettings(CheckedSettings):
    """Nothing can be set, not even the seed: it is one run, repeated to the last digit."""

    def work(self) -> float:
        return 1e10  # half a second


def reference(settings: ReferenceSettings, monitor: Monitor = SILENT) -> Measured:
    """Return the published rows beside their reproduction; see :mod:`kdcore.reference.run`."""
    return Measured(list(reproduce()))
