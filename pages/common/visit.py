"""What belongs to this visit alone: its runs, and its time of day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from kdcore.visit import evidence
from kdcore.visit.runs import RunLog
from pages.common.words import words

_LOG = "visit.runs"


def runs() -> RunLog:
    """Return the runs of this visit, from any page; other visitors have their own."""
    found: RunLog = st.session_state.setdefault(_LOG, RunLog())
    return found


def claims_tested() -> str:
    """Say how many of the claims the runs of this visit have tested."""
    text: str = words("takeaways")["count"]
    return text.format(
        tested=len(evidence.claims_tested(list(runs()))), claims=len(evidence.CLAIMS)
    )


def local(time: datetime) -> datetime:
    """Return a time in the visitor's own zone; in UTC if that is not known."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return time.astimezone(zone)
