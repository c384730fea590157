"""How runs, their conditions and their settings are called; the words are those of *My runs*."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from kdcore.runs import Condition, Run
from pages.common.words import words


def title(run: Run) -> str:
    """Name a run, such as ``3 · Temperature``."""
    return f"{run.number} · {experiment(run)}"


def experiment(run: Run) -> str:
    """Name the experiment of a run; a run of the Lab by the page that asked for it."""
    if run.summary.experiment == "lab":
        return str(words(run.page)["menu"])
    return str(words("my_runs")["experiments"][run.summary.experiment])


def condition(named: Condition) -> str:
    """Name a condition of a run, such as ``T = 4, without T²``."""
    text = words("my_runs")
    parts = [
        text["conditions"][name].format(value=text["values"].get(value, value))
        for name, value in named.name.items()
        if value
    ]
    return ", ".join(parts) or text["conditions"]["baseline"]


def setting(name: str) -> str:
    """Name a setting, in a word or two."""
    short: str = words("my_runs")["settings"].get(name, name)
    return short


def value(written: str | None) -> str:
    """Write the value of a setting; long lists can be broken into lines."""
    return written.replace(",", ", ").replace(";", "; ") if written else "–"


def settings(values: Mapping[str, str]) -> str:
    """Write settings in one line."""
    return " · ".join(f"{setting(name)} {value(own)}" for name, own in values.items())


def finished(run: Run) -> str:
    """Write when a run was finished, in the visitor's own time."""
    return local(run.finished).strftime("%H:%M:%S")


def local(time: datetime) -> datetime:
    """Return a time in the visitor's own zone; in UTC if that is not known."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return time.astimezone(zone)
