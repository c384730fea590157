"""The one shape of a lesson: question → predict → run → compare → explain → try.

A lesson page brings its words, its settings and its charts; everything else is here.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from kdcore.claims import ClaimVerdict
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import (
    AnyResult,
    Experiment,
    M,
    Result,
    S,
    furthest_above_its_teacher,
)
from kdcore.figures import add_ghost, live_curves_figure
from kdcore.settings import TEACHER_HIDDEN, CheckedSettings, Parameter
from kdcore.statistics import lower_but_not_told_apart, not_told_apart, paired_difference
from kdcore.take_home import as_script, has_script
from kdcore.visit.jobs import Job
from kdcore.visit.runs import summarise
from kdcore.visit.tables import as_csv
from pages.common import answer, cards, charts, frame, glossary, jobs, visit
from pages.common import run_words as called
from pages.common.answer import Answer
from pages.common.components import component
from pages.common.earlier import Earlier, T, keep, known
from pages.common.widgets import Control, Controls, Toggle, control_of, note
from pages.common.words import words

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure
    from streamlit.delta_generator import DeltaGenerator
    from torch import Tensor

#: What every lesson lets a learner change besides its own controls, where its settings have it.
COMMON = ("student_samples", "seeds")
BEHIND_THE_SEEDS = ("split", "first_seed")

SKIPPED = "skipped"

#: Characters of a line in a legend, which breaks no lines by itself: a phone has room for them.
LEGEND_WIDTH = 42


@dataclass(frozen=True)
class Prediction:
    """The learner's prediction, a control like the others: a link brings it along."""

    options: tuple[str, ...]
    name: str = "prediction"
    default: str = ""

    def read(self, text: str) -> tuple[str, str | None]:
        if text in ("", SKIPPED, *self.options):
            return text, None
        return "", note("not_offered", self.name, text, "–")

    def write(self, value: str) -> str:
        return value

    def show(self, key: str) -> None:
        """Draw nothing: :meth:`Lesson.predict` does."""


