"""The published reference run, each row beside its reproduction."""

from __future__ import annotations

from dataclasses import dataclass

from kdcore.experiments.result import Experiment, Measured
from kdcore.monitor import SILENT, Monitor
from kdcore.reference.run import reproduce
from kdcore.settings import CheckedSettings


@dataclass(frozen=True, kw_only=True)
class ReferenceSettings(CheckedSettings):
    """Nothing can be set, not even the seed: it is one run, repeated to the last digit."""

    def work(self) -> float:
        return 1e10  # half a second


def reference(settings: ReferenceSettings, monitor: Monitor = SILENT) -> Measured:
    """Return the published rows beside their reproduction; see :mod:`kdcore.reference.run`."""
    return Measured(list(reproduce()))


EXPERIMENT = Experiment(
    "reference",
    ReferenceSettings,
    reference,
    page="reference_run",
    named_by=("table", "setting"),
    data="random labels",
)
