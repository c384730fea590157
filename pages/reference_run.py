"""The reference run: published tables, reproduced to the last digit, and what they measure."""

from __future__ import annotations

import streamlit as st

from kdcore.experiments.faults import (
    EXPERIMENT,
    Faults,
    FaultsSettings,
    against_chance,
    how_often_best,
)
from kdcore.figures import (
    counts_figure,
    layer_changes_figure,
    memorising_figure,
    published_figure,
)
from kdcore.reference.faults import furthest_apart, memorise, wilson_interval
from kdcore.reference.run import CHANCE, compare_cells, run_table
from kdcore.reference.tables import PUBLISHED, Table, published_best
from kdcore.statistics import Interval
from pages.common import charts
from pages.common.frame import page_link
from pages.common.lesson import Lesson
from pages.common.widgets import Named
from pages.common.words import words as words_of

names = words_of("reference_run")["tables"]["names"]
control = words_of("reference_run")["table_control"]
lesson = Lesson(
    "reference_run",
    FaultsSettings,
    [Named("table", control["label"], control["help"], names, "temperature"), "seeds"],
)
controls, words = lesson.controls, lesson.words


def behind(faults: Faults, settings: FaultsSettings) -> str:
    """Say in figures how often the row that was published as best is best again."""
    place = published_best(settings.table)
    return words["best"]["behind"].format(
        row=faults.reruns.settings[place],
        table=names[settings.table],
        again=f"{faults.times_best[place]:g}",
        seeds=settings.seeds,
    )


def show_tables(faults: Faults, settings: FaultsSettings, seconds: float) -> None:
    """The published tables beside the reproduction, cell by cell."""
    text = words["tables"]
    cells = faults.cells
    agreeing = sum(cell.agrees for cell in cells)
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["agree"].format(agreeing=agreeing, cells=len(cells)))
    columns = text["columns"]
    tabs = st.tabs(list(names.values()), default=names[settings.table])
    for tab, table in zip(tabs, names, strict=True):
        rows = [
            {
                columns["setting"]: str(cell.setting),
                "": text["quantities"][cell.quantity],
                columns["published"]: cell.published,
                columns["reproduced"]: cell.reproduced,
                columns["agrees"]: text["agrees" if cell.agrees else "differs"],
            }
            for cell in cells
            if cell.table == table
        ]
        tab.dataframe(
            charts.table(rows), hide_index=True, height="content", key=f"published-{table}"
        )
    charts.provenance(text["provenance"].format(seconds=f"{seconds:.1f}"))


def show_best(faults: Faults, settings: FaultsSettings) -> None:
    """Fault 1: the best row depends on the seed."""
    text, seeds = words["best"], settings.seeds
    rows = [str(setting) for setting in faults.reruns.settings]
    counts = faults.times_best
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"].format(seeds=seeds))
    charts.show(
        counts_figure(rows, counts, text["x"], text["y"]),
        charts.table([{text["x"]: r, text["y"]: n} for r, n in zip(rows, counts, strict=True)]),
        text["alternative"].format(
            seeds=seeds,
            counts=", ".join(
                text["count"].format(row=r, times=f"{n:g}")
                for r, n in zip(rows, counts, strict=True)
            ),
        ),
        key="best",
    )
    if settings.table == "balance":
        st.markdown(text["balance_note"])


def show_interval(table: Table) -> None:
    """Fault 4 of the list: how wide the binomial interval of one measurement is."""
    text = words["interval"]
    published = PUBLISHED[table]
    accuracies = [row.student_accuracy for row in published]
    intervals = [wilson_interval(accuracy) for accuracy in accuracies]
    rows = [str(row.setting) for row in published]
    apart = furthest_apart(intervals)
    lowest, highest = (rows[i] for i in apart) if apart else ("", "")
    overlap = text["overlap_some" if apart else "overlap_all"]
    inside = sum(low <= CHANCE <= high for low, high in intervals)
    st.subheader(text["heading"], anchor=False)
    st.markdown(
        text["explain"].format(
            overlap=overlap.format(rows=len(rows), low=lowest, high=highest),
            chance=text["chance_share"].format(inside=inside),
        )
    )
    charts.show(
        published_figure(rows, accuracies, intervals, text["x"], text["y"], text),
        charts.table(
            [
                {text["x"]: r, "published": a, "low": low, "high": high}
                for r, a, (low, high) in zip(rows, accuracies, intervals, strict=True)
            ]
        ),
        text["alternative"].format(
            points=", ".join(
                f"{r}: {100 * a:.1f} % ({100 * low:.1f}–{100 * high:.1f})"
                for r, a, (low, high) in zip(rows, accuracies, intervals, strict=True)
            )
        ),
        key="interval",
    )


def show_held_out(faults: Faults) -> None:
    """Faults 2 and 3: random labels, measured on the training data."""
    text = words["held_out"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    for column, which, accuracy in zip(
        st.columns(2), ("training", "held_out"), (faults.training, faults.held_out), strict=True
    ):
        show_against_chance(column, text[which], accuracy, text["verdict"][which])


def show_against_chance(
    column: st.delta_generator.DeltaGenerator,
    name: str,
    accuracy: Interval,
    verdicts: dict[str, str],
) -> None:
    """Show one mean accuracy, large, with what its interval says of chance."""
    column.metric(name, charts.percent(accuracy))
    column.markdown(verdicts[against_chance(accuracy, CHANCE)])


def show_layers(faults: Faults) -> None:
    """Fault 5: the hidden layers never moved."""
    text = words["layers"]
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"])
    charts.show(
        layer_changes_figure(faults.layers, text["x"], text["y"]),
        charts.table([vars(layer) | {"shape": str(layer.shape)} for layer in faults.layers]),
        text["alternative"].format(
            layers=", ".join(
                text["layer"].format(
                    number=layer.layer,
                    change=f"{100 * layer.change_norm / layer.initial_norm:.0f} %",
                )
                for layer in faults.layers
            )
        ),
        key="layers",
    )


def show_memorising(faults: Faults) -> None:
    """What full training makes of random labels."""
    text, end = words["memorising"], faults.memorising.curve[-1]
    ends = {
        "training": f"{100 * end.training_accuracy:.1f} %",
        "held_out": f"{100 * end.held_out_accuracy:.1f} %",
    }
    st.subheader(text["heading"], anchor=False)
    st.markdown(text["explain"].format(steps=end.step, **ends))
    charts.show(
        memorising_figure(faults.memorising, text["x"], text["y"], text),
        charts.table([vars(point) for point in faults.memorising.curve]),
        text["alternative"].format(steps=end.step, **ends),
        key="memorising",
    )


if lesson.predict():
    result = lesson.run(EXPERIMENT)
    if result:
        faults = result.measured
        with lesson.results():
            show_tables(faults, result.settings, result.seconds)
            left, right = st.columns(2, gap="large")
            with left:
                show_best(faults, result.settings)
            with right:
                show_interval(result.settings.table)
            again = faults.times_best[published_best(result.settings.table)]
            lesson.compare(
                how_often_best(again, result.settings.seeds), behind(faults, result.settings)
            )
            show_held_out(faults)
            left, right = st.columns(2, gap="large")
            with left:
                show_layers(faults)
            with right:
                show_memorising(faults)
        lesson.explain([compare_cells, run_table, memorise])
        for name, label in words["links"].items():
            page_link(name, label)
        lesson.tries()