class Lesson:
    """One lesson page, from top to bottom."""

    def __init__(
        self,
        name: str,
        settings: type[CheckedSettings],
        controls: Sequence[str | Control],
        extras: Callable[[dict[str, Any]], Sequence[Control | Parameter]] = lambda text: (),
        introduce: Callable[[dict[str, Any]], None] = lambda text: None,
    ) -> None:
        """Set up the page and draw the controls that define its run.

        Parameters
        ----------
        settings
            The settings of the page's main run.
        controls
            What a learner may set of them, by name, or controls of the page's own. How long the
            students train, the seeds and the split are there on every page.
        extras
            Makes further controls from the page's words; the page itself draws them.
        introduce
            Draws what stands above the controls, given the page's words.
        """
        self._stale = False
        self._provenance_is_due = False
        self._result: AnyResult | None = None
        self._verdict_place: AbstractContextManager[Any] = nullcontext()
        #: The run that the prediction is about: the first one on the page.
        self._first_run = ""
        self._settings = settings
        self.words = frame.page(name)
        self._shared = words("lesson")
        known = settings.parameters()
        shown = [control_of(known[c]) if isinstance(c, str) else c for c in controls]
        common = [c for c in COMMON if c in known and c not in controls]
        shown += [control_of(known[c]) for c in common if known[c].offered]
        behind = [control_of(known[c]) for c in BEHIND_THE_SEEDS if c in known]
        more = [_as_control(each) for each in extras(self.words)]
        options = tuple(option["key"] for option in self.words["predict"]["options"])
        self.controls = Controls(name, [*shown, *behind, *more, Prediction(options)])
        self.controls.show_notes()
        with st.container(key="introduction"):
            introduce(self.words)
        with (
            st.container(key="controls"),
            st.container(key="control-row", horizontal=True, vertical_alignment="bottom"),
        ):
            for control in shown:
                self.controls.show(control.name)
            if behind:
                show_seeds(self.controls)
        self._defining = [control.name for control in (*shown, *behind)]
        self._switches = [control.name for control in more if isinstance(control, Toggle)]
        self.controls.write_address()

    def settings(self, **fixed: Any) -> Any:
        """Return the settings of the page's main run from its controls."""
        return self.controls.settings(self._settings, **fixed)

    # ------------------------------------------------------------------------------ predict

    def predict(self) -> bool:
        """Ask for a prediction; return whether the learner may see the results."""
        if self.controls["prediction"]:
            return True
        self.step(1, "predict")
        text = self.words["predict"]
        labels = {option["key"]: option["text"] for option in text["options"]}
        with st.container(border=True, key="predict"):
            choice = st.radio(
                f"**{self._asked(text['question'])}**",
                labels,
                index=None,
                key=(key := self.controls.key("chosen")),
                format_func=labels.__getitem__,
            )
            with st.container(horizontal=True):
                st.button(
                    self._shared["lock"],
                    type="primary",
                    disabled=choice is None,
                    help=self._shared["choose"] if choice is None else None,
                    # What is chosen at the click, which this run of the page may not know yet.
                    on_click=lambda: self._lock(st.session_state[key]),
                )
                st.button(
                    self._shared["skip"], type="tertiary", on_click=self._lock, args=(SKIPPED,)
                )
            known = [n for n in self._defining if n in self._settings.parameters()]
            if takes := self._takes({n: self.controls[n] for n in known}):
                st.caption(takes)
        return False

    def _asked(self, question: str) -> str:
        """Fill what is set now into the question: nobody can predict what they are not told."""
        return question.format(**{name: self.controls.text(name) for name in self._defining})

    def _lock(self, choice: str) -> None:
        self.controls["prediction"] = choice
        predicted_for = st.session_state[self.controls.key("predicted-for")] = self._settings_text()
        visit.note_prediction(self.controls.page, choice, predicted_for)

    def _predict_again(self) -> None:
        self.controls["prediction"] = ""
        st.session_state.pop(self.controls.key("predicted-for"), None)

    def _settings_text(self) -> str:
        """Write what is set now; of what is seldom changed, only what was changed."""
        said = [
            name
            for name in self._defining
            if name not in BEHIND_THE_SEEDS or not self.controls.is_default(name)
        ]
        return ", ".join(f"{called.setting(n)} {self.controls.text(n) or '–'}" for n in said)

    # ---------------------------------------------------------------------------------- run

    def run(
        self, experiment: Experiment[S, M], settings: Callable[[], S] | None = None
    ) -> Result[S, M] | None:
        """Run the experiment; return its result, or the last one while a new one is trained.

        ``settings`` builds the settings, from the controls unless given; what they refuse is said
        to the learner.
        """
        with st.container(key="result-head", gap=None):
            with st.container(key="run-row", horizontal=True, vertical_alignment="center"):
                heading, beside = st.empty(), st.container()
            bring_into_view("st-key-result-head", self.controls.key("bring"))
        answered = self._ask(experiment, settings or self.settings, beside.empty())
        result = self._result = answered.result
        if result is None or answered.stale:  # nothing stands under it once the run is there
            with heading:
                self.step(2, "run")
        # Beside a result there are no live curves, which would push it away.
        with st.container(key=f"run-{experiment.name}") if result is None else beside:
            answered.follow(
                lambda running: self._show_progress(running, result is None, experiment)
            )
        # The verdict stands above the charts, though the page knows it after them; where the
        # figures come from stands below both, which share the first screen.
        self._verdict_place = st.container(key="verdict", gap="xsmall")
        self._provenance_is_due = result is not None and not answered.stale
        return result

    def run_beside(
        self,
        experiment: Experiment[S, M],
        settings: Callable[[], S],
        meanwhile: Callable[[Job[Any]], None] | None = None,
    ) -> Result[S, M] | None:
        """Run something else on the same page, as :meth:`run` does.

        ``meanwhile`` draws what is to be seen of the running job in place of learning curves.
        """
        place = st.container(key=f"run-{experiment.name}")
        answered = self._ask(experiment, settings, place.empty())
        result = answered.result
        with place:
            # Live curves only where nothing stands below that they would push away.
            answered.follow(
                meanwhile
                or (lambda running: self._show_progress(running, result is None, experiment))
            )
            if result is not None and not answered.stale:
                self._provenance_of_table(result)
        return result

    def _ask(
        self, experiment: Experiment[S, M], settings: Callable[[], S], progress: DeltaGenerator
    ) -> Answer[S, M]:
        answered: Answer[S, M] = answer.ask(experiment, settings, self.controls, progress=progress)
        self._first_run = self._first_run or experiment.name
        self._stale = answered.stale
        return answered

    @contextmanager
    def results(self) -> Iterator[None]:
        """Hold what is drawn of a result; it fades while a new run is under way.

        Where the figures of the page's main run come from is said at its end.
        """
        with st.container(key="results"):
            if self._stale:
                st.html("<style>.st-key-results, .st-key-verdict { opacity: 0.4; }</style>")
            yield
            if self._provenance_is_due and self._result is not None:
                self._provenance_is_due = False
                if said := above_its_teacher(self._result):
                    st.markdown(said)
                self._provenance_of_table(self._result)

    def chart(self, figure: Figure, table: DataFrame, alternative: str, key: str) -> None:
        """Draw a chart of the run, with an earlier one behind it, if that was set otherwise."""
        earlier = self._earlier(f"drawn-{key}", lambda: deepcopy(figure))
        if earlier is not None:
            text = self._shared["compare"]["ghost"][earlier.which]
            settings = self._differing(earlier.settings)
            name = "<br>".join(textwrap.wrap(text.format(settings=settings), LEGEND_WIDTH))
            add_ghost(figure, earlier.shown, name)
        charts.show(figure, table, alternative, key)

    def _earlier(self, key: str, shown: Callable[[], T]) -> Earlier[T] | None:
        """Keep what is shown of this run, and return that of the one it is to be compared with.

        A try changes what the lesson comes with and nothing else, so it is compared with the run of
        that, where it was made here; any other run with the last one that was set otherwise.
        ``None`` if there was none.
        """
        now, place = self._set_now(), self.controls.key(key)
        kept: Mapping[str, Earlier[T]] = known(place)
        if not self._stale:
            own_settings = {name: self.controls.text_of(name) for name in self._defining}
            kept = keep(place, now, shown, is_own=now == own_settings)
        own = kept.get("own")
        if self._tried() is not None and own is not None and own.settings != now:
            return own
        return kept.get("before")

    def _set_now(self) -> dict[str, str]:
        return {name: self.controls.text(name) for name in self._defining}

    def _differing(self, was: Mapping[str, str]) -> str:
        """Write the settings of an earlier run, as far as it was set otherwise."""
        changed = [n for n in was if was[n] != self.controls.text(n)]
        return ", ".join(f"{called.setting(n)} {_readable(was[n])}" for n in changed)

    def _tried(self) -> Mapping[str, Any] | None:
        """Return what is tried, as the page's words have it, if what it sets is set now."""
        number, settings = st.session_state.get(self.controls.key("tried"), (0, None))
        tries: list[dict[str, Any]] = self.words["tries"]
        return tries[number] if settings == self._set_now() else None

    def _provenance_of_table(self, result: AnyResult) -> None:
        with st.container(horizontal=True, vertical_alignment="center"):
            charts.provenance(provenance_of(result, self.controls))
            st.download_button(
                self._shared["run"]["download"],
                partial(as_csv, result),
                f"{result.name}.csv",
                "text/csv",
                icon=":material/download:",
                type="tertiary",
                key=self.controls.key(f"csv-{result.name}"),
                # What would run the page again would take the other button's file away meanwhile.
                on_click="ignore",
            )
            if has_script(result.settings):
                st.download_button(
                    self._shared["run"]["script"],
                    partial(as_script, result),
                    f"{result.name}.py",
                    "text/x-python",
                    icon=":material/download:",
                    type="tertiary",
                    key=self.controls.key(f"script-{result.name}"),
                    help=self._shared["run"]["script_help"],
                    on_click="ignore",
                )

    def _show_progress(self, job: Job[Any], curves: bool, experiment: Experiment[Any, Any]) -> None:
        jobs.show_progress(job, called.stages(experiment.name))
        if not curves:
            return
        if (curve := job.look().curve) and len(curve.accuracy) > 1:
            # Not all that learns is tested on images: what is measured meanwhile has its own name.
            text = self._shared["progress"]
            axis, live = (text.get(f"{n}_{experiment.data}", text[n]) for n in ("axis", "live"))
            figure = live_curves_figure(curve, axis)
            st.plotly_chart(figure, alt=live, config={"staticPlot": True})
        else:
            charts.placeholder(200)

    # ------------------------------------------------------------------------------ compare

    def compare(self, outcome: str, figure: str = "") -> None:
        """Put the prediction beside the outcome, one of the options' keys, above the charts.

        ``figure`` says in words the figure that answers the page's question: that of the first
        claim that the run tests, unless given.
        """
        with self._verdict_place:
            self.step(3, "compare")
            self._compare(outcome, figure or self._deciding_figure())

    def _compare(self, outcome: str, figure: str) -> None:
        text = self._shared["compare"]
        outcomes = {o["key"]: o["text"] for o in self.words["predict"]["options"]}
        said = self.controls["prediction"]
        # A prediction that came with a link is about the settings that came with it.
        predicted_for = st.session_state.setdefault(
            self.controls.key("predicted-for"), self._settings_text()
        )
        run = None if self._stale else answer.taken(self._first_run, self.controls)
        # Controls that do not define this run may have moved since: it is the same run.
        is_about_this = said in outcomes and (
            predicted_for == self._settings_text()
            or (run is not None and run.prediction == outcomes[said])
        )
        if run is not None:
            predicted = outcomes[said] if is_about_this else ""
            visit.runs().predict(run.number, predicted, outcomes[outcome])
            visit.note_link(self.controls.page, run.number if predicted else None)
            frame.finish(self.controls.page)
        with st.container(key="compare", border=True, gap="xsmall"):
            for column, caption, kind in zip(
                st.columns(2),
                (text["you"] if said in outcomes else text["skipped"], text["runs"]),
                (outcomes.get(said, ""), f"**{outcomes[outcome]}**"),
                strict=True,
            ):
                with column, st.container(gap=None):
                    st.caption(caption)
                    st.markdown(kind)
            # Of what was predicted for other settings this run says nothing.
            met = text["right" if said == outcome else "wrong"] if is_about_this else ""
            decided = text["figure"].format(figure=figure) if figure else ""
            if met or decided:
                st.markdown(f"{met} {decided}")
            self._answer_try(outcomes, outcome)
            if figure:
                self._show_before(figure)
            if said in outcomes and not is_about_this:
                other = self._other_settings(predicted_for)
                st.caption(text["elsewhere"].format(settings=other))
            self._offer_other_settings(said, is_about_this)

    def _other_settings(self, predicted_for: str) -> str:
        """Write what a prediction was made for, as far as it is set otherwise now."""
        now = self._settings_text().split(", ")
        changed = [each for each in predicted_for.split(", ") if each not in now]
        return ", ".join(changed) or predicted_for

    def _deciding_figure(self) -> str:
        """Return the figure that decides, in the words of the first claim that the run tests."""
        if self._result is None:
            return ""
        for name, judged in self._result.judgements().items():
            said = self.words["claims"][name]
            # Where no words of its own say what was measured, those of the verdict do.
            return str(
                said.get("measured", said[judged.verdict]).format(**called.judgement(judged))
            )
        return ""

    def _show_before(self, figure: str) -> None:
        """Show what an earlier run said, and what was set otherwise."""
        if self._stale or (earlier := self._earlier("said", lambda: figure)) is None:
            return
        settings = self._differing(earlier.settings)
        text = self._shared["compare"]["before"][earlier.which]
        st.caption(text.format(settings=settings, figure=earlier.shown))

    def _answer_try(self, outcomes: Mapping[str, str], outcome: str) -> None:
        """Say what was tried, and whether the runs say something else than the lesson's own."""
        earlier = None if self._stale else self._earlier("outcome", lambda: outcome)
        if self._stale or (idea := self._tried()) is None:
            return
        text = self._shared["compare"]["tried"]
        if earlier is None or earlier.which != "own":
            said = text["open"]
        else:
            same = earlier.shown == outcome
            said = text["same" if same else "other"].format(was=outcomes[earlier.shown])
        st.markdown(f"{text['idea'].format(**idea)} {said}")

    def _offer_other_settings(self, said: str, is_about_this: bool) -> None:
        """Offer to predict for what is set now, and to go back to what the lesson comes with."""
        text = self._shared["compare"]
        with st.container(horizontal=True, key="other-settings"):
            if not said or said == SKIPPED or not is_about_this:
                st.button(text["again"], icon=":material/psychology:", on_click=self._predict_again)
            if not all(self.controls.is_default(name) for name in self._defining):
                st.button(
                    text["reset"],
                    icon=":material/restart_alt:",
                    on_click=self.controls.reset,
                    args=(("prediction",),),
                )

    def claims(self, result: AnyResult, **readings: str) -> None:
        """Show each claim of the field that a run tests, with what this run says of it.

        ``readings`` fill the braces of its words besides the figures of the run.
        """
        for name in result.judgements():
            self.claim(name, result, **readings)

    def claim(self, name: str, result: AnyResult, **readings: str) -> None:
        """Show one claim of the field, with what a run says of it; as :meth:`claims` does."""
        judged = result.judgements()[name]
        text = self.words["claims"][name]
        filled = called.judgement(judged) | readings
        cards.claim(
            text["text"].format(**filled),
            text["source"],
            judged.verdict,
            verdict_of(judged.verdict, result),
            # What nobody has published as such is not said in the field's name.
            self._shared["claim"]["label_ours"] if text.get("ours") else None,
        )
        st.markdown(text[judged.verdict].format(**filled))

    # -------------------------------------------------------------------------- explain, try

    def explain(
        self,
        code: Sequence[Callable[..., Any]],
        differentiated: Sequence[Callable[..., Any]] = (),
    ) -> None:
        """Explain in words and by formula, and show the source that ran.

        Parameters
        ----------
        code
            Functions that the run on the page called.
        differentiated
            Losses whose gradient, written out, is among them: the formulas, to read.
        """
        self.step(4, "explain")
        text = self.words["explain"]
        for paragraph in text["paragraphs"]:
            glossary.markdown(paragraph)
        if formulas := text.get("formulas"):
            with st.expander(self._shared["formulas"], icon=":material/function:"):
                for formula in formulas:
                    st.latex(formula)
        show_code(code, differentiated)

    def tries(self) -> None:
        """Offer two or three things to change, as buttons that set the controls."""
        self.step(5, "try")
        for number, idea in enumerate(self.words["tries"]):
            with st.container(horizontal=True, vertical_alignment="center", key=f"try-{number}"):
                st.button(idea["button"], on_click=self._try, args=(number,))
                with st.container(gap="small", width="stretch"):
                    st.markdown(idea["text"])
                    sets = self._shared["sets"].format(settings=self._changes(idea["set"]))
                    st.caption(f"{sets} {self._takes(idea['set'])}")

    def _takes(self, values: Mapping[str, Any]) -> str:
        """Say about how long the page's run takes with some values set, where that is long."""
        kind = self._settings
        experiment = next((e for e in EXPERIMENTS.values() if e.settings is kind), None)
        if experiment is None:
            return ""
        try:
            texts = {
                n: self.controls.text_of(n, values[n]) for n in values if n in kind.parameters()
            }
            seconds = jobs.about_seconds(experiment.run, kind.from_texts(texts))
        except ValueError:  # what is refused takes no time, and is said when it is asked for
            return ""
        return "" if seconds is None else str(self._shared["takes"]).format(seconds=seconds)

    def _try(self, number: int) -> None:
        """Set what is to be tried, from the defaults on: tries do not leak into each other.

        What the learner has switched on besides stays. The eye is brought to the result, or to
        what else on the page the words say will change.
        """
        idea = self.words["tries"][number]
        self.controls.reset(("prediction", *self._switches))
        self.controls.set(idea["set"])
        st.session_state[self.controls.key("tried")] = number, self._set_now()
        st.session_state[self.controls.key(idea.get("look_at", "bring"))] = True

    def bring(self, name: str, css_class: str) -> None:
        """Scroll to what has a class, once, if a try that was pressed says to look there."""
        bring_into_view(css_class, self.controls.key(name))

    def _changes(self, values: Mapping[str, Any]) -> str:
        """Name what a try sets otherwise than the lesson comes with."""
        changed = [
            n for n in values if self.controls.text_of(n, values[n]) != self.controls.text_of(n)
        ]
        return ", ".join(
            f"{self.controls.label(n)} {_readable(self.controls.text_of(n, values[n]))}"
            for n in changed
        )

    def step(self, number: int, name: str) -> None:
        """Head one step of the lesson."""
        st.html(
            f'<h2 class="step"><span>{number}</span> {self._shared["steps"][name]}</h2>',
            width="content",
        )


