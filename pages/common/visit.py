"""What belongs to this visit alone: its runs, what was done in it, and its time of day."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from kdcore.visit import evidence
from kdcore.visit.keeping import Copy, Kept, Prediction, to_json
from kdcore.visit.runs import Run, RunLog
from kdcore.words import Refusal
from pages.common import course
from pages.common import run_words as called
from pages.common.words import words

_LOG = "visit.runs"
_KEPT = "visit.kept"


def runs() -> RunLog:
    """Return the runs of this visit, from any page; other visitors have their own."""
    found: RunLog = st.session_state.setdefault(_LOG, RunLog())
    return found


def kept() -> Kept:
    """Return what was done, answered and predicted in this visit."""
    found: Kept = st.session_state.setdefault(_KEPT, Kept())
    return found


def seen_runs() -> list[Run]:
    """Return the runs that the learner has had to do with: those that count."""
    return [run for run in runs() if run.seen]


def claims_tested() -> str:
    """Say how many of the claims the runs of this visit have tested."""
    text: str = words("takeaways")["count"]
    return text.format(tested=len(evidence.claims_tested(seen_runs())), claims=len(evidence.CLAIMS))


def claims_named() -> str:
    """Say which claims there are, one a line, as Markdown."""
    said = [
        f"{number}. {called.words_of_claim(claim.experiment.name, claim.name)['text']}"
        for number, claim in enumerate(evidence.CLAIMS, start=1)
    ]
    return "\n".join([words("takeaways")["which"], "", *said])


# -------------------------------------------------------------------- from one visit to the next


def as_text() -> str:
    """Return everything that is kept of this visit, as text."""
    log = runs()
    return to_json(Copy(kept(), tuple(log), log.deleted, log.cleared))


def take_in(copy: Copy) -> None:
    """Take in what an earlier visit left, or what another tab did meanwhile.

    Raises
    ------
    Refusal
        If a run in it names a page or words that are not here; then nothing is taken.
    """
    for run in copy.runs:
        _check_words(run)
    _correct_links(copy.kept.predictions)
    log, own = runs(), kept()
    if copy.cleared > log.cleared:
        log.forget_before(copy.cleared)
        own.clear()
    for identity, when in copy.deleted.items():
        log.forget_deleted(identity, when)
    for run in copy.runs:
        log.take_in(run)
    if copy.cleared >= log.cleared:
        known = {entry.name for entry in course.pages()}
        copy.kept.done &= known
        own.merge(copy.kept)
        _fill_in(own)


def clear() -> None:
    """Forget everything that is kept of this visit."""
    runs().clear()
    kept().clear()
    claims = [answer_key(claim.name) for claim in evidence.CLAIMS]
    guesses = [key for e in course.pages() for key in (_guess(e.name), _guessed_for(e.name))]
    for key in (*claims, *guesses):
        st.session_state.pop(key, None)


def answer_key(claim: str) -> str:
    """Return the session's key of the answer to a claim's question."""
    return f"takeaways.answer-{claim}"


def note_prediction(page: str, choice: str, settings: str) -> None:
    """Keep a prediction made on a page."""
    kept().predictions[page] = Prediction(choice, settings)


def note_link(page: str, number: int | None) -> None:
    """Note the run that a prediction was held against which has only come with the address.

    After a reload that is all there is until the browser says what it kept; then it may turn out
    that the prediction was made for other settings.
    """
    if page not in kept().predictions:
        st.session_state[_linked_run(page)] = number


def _correct_links(predictions: Mapping[str, Prediction]) -> None:
    """Let go of what was held against a prediction that had been made for other settings."""
    for page, made in predictions.items():
        number = st.session_state.pop(_linked_run(page), None)
        same = st.session_state.get(_guess(page)) == made.choice
        if number is None or not same or st.session_state.get(_guessed_for(page)) == made.settings:
            continue
        runs().forget_prediction(number)
        st.session_state[_guessed_for(page)] = made.settings


def _linked_run(page: str) -> str:
    return f"{page}.linked-run"


def _guess(page: str) -> str:
    return f"{page}.prediction"


def _guessed_for(page: str) -> str:
    return f"{page}.predicted-for"


def _fill_in(own: Kept) -> None:
    """Put answers and predictions where their pages look for them, unless there are newer ones."""
    claims = {claim.name: claim for claim in evidence.CLAIMS}
    for name, chosen in own.answers.items():
        if name not in claims:
            continue
        answers = words(claims[name].experiment.page)["claims"][name]["answers"]
        if chosen < len(answers) and st.session_state.get(answer_key(name)) is None:
            st.session_state[answer_key(name)] = chosen
    for page, said in own.predictions.items():
        options = words(page).get("predict", {}).get("options", []) if course.has(page) else []
        if said.choice in {option["key"] for option in options} and not st.session_state.get(
            _guess(page)
        ):
            st.session_state[_guess(page)] = said.choice
            st.session_state[_guessed_for(page)] = said.settings


def _check_words(run: Run) -> None:
    """Refuse a run that the pages could not put into words."""
    if not course.has(run.page):
        raise Refusal("file_broken", where="page")
    for name, judged in run.judgements.items():
        with suppress(KeyError):
            words_of_claim = called.words_of_claim(run.summary.experiment, name)
            if "measured" in words_of_claim:
                try:
                    words_of_claim["measured"].format(**called.judgement(judged))
                except (KeyError, IndexError, ValueError):
                    raise Refusal("file_broken", where="judgements") from None


def local(time: datetime) -> datetime:
    """Return a time in the visitor's own zone; in UTC if that is not known."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return time.astimezone(zone)
