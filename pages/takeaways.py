"""Takeaways: claims of the field, each with what the own runs say of it."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any, get_args

import pandas as pd
import streamlit as st

from kdcore.claims import ClaimVerdict, Judgement
from kdcore.experiments import student_size
from kdcore.losses import alpha_without_factor
from kdcore.visit.evidence import (
    CLAIMS,
    Takeaway,
    claims_tested,
    differing_settings,
    on_claim,
    overall,
    tally,
    what_separates,
)
from kdcore.visit.jobs import Job
from kdcore.visit.runs import Run, identity_of
from pages.common import answer, cards, charts, frame, jobs, visit
from pages.common import run_words as called
from pages.common.components import component
from pages.common.widgets import Controls
from pages.common.words import say
from pages.common.words import words as words_of

#: Runs listed under a claim; the earlier ones are on *My runs*.
LISTED = 6

words = frame.page("takeaways")
log = visit.runs()
# No control here defines a run; what a link says all the same is said to mean nothing.
controls = Controls("takeaways", [])
controls.show_notes()
controls.write_address()
print_button = component("print_button")


def words_of_claim(claim: Takeaway) -> dict[str, Any]:
    """Return the words of a claim, which stand with the lesson that tests it."""
    found: dict[str, Any] = words_of(claim.experiment.page)["claims"][claim.name]
    return found


def default_run(claim: Takeaway) -> Run | None:
    """Return the run of the claim's experiment as it comes, if it is among the runs."""
    return log.find(identity_of(claim.experiment.name, claim.experiment.settings()))


def ask(*names: str) -> None:
    """Ask for the default run of claims."""
    st.session_state.setdefault("takeaways.asked", {}).update(dict.fromkeys(names))


def chosen_answer(claim: Takeaway) -> int | None:
    """Return the answer given to a claim's question, if one is."""
    chosen: int | None = st.session_state.get(visit.answer_key(claim.name))
    return chosen


def advance(claim: Takeaway) -> Job[Any] | None:
    """Take the default run that was asked for; return its job while it is under way."""
    asked = st.session_state.get("takeaways.asked", {})
    if claim.name not in asked:
        return None
    experiment, slot = claim.experiment, f"takeaways.{claim.name}"
    try:
        job = jobs.request(slot, experiment.run, experiment.settings(), patience=0.0)
        look = job.look()
        if look.state == "failed" and look.error is not None:
            raise look.error
        if look.result is None:
            return job
        # It counts when the question on it is answered: pressing a button is not reading.
        answer.keep(look.result, experiment.page, {}, seen=chosen_answer(claim) is not None)
    except ValueError as trouble:
        failed = words_of("lesson")["run"]["failed"]
        st.error(failed.format(reason=say(trouble)), icon=":material/error:")
    del asked[claim.name]
    return None


# ----------------------------------------------------------------------------------- one claim


def in_words(name: str) -> str:
    """Say in a line what all runs say of a claim."""
    runs = list(log)
    return called.counts(name, runs) if on_claim(name, runs) else str(words["verdicts"]["none"])


def measured(claim: Takeaway, judged: Judgement) -> str:
    """Say what one run measured of a claim."""
    return str(words_of_claim(claim)["measured"].format(**called.judgement(judged)))


def show_evidence(claim: Takeaway) -> None:
    """List the runs on a claim, the latest first, and what tells their verdicts apart."""
    text, found = words["evidence"], on_claim(claim.name, list(log))
    if not found:
        return
    listed = found[::-1][:LISTED]
    differing = differing_settings(found)
    st.table(
        pd.DataFrame(
            [
                {text["run"]: str(run.number)}
                | {called.setting(name): called.value(run.settings.get(name)) for name in differing}
                | {
                    text["measured"]: measured(claim, run.judgements[claim.name]),
                    text["verdict"]: words["verdicts"][run.judgements[claim.name].verdict],
                }
                for run in listed
            ]
        ),
        hide_index=True,
    )
    if len(found) > LISTED:
        st.caption(text["earlier"].format(count=len(found) - LISTED))
    same = {k: v for k, v in found[-1].settings.items() if k not in differing}
    st.caption(text["same"].format(settings=called.settings(same)))
    counts = tally(claim.name, list(log))
    if counts["supported"] and counts["contradicted"]:
        st.markdown(what_differed(claim.name))
    charts.provenance(text["provenance"])