def above_its_teacher(result: AnyResult) -> str:
    """Say in figures which student of a run ends furthest above its teacher, if one does."""
    if (place := furthest_above_its_teacher(result)) is None:
        return ""
    row = result.rows[place]
    condition = summarise(result).conditions[place]
    text = words("lesson")["run"]
    said = str(text["above_teacher"]).format(
        condition=called.condition(condition, result.name),
        student=charts.percent(result.interval(row)),
        teacher=f"{100 * row['teacher_accuracy']:.1f} %",
    )
    # Where α is 0 here, or was compared, the answer stands on the page already.
    alpha = row.get("alpha", getattr(result.settings, "alpha", 0.0))
    compared = 0.0 in getattr(result.settings, "alphas", ())
    return said + (str(text["above_teacher_alpha"]) if alpha and not compared else "")


def why_lower_is_alike(accuracy: Tensor, names: Sequence[str]) -> str:
    """Explain a condition marked as good as the best that lies below one marked worse, if any does.

    ``accuracy`` is ``[S, C]``, with a name for each condition.
    """
    if (found := lower_but_not_told_apart(accuracy)) is None:
        return ""
    best, _ = not_told_apart(accuracy)
    lower, higher = found
    behind = [paired_difference(accuracy[:, i], accuracy[:, best]) for i in found]
    lower_gap, higher_gap = (charts.points(gap.mean, gap.half_width) for gap in behind)
    return " " + str(words("lesson")["run"]["lower_but_alike"]).format(
        lower=names[lower],
        higher=names[higher],
        best=names[best],
        lower_gap=lower_gap,
        higher_gap=higher_gap,
    )


