"""The reference run equals its published tables, figure by figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from kdcore.reference.run import (
    LayerChange,
    Network,
    draw_network,
    layer_changes,
    reproduce,
    run_table,
)
from kdcore.reference.tables import PUBLISHED, TABLES, Table

ROWS = reproduce()


# ------------------------------------------------------------------------------ reproduction


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['table']} {row['setting']}")
@pytest.mark.parametrize("figure", ["entropy", "student_accuracy", "teacher_accuracy"])
def test_every_published_figure_is_reproduced_to_its_last_printed_digit(
    row: dict[str, object], figure: str
) -> None:
    published, reproduced = row[f"published_{figure}"], row[f"reproduced_{figure}"]
    if published is None:
        assert reproduced is None
    else:
        assert type(reproduced) is float
        assert f"{reproduced:.3f}" == f"{published:.3f}"


def test_all_published_rows_are_there_in_their_order() -> None:
    assert [(row["table"], row["setting"]) for row in ROWS] == [
        *(("temperature", temperature) for temperature in (1, 2, 3, 5, 10, 20)),
        *(("teacher-size", hidden) for hidden in ("512,256,128", "256,128", "128,64", "64")),
        *(("balance", alpha) for alpha in (0.0, 0.2, 0.5, 0.8, 1.0)),
    ]


def test_each_table_has_its_published_columns_and_none_elsewhere() -> None:
    def tables_with(column: str) -> list[object]:
        return [row["table"] for row in ROWS if row[column] is not None]

    assert tables_with("published_entropy") == ["temperature"] * 6
    assert tables_with("published_teacher_accuracy") == ["teacher-size"] * 4
    assert tables_with("parameters") == ["teacher-size"] * 4
    assert len(tables_with("published_student_accuracy")) == 15


def test_the_columns_are_those_of_the_command_line() -> None:
    columns = (
        "table setting published_entropy reproduced_entropy published_student_accuracy "
        "reproduced_student_accuracy published_teacher_accuracy reproduced_teacher_accuracy "
        "parameters"
    )
    assert all(list(row) == columns.split() for row in ROWS)


def test_the_trained_teachers_have_the_published_number_of_parameters() -> None:
    counted = [row["parameters"] for row in ROWS if row["table"] == "teacher-size"]
    assert counted == [182_410, 42_634, 13_130, 2_762]
    assert counted == [row.parameters for row in PUBLISHED["teacher-size"]]


def test_the_run_leaves_the_global_generator_alone() -> None:
    np.random.seed(7)
    run_table("temperature")
    after = np.random.random()
    np.random.seed(7)
    assert after == np.random.random()


def test_measuring_on_held_out_data_does_not_disturb_the_published_figures() -> None:
    for few, many in zip(
        run_table("balance", held_out_examples=1),
        run_table("balance", held_out_examples=3_000),
        strict=True,
    ):
        assert few.student_accuracy == many.student_accuracy
        assert few.teacher_accuracy == many.teacher_accuracy


# ------------------------------------------------------------------- only the last layer learns


@pytest.mark.parametrize("table", TABLES)
def test_only_the_last_layer_of_a_reference_network_moves(table: Table) -> None:
    for row in run_table(table):
        for layers in (row.teacher_layers, row.student_layers):
            *below, last = layers
            assert len(below) >= 1
            assert all(layer.change_norm == 0.0 for layer in below)
            assert last.change_norm > 0.1


def test_a_layer_change_is_the_norm_over_weights_and_biases() -> None:
    before = Network((np.zeros((1, 1)), np.full((1, 2), 2.0)), (np.zeros(1), np.full(2, 2.0)))
    after = Network((np.full((1, 1), 3.0), before.weights[1]), (np.full(1, 4.0), before.biases[1]))
    assert layer_changes(before, after) == (
        LayerChange(layer=1, shape=(1, 1), parameters=2, initial_norm=0.0, change_norm=5.0),
        LayerChange(layer=2, shape=(1, 2), parameters=4, initial_norm=4.0, change_norm=0.0),
    )


# -------------------------------------------------------------------------------- helpful errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: run_table(cast(Table, "size")),
            "table must be one of temperature, teacher-size, balance",
        ),
        (lambda: run_table("balance", seed=-1), "seed must be a whole number from 0"),
        (lambda: run_table("balance", held_out_examples=0), "held_out_examples must be"),
        (lambda: layer_changes(*_two_shapes()), "same layers"),
    ],
)
def test_a_setting_out_of_range_is_refused_in_words(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def _two_shapes() -> tuple[Network, Network]:
    random = np.random.RandomState(0)
    return draw_network(random, (8,)), draw_network(random, (8, 8))
