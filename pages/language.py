"""Lesson: a little language model, its students, and a draft that its teacher corrects."""

from __future__ import annotations

import streamlit as st

from kdcore.experiments import speculative
from kdcore.experiments.result import Result
from kdcore.experiments.speculative import SpeculativeMeasured, SpeculativeSettings
from kdcore.experiments.words import (
    EXPERIMENT,
    TAUGHT_BY,
    WordsMeasured,
    WordsSettings,
    words_pattern,
)
from kdcore.figures.language import rows_figure
from kdcore.language.exact import kl_to_truth, validity
from kdcore.language.letters import LONGEST_WORD, Reading
from kdcore.language.sampling import continue_prompt, pick
from kdcore.language.speculative import accepted_with, residual, speculate
from kdcore.losses import gradient_towards
from kdcore.randomness import generator
from pages.common import charts, writing
from pages.common.lesson import Lesson
from pages.common.widgets import Remembered

DRAFT_LENGTH, MIX = (SpeculativeSettings.parameters()[name] for name in ("draft_length", "mix"))
OWN_WORDS = writing.OwnWords()

lesson = Lesson(
    "language",
    WordsSettings,
    ["words", "temperature", "context", "student_hidden"],
    extras=lambda text: [OWN_WORDS, DRAFT_LENGTH, MIX, Remembered("draw", 0, 9999)],
)
controls, words = lesson.controls, lesson.words

WordsRun = Result[WordsSettings, WordsMeasured]
DraftRun = Result[SpeculativeSettings, SpeculativeMeasured]


def settings() -> WordsSettings:
    """Return the settings of the main run: the learner's own words come as text."""
    return lesson.settings(own_words=writing.own_words(controls))


def draft_settings() -> SpeculativeSettings:
    """Return the settings of the drafts: what they have in common with the main run, and γ."""
    own = writing.own_words(controls)
    return controls.settings(SpeculativeSettings, own_words=own)


def show_measures(result: WordsRun) -> None:
    """How near each student is to the language, and how well it spells."""
    names = [words["names"][name] for name in TAUGHT_BY]
    colours = [writing.COLOUR_OF[name] for name in TAUGHT_BY]
    teacher = result.measured.teacher_validity
    panels = st.columns(2, gap="large")
    for panel, column, scale in zip(panels, ("kl_to_truth", "validity"), (1, 100), strict=True):
        text = words[column]
        values = [result.interval(row, column).times(scale) for row in result.rows]
        reference = (100 * teacher.mean, text["teacher"]) if column == "validity" else None
        with panel:
            st.subheader(text["heading"], anchor=False)
            lesson.chart(
                rows_figure(names, colours, values, text["x"], reference),
                charts.table(result.rows),
                text["alternative"].format(
                    **{
                        name: f"{value.mean:.2f} ± {value.half_width:.2f}"
                        for name, value in zip(TAUGHT_BY, values, strict=True)
                    }
                ),
                key=column,
            )
    variety = {row["taught_by"]: f"{row['effective_words']:.0f}" for row in result.rows}
    own = result.settings.language.words
    st.caption(words["variety"].format(**variety, all=len(own)))


def show_written(result: WordsRun) -> None:
    """Words of each writer, to be read."""
    text, speakers = words["written"], result.measured.speakers
    st.subheader(text["heading"], anchor=False)
    columns = [(who, words["names"][who], speakers.written[who]) for who in speakers.networks]
    writing.words_to_read(columns, speakers.language.words, text["invalid"])
    st.caption(text["caption"].format(seed=result.seeds[0]))


@st.fragment
def show_prompt(result: WordsRun) -> None:
    """The learner's own prompt, continued by the teacher and two students."""
    text, speakers = words["prompt"], result.measured.speakers
    st.subheader(text["heading"], anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        prompt = st.text_input(text["label"], speakers.language.words[-1][:4], LONGEST_WORD)
        if st.button(text["draw"], help=text["draw_help"]):
            controls["draw"] += 1
    try:
        symbols = speakers.language.encode(prompt.lower())
    except ValueError as strange:
        st.warning(text["strange"].format(letters=speakers.language.letters.strip(), why=strange))
        return
    said = {
        who: continue_prompt(
            speakers.networks[who],
            symbols,
            speakers.language.symbols,
            generator(controls["draw"], "the learner's prompt"),
        )
        for who in ("teacher", "hard", "soft")
    }
    writing.continuations(prompt.lower(), said, words["names"], speakers.language, text)
    st.caption(text["caption"])


def show_drafts(result: DraftRun) -> None:
    """A text as it was drafted and corrected, and what each call of the teacher yields."""
    text, measured = words["speculation"], result.measured
    runs = dict(zip(speculative.DRAFTS, measured.shown, strict=True))
    writing.speculation(runs, text["names"], measured.language, text)
    for row, name in zip(result.rows, speculative.DRAFTS, strict=True):
        per_call, formula, valid = (
            result.interval(row, column)
            for column in ("tokens_per_call", "tokens_per_call_formula", "text_validity")
        )
        st.markdown(
            text["yields"].format(
                draft=text["names"][name],
                accepted=charts.percent(result.interval(row, "acceptance")),
                measured=f"{per_call.mean:.2f} ± {per_call.half_width:.2f}",
                formula=f"{formula.mean:.2f} ± {formula.half_width:.2f}",
                valid=charts.percent(valid),
                teacher=charts.percent(measured.teacher_validity),
            )
        )


with st.popover(OWN_WORDS.label, icon=":material/edit_note:"):
    controls.show(OWN_WORDS.name)

if lesson.predict():
    result = lesson.run(EXPERIMENT, settings)
    if result:
        with lesson.results():
            show_measures(result)
            show_written(result)
            lesson.compare(words_pattern(result))
            lesson.claims(result)
            show_prompt(result)
        text = words["speculation"]
        st.subheader(text["heading"], anchor=False)
        st.markdown(text["intro"])
        with st.container(horizontal=True):
            controls.show("draft_length")
            controls.show("mix")
        drafts = lesson.run_beside(speculative.EXPERIMENT, draft_settings)
        if drafts:
            show_drafts(drafts)
            lesson.claims(drafts)
        lesson.explain(
            [
                Reading,
                gradient_towards,
                validity,
                kl_to_truth,
                pick,
                accepted_with,
                residual,
                speculate,
            ]
        )
        lesson.tries()