def gains_by_verdict(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Say at which of a table's conditions teaching helps, where it hurts, and where it is open."""
    text = words("lesson")["run"]["gains"]
    said: dict[str, list[str]] = {verdict: [] for verdict in text["verdicts"]}
    for row, name in zip(rows, names, strict=True):
        gain = charts.points(row["gain"], row["gain_ci"])
        said[row["verdict"]].append(text["one"].format(name=name, gain=gain))
    parts = [
        text["verdicts"][verdict].format(which=", ".join(w)) for verdict, w in said.items() if w
    ]
    return str(text["line"]).format(parts="; ".join(parts))


def bring_into_view(css_class: str, key: str) -> None:
    """Scroll to what has a class, once, if the session says so under a key."""
    wanted, times = st.session_state.pop(key, False), f"{key}-times"
    # Counted: a browser does nothing where it is told once more what it was told before.
    count = st.session_state[times] = st.session_state.get(times, 0) + bool(wanted)
    where = css_class if wanted else ""
    component("bring")(key=f"{key}-component", data={"where": where, "times": count})


def show_code(
    code: Sequence[Callable[..., Any]], differentiated: Sequence[Callable[..., Any]] = ()
) -> None:
    """Show the source of functions that ran, and of the losses whose gradients they are."""
    text = words("lesson")["code"]
    with st.expander(text["heading"], icon=":material/code:"):
        st.markdown(text["intro"])
        st.code("\n\n".join(inspect.getsource(function) for function in code), "python")
        if differentiated:
            st.markdown(text["differentiated"])
            st.code("\n\n".join(map(inspect.getsource, differentiated)), "python")


def show_seeds(controls: Controls, *more: str) -> None:
    """Offer other seeds and another split of the data, and what else is seldom changed."""
    text = words("lesson")["more"]

    def draw_others() -> None:
        controls["first_seed"] += controls["seeds"]

    with st.popover(text["heading"], icon=":material/casino:", width="content"):
        if "first_seed" in controls:
            first, count = controls["first_seed"], controls["seeds"]
            st.markdown(text["seeds"].format(first=first, last=first + count - 1))
            st.button(
                text["other"],
                key=controls.key("other-seeds"),
                help=text["other_help"],
                on_click=draw_others,
            )
        for name in (*more, "split"):
            if name in controls:
                controls.show(name)


def verdict_of(verdict: ClaimVerdict, result: AnyResult) -> str:
    """Write what a run says of a claim, with how long its students trained: it belongs to that."""
    text = words("lesson")["claim"]
    samples = getattr(result.settings, "student_samples", None)
    budget = "" if samples is None else text["budget"].format(samples=f"{samples:,}")
    return str(text[verdict]) + budget


def provenance_of(result: AnyResult, controls: Controls | None = None) -> str:
    """Say where a run's figures come from: seeds, samples seen, split, time.

    Where there are controls, what they do not show of its settings is said, too: two runs of one
    page may have different teachers, and so different figures.
    """
    text, settings = words("lesson")["run"], result.settings
    measured = text.get(f"provenance_{result.experiment.data}", text["provenance"])
    parts = [measured.format(n=len(result.seeds), seconds=f"{result.seconds:.1f}")]
    if (samples := getattr(settings, "student_samples", None)) is not None:
        parts.append(text["samples"].format(samples=f"{samples:,}"))
    if first := getattr(settings, "first_seed", 0):
        parts.append(text["first_seed"].format(first=first))
    if split := getattr(settings, "split", 0):
        parts.append(text["split"].format(split=split))
    if controls is not None and (fixed := _not_shown(result, controls)):
        named = (text["fixed_one"].format(name=n, value=value) for n, value in fixed.items())
        parts.append(text["fixed"].format(settings=", ".join(named)))
    return " · ".join(parts)


def _not_shown(result: AnyResult, controls: Controls) -> dict[str, str]:
    """Return the settings of a run that the page's controls do not show, by name."""
    known: dict[str, Parameter] = {
        name: parameter
        for name, parameter in type(result.settings).parameters().items()
        # Another repetition of a measurement is no other setting.
        if name not in (*COMMON, *BEHIND_THE_SEEDS, "repeat")
    }
    shown = {name for name in known if name in controls}
    if hasattr(result.settings, "teacher_hidden"):  # fixed for all runs of some experiments
        known["teacher_hidden"] = TEACHER_HIDDEN
    values = {name: str(known[name].format(getattr(result.settings, name))) for name in known}
    return {
        called.setting(name): called.value(value)
        for name, value in values.items()
        if value and not (name in shown and controls.text(name) == value)
    }


def _readable(written: str) -> str:
    """Write the text of a setting for people: thousands apart, and a dash where there is none."""
    if written.isdigit() and len(written) > 4:
        return f"{int(written):,}"
    return called.value(written)


def _as_control(each: Control | Parameter) -> Control:
    return each if hasattr(each, "show") else control_of(each)  # type: ignore[arg-type,return-value]
