"""What was shown of earlier runs of a page: a run is read beside the one before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import streamlit as st

T = TypeVar("T")


@dataclass(frozen=True)
class Earlier(Generic[T]):
    """What was shown of a run that another one is compared with."""

    #: ``"own"``, the run of what the page comes with, ``"before"``, the last one, or ``"latest"``.
    which: str
    #: What was set, by name.
    settings: Mapping[str, str]
    shown: T


def known(place: str) -> dict[str, Earlier[T]]:
    """Return what is kept in a place of the visit, by which run it is."""
    return st.session_state.setdefault(place, {})


def keep(
    place: str, settings: Mapping[str, str], shown: Callable[[], T], is_own: bool = False
) -> Mapping[str, Earlier[T]]:
    """Keep what is shown of a run, unless it is kept already, and return all that is kept.

    Parameters
    ----------
    is_own
        Whether it is the run of what the page comes with.
    """
    kept: dict[str, Earlier[T]] = known(place)
    latest = kept.get("latest")
    if latest is None or latest.settings != settings:
        if latest is not None:
            kept["before"] = replace(latest, which="before")
        latest = kept["latest"] = Earlier("latest", settings, shown())
        if is_own:
            kept["own"] = replace(latest, which="own")
    return kept
