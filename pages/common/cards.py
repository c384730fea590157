"""The figures that matter, large: accuracies with their intervals, gain and verdict."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from kdcore.claims import ClaimVerdict
from kdcore.experiments.lab import MeasuredLab
from kdcore.figures import MARKERS
from kdcore.statistics import Interval
from pages.common import charts
from pages.common.words import words as words_of

_ROWS = ("teacher", "hard", "distilled")


def accuracies(result: MeasuredLab | None, words: dict[str, Any], stale: bool) -> None:
    """Show three accuracies on one scale, the paired gain with its verdict, and agreement.

    Without a result the same space is kept empty.
    """
    left_end = _left_end(result)
    rows = "".join(_accuracy_row(who, result, words[who], left_end) for who in _ROWS)
    st.html(
        f'<section class="cards{" stale" if stale else ""}" aria-label="{words["heading"]}">'
        f"<h2>{escape(words['heading'])}</h2>{rows}{_gain(result, words)}</section>"
    )


def in_short(result: MeasuredLab | None, words: dict[str, Any], stale: bool) -> None:
    """Show the same figures in two lines, by their markers, for whoever sees the cards no more.

    It says nothing that the cards do not: who listens to the page hears it once.
    """
    figures = "".join(
        f'<span class="marker {MARKERS[who]}" style="--colour:var(--{who})"></span>'
        f"<strong>{'–' if result is None else f'{100 * result.of(who).mean:.1f}'}</strong>"
        for who in _ROWS
    )
    said = "&nbsp;" if result is None else _verdict(result, words)
    st.html(
        f'<div class="short{" stale" if stale else ""}" aria-hidden="true">'
        f'<p class="figures">{figures} %</p><p>{said}</p></div>'
    )


def claim(
    text: str, source: str, verdict: ClaimVerdict | None, said: str, label: str | None = None
) -> None:
    """Show a claim of the field with its source and what runs say of it.

    ``verdict`` gives it its colour; ``said`` puts it into words, so that no colour is needed.
    """
    label = label or words_of("lesson")["claim"]["label"]
    st.html(
        f'<div class="claim {verdict or ""}"><p class="label">{escape(label)}</p>'
        f'<p class="text">{escape(text)}</p><p class="source">{escape(source)}</p>'
        f'<p class="verdict">{escape(said)}</p></div>'
    )


def _accuracy_row(who: str, result: MeasuredLab | None, name: str, left_end: float) -> str:
    head = f'<span class="marker {MARKERS[who]}"></span><span class="name">{escape(name)}</span>'
    if result is None:
        figure, whisker = '<span class="big">–</span>', ""
    else:
        interval: Interval = result.of(who)
        figure = (
            f'<span class="big">{100 * interval.mean:.1f}</span>'
            f'<span class="unit">± {100 * interval.half_width:.1f} %</span>'
        )
        low, mean, high = (
            100 * (min(max(value, left_end), 1.0) - left_end) / (1 - left_end)
            for value in (interval.low, interval.mean, interval.high)
        )
        whisker = (
            f'<span class="whisker" style="left:{low:.2f}%;width:{high - low:.2f}%"></span>'
            f'<span class="marker {MARKERS[who]}" style="left:{mean:.2f}%"></span>'
        )
    ends = f'<span class="end">{100 * left_end:.0f}</span><span class="end right">100 %</span>'
    return (
        f'<div class="accuracy" style="--colour:var(--{who})" data-who="{who}">'
        f'<div class="head">{head}</div><div class="figure">{figure}</div>'
        f'<div class="scale" aria-hidden="true">{whisker}{ends if who == _ROWS[-1] else ""}</div>'
        "</div>"
    )


def _gain(result: MeasuredLab | None, words: dict[str, Any]) -> str:
    if result is None:
        return '<div class="gain"><p class="verdict">–</p><p>&nbsp;</p><p>&nbsp;</p></div>'
    verdict = result.verdict.replace(" ", "_")
    same = result.gain.mean == result.gain.half_width == 0
    reason = words["because_same" if same else f"because_{verdict}"].format(n=result.gain.n)
    agreement = words["agreement"].format(
        hard=f"{100 * result.hard_agreement.mean:.0f} %",
        distilled=f"{100 * result.distilled_agreement.mean:.0f} %",
    )
    return (
        f'<div class="gain {verdict}"><p class="verdict">{_verdict(result, words)}</p>'
        f"<p>{escape(reason)}</p><p>{escape(agreement)}</p></div>"
    )


def _verdict(result: MeasuredLab, words: dict[str, Any]) -> str:
    gain = charts.points(result.gain.mean, result.gain.half_width)
    verdict = escape(words[result.verdict.replace(" ", "_")])
    return (
        f"{escape(words['gain'])} <strong>{verdict}</strong>: "
        f'<span class="number">{gain}</span> {escape(words["points"])}'
    )


def _left_end(result: MeasuredLab | None) -> float:
    """Return where the common scale begins: the ten percent below everything on it."""
    if result is None:
        return 0.5
    lowest = min(result.of(who).low for who in _ROWS)
    return max(0, int(10 * lowest)) / 10 if lowest < 0.9 else 0.9
