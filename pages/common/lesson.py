"""The one shape of a lesson: question → predict → run → compare → explain → try.

A lesson page brings its words, its settings and its charts; everything else is here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from kdcore.claims import ClaimVerdict
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.common import Result
from kdcore.figures import live_curves_figure
from kdcore.monitor import Monitor
from kdcore.settings import CheckedSettings
from kdcore.take_home import as_script, has_script
from kdcore.visit.jobs import Job
from kdcore.visit.tables import as_csv
from pages.common import cards, charts, frame, jobs, runs, visit
from pages.common.controls import Control, Controls
from pages.common.words import words

ResultT = TypeVar("ResultT")

SKIPPED = "skipped"


@dataclass(frozen=True)
class Prediction:
    """The learner's prediction, a control like the others: a link brings it along."""

    options: tuple[str, ...]
    name: str = "prediction"
    default: str = ""

    def read(self, text: str) -> tuple[str, str | None]:
        if text in ("", SKIPPED, *self.options):
            return text, None
        return "", f"“prediction={text[:40]}” in the address is not on offer; predict again."

    def write(self, value: str) -> str:
        return value

    def show(self, key: str) -> None:
        """Draw nothing: :meth:`Lesson.predict` does."""


class Lesson:
    """One lesson page, from top to bottom."""

    def __init__(
        self,
        name: str,
        controls: Sequence[Control],
        extras: Callable[[dict[str, Any]], Sequence[Control]] = lambda text: (),
        introduce: Callable[[dict[str, Any]], None] = lambda text: None,
    ) -> None:
        """Set up the page and draw the controls that define its run.

        ``extras`` makes further controls from the page's words; the page itself draws them.
        ``introduce`` draws what stands above the controls, given the page's words.
        """
        self._stale = False
        #: The run that the prediction is about: the first one on the page.
        self._first_run = ""
        self.words = frame.page(name)
        self._shared = words("lesson")
        options = tuple(option["key"] for option in self.words["predict"]["options"])
        self.controls = Controls(name, [*controls, *extras(self.words), Prediction(options)])
        self.controls.show_notes()
        with st.container(key="introduction"):
            introduce(self.words)
        with st.container(key="controls"), st.container(key="control-row", horizontal=True):
            for control in controls:
                self.controls.show(control.name)
        self._defining = [control.name for control in controls]
        self.controls.write_address()

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
                f"**{text['question']}**", labels, index=None, format_func=labels.__getitem__
            )
            with st.container(horizontal=True):
                st.button(
                    self._shared["lock"],
                    type="primary",
                    disabled=choice is None,
                    help=self._shared["choose"] if choice is None else None,
                    on_click=self._lock,
                    args=(choice,),
                )
                st.button(
                    self._shared["skip"], type="tertiary", on_click=self._lock, args=(SKIPPED,)
                )
        return False

    def _lock(self, choice: str) -> None:
        self.controls["prediction"] = choice
        st.session_state[self.controls.key("predicted-for")] = self._settings_text()

    def _settings_text(self) -> str:
        labels = {name: self.controls.label(name) for name in self._defining}
        return ", ".join(f"{labels[n]} {self.controls.text(n)}" for n in self._defining)

    # ---------------------------------------------------------------------------------- run

    def run(self, experiment: str, settings: Callable[[], CheckedSettings]) -> Result | None:
        """Run the experiment; return its result, or the last one while a new one is trained.

        ``settings`` builds the settings; what they refuse is said to the learner.
        """
        self.step(2, "run")
        return self.run_beside(experiment, EXPERIMENTS[experiment].run, settings)

    def run_beside(
        self,
        name: str,
        function: Callable[[Any, Monitor], ResultT],
        settings: Callable[[], Hashable],
    ) -> ResultT | None:
        """Run something else on the same page, under a name of its own, as :meth:`run` does."""
        job, result = runs.ask(name, function, settings, self.controls)
        if job is None:
            return None
        self._first_run = self._first_run or name
        with st.container(key=f"run-{name}"):
            if not job.is_done:
                # Live curves only where nothing stands below that they would push away.
                curves = result is None
                jobs.follow(job, lambda running: self._show_progress(running, curves))
            elif isinstance(result, Result):
                self._provenance_of_table(result)
        self._stale = not job.is_done
        return result

    @contextmanager
    def results(self) -> Iterator[None]:
        """Hold what is drawn of a result; it fades while a new run is under way."""
        with st.container(key="results"):
            if self._stale:
                st.html("<style>.st-key-results { opacity: 0.4; }</style>")
            yield

    def provenance(self, seeds: int, seconds: float) -> None:
        """Say that figures were measured here, over how many seeds and in which time."""
        text = self._shared["run"]["provenance"]
        charts.provenance(text.format(n=seeds, seconds=f"{seconds:.1f}"))

    def _provenance_of_table(self, result: Result) -> None:
        with st.container(horizontal=True, vertical_alignment="center"):
            self.provenance(getattr(result.settings, "seeds", 1), result.seconds)
            st.download_button(
                self._shared["run"]["download"],
                partial(as_csv, result),
                f"{result.experiment}.csv",
                "text/csv",
                icon=":material/download:",
                type="tertiary",
                key=self.controls.key(f"csv-{result.experiment}"),
            )
            if has_script(result.settings):
                st.download_button(
                    self._shared["run"]["script"],
                    partial(as_script, result),
                    f"{result.experiment}.py",
                    "text/x-python",
                    icon=":material/download:",
                    type="tertiary",
                    key=self.controls.key(f"script-{result.experiment}"),
                    help=self._shared["run"]["script_help"],
                    on_click="ignore",
                )

    def _show_progress(self, job: Job[Any], curves: bool) -> None:
        jobs.show_progress(job)
        if not curves:
            return
        if job.curve and len(job.curve.accuracy) > 1:
            figure = live_curves_figure(job.curve)
            live = self._shared["progress"]["live"]
            st.plotly_chart(figure, alt=live, config={"staticPlot": True})
        else:
            charts.placeholder(200)

    # ------------------------------------------------------------------------------ compare

    def compare(self, outcome: str) -> None:
        """Put the prediction beside the outcome, one of the options' keys."""
        self.step(3, "compare")
        text = self._shared["compare"]
        outcomes = {o["key"]: o["text"] for o in self.words["predict"]["options"]}
        said = self.controls["prediction"]
        # A prediction that came with a link is about the settings that came with it.
        predicted_for = st.session_state.setdefault(
            self.controls.key("predicted-for"), self._settings_text()
        )
        run = None if self._stale else runs.taken(self._first_run, self.controls)
        # Controls that do not define this run may have moved since: it is the same run.
        is_about_this = said in outcomes and (
            predicted_for == self._settings_text()
            or (run is not None and run.prediction == outcomes[said])
        )
        if run is not None:
            predicted = outcomes[said] if is_about_this else ""
            visit.runs().predict(run.number, predicted, outcomes[outcome])
        with st.container(key="compare", border=True):
            left, right = st.columns(2)
            if said in outcomes:
                left.caption(text["you"])
                left.markdown(outcomes[said])
            else:
                left.caption(text["skipped"])
            right.caption(text["runs"])
            right.markdown(f"**{outcomes[outcome]}**")
            if said in outcomes:
                st.markdown(text["right"] if said == outcome else text["wrong"])
            if said in outcomes and not is_about_this:
                st.caption(text["elsewhere"].format(settings=predicted_for))

    def claim(self, verdict: ClaimVerdict, text: dict[str, str] | None = None) -> None:
        """Show a claim of the field with the verdict of this run."""
        text = text or self.words["claim"]
        cards.claim(text["text"], text["source"], verdict, self._shared["claim"][verdict])
        st.markdown(text[verdict])

    # -------------------------------------------------------------------------- explain, try

    def explain(self, code: Sequence[Callable[..., Any]]) -> None:
        """Explain in words and by formula, and show the source that ran."""
        self.step(4, "explain")
        text = self.words["explain"]
        for paragraph in text["paragraphs"]:
            st.markdown(paragraph)
        for formula in text.get("formulas", []):
            st.latex(formula)
        with st.expander(self._shared["code"]["heading"], icon=":material/code:"):
            st.markdown(self._shared["code"]["intro"])
            st.code("\n\n".join(inspect.getsource(function) for function in code), "python")

    def tries(self) -> None:
        """Offer two or three things to change, as buttons that set the controls."""
        self.step(5, "try")
        for number, idea in enumerate(self.words["tries"]):
            with st.container(horizontal=True, vertical_alignment="center", key=f"try-{number}"):
                st.button(idea["button"], on_click=self._set, args=(idea["set"],))
                st.markdown(idea["text"])

    def _set(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self.controls[name] = value

    def step(self, number: int, name: str) -> None:
        """Head one step of the lesson."""
        st.html(f'<h2 class="step"><span>{number}</span> {self._shared["steps"][name]}</h2>')
