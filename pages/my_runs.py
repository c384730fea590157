"""My runs: everything that was trained in this visit, listed, compared, taken along."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from kdcore.figures import gains_figure, pair_figure
from kdcore.visit.evidence import claims_tested
from kdcore.visit.keeping import from_json
from kdcore.visit.runs import MOST_RUNS, Run, as_csv, compare
from kdcore.words import Refusal
from pages.common import charts, frame, visit
from pages.common import run_words as called
from pages.common.widgets import Controls
from pages.common.words import say

#: Runs in the chart: more would not fit on a phone.
CHARTED = 20

#: Columns of figures; those of intervals have the same heading twice, so they need names of theirs.
FIGURES = ("accuracy", "accuracy_ci", "gain", "gain_ci")

#: Pixels that the longest verdict takes: by itself the table cuts it short.
VERDICT_WIDTH = 150

words = frame.page("my_runs")
log = visit.runs()
# No control here defines a run; what a link says all the same is said to mean nothing.
controls = Controls("my_runs", [])
controls.show_notes()
controls.write_address()


def row_of(run: Run) -> dict[str, Any]:
    """Return a run as one row of the table: its best condition."""
    text, summary = words["columns"], run.summary
    best = None if run.best is None else summary.conditions[run.best]
    gain = best.gain if best else None
    return {
        text["run"]: run.number,
        text["pinned"]: "📌" if run.pinned else "",
        text["experiment"]: called.experiment(run),
        text["best"]: called.row(run, run.best) if run.best is not None else "",
        "accuracy": 100 * best.accuracy.mean if best else None,
        "accuracy_ci": 100 * best.accuracy.half_width if best and len(summary.seeds) > 1 else None,
        "gain": 100 * gain.mean if gain else None,
        "gain_ci": 100 * gain.half_width if gain else None,
        text["verdict"]: (best.verdict if best else None) or "",
        text["prediction"]: run.prediction,
        text["outcome"]: run.outcome,
        text["settings"]: called.settings(summary.settings),
        text["seeds"]: len(summary.seeds),
        text["seconds"]: round(summary.seconds, 1),
        text["finished"]: visit.local(run.finished).strftime("%H:%M:%S"),
    }


def show_table(runs: list[Run]) -> None:
    """All runs, the latest first."""
    st.markdown(words["kept"].format(runs=len(runs)))
    on_claims = sum(bool(claims_tested([run])) for run in runs)
    unread = sum(not run.seen for run in runs)
    st.caption(
        words["counted"].format(claims=on_claims)
        + (words["unread"].format(runs=unread, which=called.by_the_way(runs)) if unread else "")
    )
    if log.dropped:
        st.caption(words["dropped"].format(most=MOST_RUNS, count=log.dropped))
    guessed = [run for run in runs if run.prediction]
    if guessed:
        right = sum(run.was_predicted for run in guessed)
        st.markdown(words["guessed"].format(made=len(guessed), right=right))
    text = words["columns"]
    figures = {name: text.get(name, text["interval"]) for name in FIGURES}
    st.dataframe(
        pd.DataFrame([row_of(run) for run in reversed(runs)]),
        hide_index=True,
        key="runs",
        column_config={
            name: st.column_config.NumberColumn(label, format="%.1f")
            for name, label in figures.items()
        }
        | {text["verdict"]: st.column_config.TextColumn(width=VERDICT_WIDTH)},
    )
    st.caption(text["note"])
    st.download_button(
        words["manage"]["download"],
        partial(as_csv, runs),
        "my-runs.csv",
        "text/csv",
        icon=":material/download:",
        key="runs-csv",
        on_click="ignore",
    )


def show_gains(runs: list[Run]) -> None:
    """What each run gained over its own baseline."""
    text = words["chart"]
    st.subheader(text["heading"], anchor=False)
    gained = []
    for run in reversed(runs):
        best = None if run.best is None else run.summary.conditions[run.best]
        if best is not None and best.gain is not None:
            gained.append((called.title(run), called.row(run, run.best or 0), best.gain))
    gained = gained[:CHARTED]
    if not gained:
        st.markdown(text["none"])
        return
    st.markdown(text["explain"].format(count=CHARTED))
    names = [f"{title}, {condition}" for title, condition, _ in gained]
    gains = [gain for _, _, gain in gained]
    said = [charts.points(gain.mean, gain.half_width) for gain in gains]
    charts.show(
        # In two lines, so that there is room for the figures on a phone.
        gains_figure(
            [f"{title}<br>{condition}" for title, condition, _ in gained], gains, text["x"]
        ),
        pd.DataFrame({words["columns"]["run"]: names, words["columns"]["gain"]: said}),
        text["alternative"].format(
            gains="; ".join(f"{name} {gain}" for name, gain in zip(names, said, strict=True))
        ),
        key="gains",
    )


def choose(which: str, runs: list[Run], index: int) -> tuple[Run, int]:
    """Let the learner choose a run and one of its conditions."""
    text = words["compare"]
    numbers = [run.number for run in reversed(runs)]
    if st.session_state.get(f"compare-{which}") not in numbers:
        st.session_state[f"compare-{which}"] = numbers[index]
    number = st.selectbox(
        text[which],
        numbers,
        key=f"compare-{which}",
        format_func=lambda n: f"{called.title(log[n])} · {called.settings(log[n].settings)}",
    )
    run = log[number]
    conditions = run.summary.conditions
    row = st.selectbox(
        text["condition"],
        range(len(conditions)),
        index=run.best or 0,
        key=f"compare-{which}-{number}",
        format_func=lambda i: called.row(run, i),
    )
    st.markdown(f"**{charts.percent(conditions[row].accuracy)}**")
    frame.page_link(run.page, text["reopen" if run.address else "lesson"], run.address)
    return run, row


def show_comparison(runs: list[Run]) -> None:
    """Two runs beside each other, or two conditions of one."""
    text = words["compare"]
    st.subheader(text["heading"], anchor=False)
    if len(runs) < 2:
        st.markdown(text["one"])
        return
    # At first two that measured the same, on digits where there are such.
    on_digits = [i for i, run in enumerate(reversed(runs)) if run.summary.data == "digits"]
    latest, earlier = on_digits[:2] if len(on_digits) > 1 else (0, 1)
    left, right = st.columns(2, gap="large")
    with left:
        first, first_row = choose("first", runs, earlier)
    with right:
        second, second_row = choose("second", runs, latest)
    if (first.number, first_row) == (second.number, second_row):
        st.info(text["twice"], icon=":material/info:")
        return
    compared = compare(first, first_row, second, second_row)
    if compared.hindrance == "data":
        st.info(text["data"], icon=":material/info:")
        return
    if compared.difference is not None and compared.verdict is not None:
        difference = compared.difference
        st.markdown(
            text["difference"].format(
                difference=charts.points(difference.mean, difference.half_width),
                verdict=text[compared.verdict.replace(" ", "_")],
                n=difference.n,
            )
        )
    else:
        st.info(text[compared.hindrance], icon=":material/info:")
    names = [
        f"{called.title(run)} · {called.row(run, row)}"
        for run, row in ((first, first_row), (second, second_row))
    ]
    accuracies = [compared.first, compared.second]
    left, right = st.columns(2, gap="large")
    with left:
        charts.show(
            pair_figure([text["first"], text["second"]], accuracies, text["x"]),
            pd.DataFrame(
                {
                    words["columns"]["run"]: names,
                    words["columns"]["accuracy"]: [charts.percent(a) for a in accuracies],
                }
            ),
            text["alternative"].format(
                **{
                    which: f"{name}, {charts.percent(accuracy)}"
                    for which, name, accuracy in zip(
                        ("first", "second"), names, accuracies, strict=True
                    )
                }
            ),
            key="comparison",
        )
    with right:
        if not compared.differing:
            st.markdown(text["same"])
            return
        st.markdown(text["differing"])
        st.table(
            pd.DataFrame(
                [
                    {
                        text["setting"]: called.setting(name),
                        text["first"]: called.value(first_value),
                        text["second"]: called.value(second_value),
                    }
                    for name, (first_value, second_value) in compared.differing.items()
                ]
            ),
            hide_index=True,
        )


def manage(action: str) -> None:
    """Pin, let go of or delete the chosen runs."""
    chosen: list[int] = st.session_state["chosen-runs"]
    for number in chosen:
        if action == "delete":
            log.delete(number)
        else:
            log.pin(number, action == "pin")
    st.session_state["chosen-runs"] = []


def clear() -> None:
    """Forget all runs, answers and predictions, here and in the browser."""
    visit.clear()


def show_managing(runs: list[Run]) -> None:
    """What stays and what goes."""
    text = words["manage"]
    st.subheader(text["heading"], anchor=False)
    chosen = st.multiselect(
        text["choose"],
        [run.number for run in reversed(runs)],
        key="chosen-runs",
        format_func=lambda n: called.title(log[n]) + (" 📌" if log[n].pinned else ""),
        help=text["choose_help"],
        placeholder=text["placeholder"],
    )
    with st.container(horizontal=True):
        for action, icon in (("pin", "keep"), ("unpin", "keep_off"), ("delete", "delete")):
            st.button(
                text[action],
                icon=f":material/{icon}:",
                disabled=not chosen,
                help=None if chosen else text["nothing"],
                on_click=manage,
                args=(action,),
            )
        with st.popover(text["clear"], icon=":material/delete_sweep:"):
            st.markdown(text["clear_ask"].format(runs=len(runs)))
            st.button(text["clear_yes"], type="primary", on_click=clear)


def show_taking_along() -> None:
    """Everything as a file, and back from one."""
    text = words["along"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    st.download_button(
        text["take"],
        visit.as_text,
        "dark-knowledge-lab.json",
        "application/json",
        icon=":material/download:",
        key="along-take",
        on_click="ignore",
    )
    file = st.file_uploader(text["bring"], type="json", key="along-bring")
    if file is None:
        return
    try:
        visit.take_in(from_json(file.getvalue().decode("utf-8", "replace")))
    except Refusal as refusal:
        st.error(say(refusal), icon=":material/error:")
        return
    frame.show_way()
    st.success(text["done"].format(runs=len(log)), icon=":material/check:")


runs = list(log)
if runs:
    show_table(runs)
    show_gains(runs)
    show_comparison(runs)
    show_managing(runs)
else:
    frame.leave_open()
    st.info(words["empty"], icon=":material/list_alt:")
    frame.page_link("lab", words["empty_link"])
    frame.page_link("takeaways", words["empty_run"])
show_taking_along()
