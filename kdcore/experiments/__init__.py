"""Each experiment: frozen settings in, a table out, every figure with its interval.

One file an experiment; what they share is in :mod:`~kdcore.experiments.result`. A file that names
an :class:`~kdcore.experiments.result.Experiment` is one: there is no list to enter it in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from kdcore.experiments.result import Experiment, Result

__all__ = ["EXPERIMENTS", "Experiment", "Result"]

#: Every experiment, by name.
EXPERIMENTS: Mapping[str, Experiment[Any, Any]]


def __getattr__(name: str) -> Any:
    # Not when the package is imported: at a cold start several pages import one experiment each,
    # and whoever imports all of them meanwhile would wait for those who wait for the package.
    if name == "EXPERIMENTS":
        return _experiments()
    raise AttributeError(name)


@lru_cache(maxsize=1)
def _experiments() -> Mapping[str, Experiment[Any, Any]]:
    return {found.name: found for found in sorted(_found(), key=lambda found: found.name)}


def _found() -> Iterator[Experiment[Any, Any]]:
    for file in iter_modules(__path__):
        for value in vars(import_module(f"{__name__}.{file.name}")).values():
            if isinstance(value, Experiment):
                yield value
