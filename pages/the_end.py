"""The end: what was predicted, what was found, and when distillation did not help."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import get_args

import pandas as pd
import streamlit as st

from kdcore.claims import ClaimVerdict
from kdcore.experiments import EXPERIMENTS
from kdcore.visit.evidence import CLAIMS, Takeaway, claims_tested, on_claim, overall, tally
from kdcore.visit.runs import Run
from pages.common import charts, course, exam, frame, visit
from pages.common import run_words as called
from pages.common.components import component
from pages.common.widgets import Controls
from pages.common.words import words as words_of

words = frame.page("the_end")
controls = Controls("the_end", [])
controls.show_notes()
controls.write_address()
runs = visit.seen_runs()
guessed = [run for run in runs if run.prediction and run.outcome]


#: What runs may say of a claim, as the summary counts it.
VERDICTS: tuple[ClaimVerdict, ...] = get_args(ClaimVerdict)


def show_summary() -> None:
    """How much there is."""
    tested = claims_tested(runs)
    said = [overall(name, runs) for name in tested]
    others = {entry.name for entry in course.pages()} - {"the_end"}
    answered = [
        called.words_of_claim(claim.experiment.name, claim.name)["answers"][chosen]["right"]
        for claim in CLAIMS
        if (chosen := visit.kept().answers.get(claim.name)) is not None
    ]
    st.markdown(
        words["summary"]["text"].format(
            runs=len(runs),
            predictions=len(guessed),
            tested=len(tested),
            claims=len(CLAIMS),
            **{verdict: said.count(verdict) for verdict in VERDICTS},
            done=len(visit.kept().done & others),
            pages=len(others),
            answered=len(answered),
            right=sum(answered),
        )
    )


def show_unread() -> None:
    """Say which runs do not count yet, so that *My runs* may list more than this page."""
    kept = list(visit.runs())
    if unread := len(kept) - len(runs):
        which = called.by_the_way(kept)
        st.caption(words["summary"]["unread"].format(runs=unread, which=which))


def show_exam() -> None:
    """How many bugs were found in the exam, and the way there."""
    text, score = words["exam"], exam.score()
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["found" if score["found"] else "open"].format(**score))
    frame.page_link("broken", words_of("broken")["menu"])


def show_predictions() -> None:
    """Each prediction beside what its run says."""
    text = words["predictions"]
    st.subheader(text["heading"], anchor=False)
    if not guessed:
        st.markdown(text["none"])
        return
    st.table(
        pd.DataFrame(
            [
                {
                    text["lesson"]: words_of(run.page)["menu"],
                    text["predicted"]: run.prediction,
                    text["outcome"]: run.outcome,
                    "": text["right" if run.was_predicted else "wrong"],
                }
                for run in guessed
            ]
        ),
        hide_index=True,
    )


def show_surprises() -> None:
    """The predictions that came out otherwise."""
    text = words["surprises"]
    wrong = [run for run in guessed if not run.was_predicted]
    if not guessed:
        return
    st.subheader(text["heading"], anchor=False)
    if not wrong:
        st.markdown(text["none"])
        return
    st.markdown(text["text"].format(predictions=len(guessed), wrong=len(wrong)))
    for run in wrong:
        said = text["one"].format(
            lesson=words_of(run.page)["menu"],
            predicted=run.prediction,
            outcome=run.outcome,
            settings=called.settings(run.settings),
        )
        st.markdown(f"- {said}")


def did_not_help(run: Run) -> bool:
    """Return whether a run has a baseline and no way of teaching that was clearly better."""
    said = [row.verdict for row in run.summary.conditions if row.verdict is not None]
    return bool(said) and "helps" not in said


def runs_over_hard_labels() -> list[Run]:
    """Return the runs that compare ways of teaching with hard labels."""
    return [
        run
        for run in runs
        if EXPERIMENTS[run.summary.experiment].over_hard_labels
        and any(row.gain for row in run.summary.conditions)
    ]


def show_no_help() -> None:
    """The runs in which distillation did not help."""
    text = words["no_help"]
    with_baseline = runs_over_hard_labels()
    if not with_baseline:
        return
    st.subheader(text["heading"], anchor=False)
    found = [run for run in with_baseline if did_not_help(run)]
    if not found:
        st.markdown(text["none"])
        return
    st.markdown(text["text"])
    for run in found:
        best = run.best or 0
        row = run.summary.conditions[best]
        if row.gain is None or row.verdict is None:
            continue
        said = text["one"].format(
            run=called.title(run),
            settings=called.settings(run.settings),
            condition=called.row(run, best),
            gain=charts.points(row.gain.mean, row.gain.half_width),
            verdict=text[row.verdict.replace(" ", "_")],
        )
        st.markdown(f"- {said}")
    st.caption(text["best"])


def disagree(claim: str) -> bool:
    """Return whether some runs support a claim and others contradict it."""
    counted = tally(claim, runs)
    return bool(counted["supported"] and counted["contradicted"])


def measured_on(claim: Takeaway) -> str:
    """Say what the latest run measured that says of a claim what all together say, if one does."""
    found = on_claim(claim.name, runs)
    verdict = overall(claim.name, runs)
    run = next(
        (r for r in reversed(found) if r.judgements[claim.name].verdict == verdict), found[-1]
    )
    said = called.words_of_claim(claim.experiment.name, claim.name)
    measured = said["measured"].format(**called.judgement(run.judgements[claim.name]))
    return str(words["claims"]["latest"].format(run=run.number, measured=measured))


def show_lesson_learned() -> None:
    """The five things to keep: what each is, and what the own runs say of the question on it."""
    text = words["keep"]
    st.subheader(text["heading"], anchor=False)
    claims = {claim.name: claim for claim in CLAIMS}
    for part in text["parts"]:
        claim = claims[part["claim"]]
        if on_claim(claim.name, runs):
            verdict = "disagree" if disagree(claim.name) else overall(claim.name, runs)
            answer = part.get(verdict) or text[verdict]
            said = f"**{answer}** {called.counts(claim.name, runs)} {measured_on(claim)}"
        else:
            said = text["open"].format(lesson=words_of(claim.experiment.page)["menu"])
        st.markdown(f"- {part['text']} {said}")
    compared = runs_over_hard_labels()
    found = sum(map(did_not_help, compared))
    st.markdown(f"- {text['no_help'].format(runs=len(compared), found=found)}")
    st.caption(text["note"])


def show_claims() -> None:
    """Each claim with what all runs say of it, and what the latest one measured."""
    text, verdicts = words["claims"], words_of("takeaways")["verdicts"]
    st.subheader(text["heading"], anchor=False)
    for claim in CLAIMS:
        said = called.words_of_claim(claim.experiment.name, claim.name)
        found = on_claim(claim.name, runs)
        if not found:
            st.markdown(f"- {text['open'].format(claim=said['text'])}")
            continue
        verdict = overall(claim.name, runs) or "undecided"
        line = text["tested"].format(
            verdict=verdicts["disagree" if disagree(claim.name) else verdict].capitalize(),
            claim=said["text"],
            counts=called.counts(claim.name, runs),
            measured=measured_on(claim),
        )
        st.markdown(f"- {line}")


now = visit.local(datetime.now(UTC)).strftime("%Y-%m-%d %H:%M")
st.html(f'<p class="printed">{escape(words["print"]["printed"].format(when=now))}</p>')
if runs:
    show_summary()
    show_unread()
    show_lesson_learned()
    component("print_button")(key="print", data={"label": words["print"]["button"]})
    show_predictions()
    show_surprises()
    show_no_help()
    show_claims()
    show_exam()
else:
    frame.leave_open()
    st.info(words["empty"], icon=":material/flag:")
    show_unread()
    frame.page_link("start", words["empty_link"])