def what_differed(name: str) -> str:
    """Say which settings tell the supporting runs of a claim from the contradicting ones."""
    text, separating = words["evidence"], what_separates(name, list(log))
    if not separating:
        return str(text["separates_nothing"])
    parts = [
        text["setting"].format(
            name=called.setting(setting),
            **{said: " or ".join(map(called.value, own)) for said, own in values.items()},
        )
        for setting, values in separating.items()
    ]
    said: str = text["separates"].format(settings="; ".join(parts))
    return said + (text["separates_many"] if len(parts) > 1 else "")


def show_buttons(claim: Takeaway, job: Job[Any] | None) -> None:
    """Run the default experiment here, or go to the lesson and choose."""
    text, ran = words["buttons"], default_run(claim) is not None
    with st.container(horizontal=True, vertical_alignment="center", key=f"act-{claim.name}"):
        st.button(
            text["ran" if ran else "run"],
            key=f"ask-{claim.name}",
            icon=":material/check:" if ran else ":material/play_arrow:",
            disabled=ran or job is not None,
            on_click=ask,
            args=(claim.name,),
        )
        lesson = claim.experiment.page
        frame.page_link(lesson, text["lesson"].format(page=words_of(lesson)["menu"]))
    if job is not None:
        jobs.follow(job, jobs.show_progress)


def show_question(claim: Takeaway) -> None:
    """Ask about the concept; each answer has its own feedback."""
    text, asked = words["questions"], words_of_claim(claim)
    answers = asked["answers"]
    meant = f"{alpha_without_factor(0.3, 20.0):.3f}"
    st.markdown(f"**{text['heading']}**")
    chosen = st.radio(
        asked["question"],
        range(len(answers)),
        index=None,
        key=visit.answer_key(claim.name),
        format_func=lambda i: answers[i]["text"].format(alpha=meant),
        persist_state="session",
    )
    if chosen is None:
        return
    visit.kept().answers[claim.name] = chosen
    for run in on_claim(claim.name, list(log)):
        if not run.seen:
            log.see(run.number)
            frame.show_way()
    given = answers[chosen]
    said = f"**{text['right' if given['right'] else 'wrong']}** {given['feedback']}"
    if given["right"]:
        st.success(said, icon=":material/check_circle:")
    else:
        st.warning(said, icon=":material/replay:")


def show_claim(number: int, claim: Takeaway) -> None:
    """One claim: what it says, what tests it, what the runs say, what it means."""
    job, text = advance(claim), words_of_claim(claim)
    with st.container(key=f"claim-{claim.name}"):
        cards.claim(
            text["text"],
            text["source"],
            overall(claim.name, list(log)),
            in_words(claim.name),
            words["verdicts"]["label"].format(number=number, claims=len(CLAIMS)),
        )
        readings = {
            "most": f"{100 * student_size.MOST:.0f} %",
            "fraction": f"{100 * student_size.FRACTION:.0f} %",
        }
        st.markdown(text["test"].format(**readings))
        show_evidence(claim)
        show_buttons(claim, job)
        show_question(claim)


# ------------------------------------------------------------------------------------ the page


def show_summary() -> None:
    """How far the learner is, and what to do with the page."""
    text, found = words["summary"], claims_tested(visit.seen_runs())
    said = [overall(name, visit.seen_runs()) for name in found]
    ran = claims_tested(list(log))
    on_any = [run for run in log if claims_tested([run])]
    st.markdown(
        text["some" if found else "none"].format(
            tested=len(found),
            claims=len(CLAIMS),
            runs=len(on_any),
            all=len(list(log)),
            **{verdict: said.count(verdict) for verdict in get_args(ClaimVerdict)},
        )
    )
    if unread := len(ran) - len(found):
        st.markdown(text["unread"].format(count=unread))
    st.caption(text["how"])
    now = visit.local(datetime.now(UTC)).strftime("%Y-%m-%d %H:%M")
    st.html(f'<p class="printed">{escape(text["printed"].format(when=now))}</p>')
    missing = [claim.name for claim in CLAIMS if claim.name not in ran]
    with st.container(horizontal=True, vertical_alignment="center", key="takeaways-buttons"):
        if missing:
            st.button(
                text["all"],
                type="primary",
                icon=":material/play_arrow:",
                help=text["all_help"],
                on_click=ask,
                args=tuple(missing),
                key="ask-all",
            )
        print_button(key="print", data={"label": text["print"]})


summary = st.container(key="takeaways-summary")
for number, claim in enumerate(CLAIMS, start=1):
    show_claim(number, claim)
# Each claim that a run bears on has its question; with none of them answered nothing is done.
tested = [each for each in CLAIMS if on_claim(each.name, list(log))]
if not tested or any(chosen_answer(each) is None for each in tested):
    frame.leave_open()
# Said last, when the runs asked for have been taken.
with summary:
    show_summary()
