"""Each experiment: frozen settings in, a table out, every figure with its interval.

One file an experiment; what they share is in :mod:`~kdcore.experiments.common`.
"""

from __future__ import annotations

from collections.abc import Mapping

from kdcore.experiments.common import Experiment, Result
from kdcore.experiments.temperature import TemperatureSettings, temperature

__all__ = ["EXPERIMENTS", "Experiment", "Result"]

#: Every experiment of the command line, by name.
EXPERIMENTS: Mapping[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "temperature", "What does the temperature do?", TemperatureSettings, temperature
        ),
    )
}
