"""A grid is runs of an experiment, kept one by one; what it says counts all of them together."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from kdcore import __main__ as program
from kdcore import command_line
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.lab import LabSettings
from kdcore.grid import work
from kdcore.grid.journal import NAME, Journal
from kdcore.grid.plan import Plan, values_of
from kdcore.grid.summary import figures_by_seed, summarise

ROOT = Path(__file__).resolve().parents[1]
FIXED = {"teacher_hidden": "8", "student_samples": "320"}
OVER = {"temperature": ["1", "8"], "alpha": ["0", "0.5"]}
PLAN = Plan("lab", FIXED, OVER, seeds=5, block=2)
#: The same as a command.
COMMAND = [
    *("grid", "lab", "--over", "temperature=1,8", "--over", "alpha=0,0.5", "--seeds", "5"),
    *("--block", "2", "--set", "teacher_hidden=8", "student_samples=320"),
]


@pytest.fixture(scope="module")
def found() -> dict[int, dict[str, Any]]:
    """Return what the cells of the plan give."""
    return {cell.number: alone("lab", cell.texts) for cell in PLAN.cells()}


def alone(experiment: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return what one cell gives, without the seconds that it took."""
    (found,) = work.train_cells(experiment, [texts])
    del found["seconds"]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a grid that a process was killed at, and another one finished."""
    folder = tmp_path_factory.mktemp("grid") / "out"
    process = start(*COMMAND, "--out", str(folder), "--workers", "1")
    wait_for_cells(folder, 2)
    process.kill()
    out, err = process.communicate()
    assert out == ""  # the bar stays off the results
    (folder / "progress-before").write_text(err)
    (folder / "cells-before").write_text((folder / NAME).read_text())
    assert not (folder / "results.parquet").exists()
    said, progress = io.StringIO(), io.StringIO()
    with redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
        # What a new process imports first; a page that was tested before has left itself there.
        patch.setitem(sys.modules, "__main__", program)
        patch.setattr("kdcore.grid.command.Progress", partial(work.Progress, stream=progress))
        assert command_line.main([*COMMAND, "--out", str(folder), "--workers", "1"]) == 0
    (folder / "said").write_text(said.getvalue())
    (folder / "progress").write_text(progress.getvalue())
    return folder


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kdcore", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_cells(folder: Path, cells: int) -> None:
    deadline = time.monotonic() + 60
    while not (folder / NAME).exists() or len((folder / NAME).read_text().splitlines()) <= cells:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def journal_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if "\n" in line]


# --------------------------------------------------------------------------------------- the plan


def test_every_combination_meets_every_seed_once() -> None:
    met = [
        (cell.chosen["temperature"], cell.chosen["alpha"], int(cell.texts["first_seed"]) + i)
        for cell in PLAN.cells()
        for i in range(int(cell.texts["seeds"]))
    ]
    assert len(met) == len(set(met)) == 2 * 2 * 5
    assert {seed for _, _, seed in met} == set(range(5))


@pytest.mark.parametrize(("seeds", "block"), [(2, 20), (3, 2), (41, 20), (1000, 7)])
def test_blocks_are_as_long_as_asked_and_never_of_one_seed(seeds: int, block: int) -> None:
    blocks = Plan("lab", {}, {"alpha": ["0"]}, seeds, block).blocks()
    sizes = [size for _, size in blocks]
    assert sum(sizes) == seeds
    assert [first for first, _ in blocks] == [sum(sizes[:i]) for i in range(len(sizes))]
    assert min(sizes) >= min(seeds, block)
    assert max(sizes) < 2 * block
    assert max(sizes) - min(sizes) <= 1


def test_cells_with_the_same_teacher_follow_each_other() -> None:
    plan = Plan("lab", {}, {"alpha": ["0", "1"], "teacher_hidden": ["8", "16"]}, 4, 2)
    teachers = [(cell.texts["first_seed"], cell.texts["teacher_hidden"]) for cell in plan.cells()]
    assert teachers == [("0", "8")] * 2 + [("0", "16")] * 2 + [("2", "8")] * 2 + [("2", "16")] * 2


def test_shapes_are_separated_by_semicolons_numbers_by_commas() -> None:
    assert values_of("lab", "teacher_hidden=16;256,128") == ("teacher_hidden", ["16", "256,128"])
    assert values_of("lab", "temperature = 1, 2.5") == ("temperature", ["1", "2.5"])
    lists = values_of("temperature", "temperatures=1,4;2,8")
    assert lists == ("temperatures", ["1,4", "2,8"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab"], "a grid goes over something, such as --over alpha=0,0.5,1"),
        (["lab", "--over", "alpha"], "--over takes key=value,value, not 'alpha'"),
        (["lab", "--over", "alpha=0,2"], "alpha must be a number from 0 to 1, not '2'"),
        (["lab", "--over", "alpha=0,0.0"], "--over alpha names a value twice"),
        (["lab", "--over", "nothing=1"], "there is no setting nothing; this experiment has: "),
        (["lab", "--over", "alpha=0", "--over", "alpha=1"], "--over alpha stands there twice"),
        (["lab", "--over", "alpha=0", "--set", "alpha=1"], "alpha is both set and gone over"),
        (["lab", "--over", "seeds=2,3"], "seeds is the grid's own: say --seeds"),
        (["lab", "--over", "alpha=0", "--seeds", "1"], "--seeds must be a whole number from 2"),
        (["lab", "--over", "alpha=0", "--workers", "x"], "--workers must be a whole number from 1"),
        (["reference", "--over", "alpha=0"], "there is no setting alpha"),
        (["nonesuch", "--over", "alpha=0"], "no experiment 'nonesuch'; there are: "),
        (["lab", "--over", "student_hidden=1024,1024,1024", "--seeds", "2000", "--block", "1000"],
         "This run needs "),
        (["lab", "--over", "alpha=0", "--scheduler", "nowhere"], "no scheduler answers at nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_line_with_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--scheduler" in arguments:
        pytest.importorskip("distributed")
    with pytest.raises(SystemExit) as end:
        command_line.main(["grid", *arguments, "--out", str(tmp_path / "out")])
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("python -m kdcore: ")
    assert said in captured.err


# ------------------------------------------------------------------------------------- the figures


def test_a_grid_gives_the_figures_of_single_runs_bit_for_bit(
    found: dict[int, dict[str, Any]],
) -> None:
    summary = summarise(PLAN, figures_by_seed(PLAN, found))
    assert len(summary) == 2 * 2 * 3
    for temperature in (1, 8):
        for alpha in (0, 0.5):
            settings = LabSettings(
                temperature=temperature,
                alpha=alpha,
                seeds=5,
                teacher_hidden=(8,),
                student_samples=320,
            )
            single = EXPERIMENTS["lab"].run(settings)
            rows = [
                row
                for row in summary
                if (row["setting_temperature"], row["setting_alpha"]) == (temperature, alpha)
            ]
            for own, row in zip(single.rows, rows, strict=True):
                assert row["network"] == own["network"]
                assert row["seeds"] == 5
                for column in ("student_accuracy", "student_accuracy_ci", "gain", "gain_ci"):
                    assert row[column] == own[column], column


def test_cells_that_are_trained_as_one_stack_have_the_figures_of_each_alone(
    found: dict[int, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_), cells = work.batches(PLAN, PLAN.cells(), 1), PLAN.cells()
    assert len(first) == 2  # of eight cells, for one worker three batches at least
    monkeypatch.setattr(work, "TOGETHER", 4)
    batches = work.batches(PLAN, cells * 2, 1)
    assert [len(batch) for batch in batches] == [4] * 4
    for batch in batches:
        together = work.train_cells("lab", [cell.texts for cell in batch])
        for cell, data in zip(batch, together, strict=True):
            assert data.pop("seconds") > 0
            assert data == found[cell.number]


def test_verdicts_count_all_cells_of_the_grid_together() -> None:
    plan = Plan("lab", {}, {"alpha": [str(i / 100) for i in range(40)]}, 4)
    # A gain that a table of one row marks, among 39 that are none.
    quiet = [0.5, 0.5, 0.5, 0.5]
    clear = [0.52, 0.53, 0.55, 0.58]

    def cell(accuracy: list[float]) -> dict[str, Any]:
        rows = [{"network": name} for name in ("teacher", "hard", "distilled")]
        table = [quiet, quiet, accuracy]
        return {"rows": rows, "accuracy": table, "baselines": [None, None, 1], "seconds": 0.0}

    alone = summarise(plan, figures_by_seed(plan, {0: cell(clear)}))
    assert [row["verdict"] for row in alone] == [None, None, "helps"]
    among = {i: cell(clear if i == 0 else quiet) for i in range(40)}
    together = summarise(plan, figures_by_seed(plan, among))
    assert together[2]["gain"] == alone[2]["gain"]
    assert {row["verdict"] for row in together[2::3]} == {"no clear difference"}


def test_a_gain_is_over_the_row_that_the_experiment_compares_with(
    found: dict[int, dict[str, Any]],
) -> None:
    assert all(cell["baselines"] == [None, None, 1] for cell in found.values())
    settings = {"seeds": "3", **FIXED, "labels": "20", "assistant_hidden": "6"}
    cell = alone("progressive", settings)
    routes = [row["route"] for row in cell["rows"]]
    assert [base if base is None else routes[base] for base in cell["baselines"]][:2] == [
        None,
        "hard",
    ]


def test_a_run_that_is_refused_is_kept_as_such() -> None:
    assert alone("reference", {}) == {"failed": "reference has no accuracy per seed"}
    plan = Plan("lab", {}, {"alpha": ["0", "1"]}, 2)
    columns = figures_by_seed(plan, {0: {"failed": "it diverged"}})
    assert columns["seed"] == []


# ------------------------------------------------------------------------- kept, whatever happens


def test_a_grid_that_was_killed_does_only_what_is_missing(folder: Path) -> None:
    before, after = journal_lines(folder / "cells-before"), journal_lines(folder / NAME)
    assert 3 <= len(before) <= len(PLAN.cells())
    assert after[: len(before)] == before  # with their seconds: nothing of it was trained again
    assert sorted(line["cell"] for line in after[1:]) == list(range(len(PLAN.cells())))


def test_missing_cells_are_those_that_are_not_kept_wherever_they_stand(tmp_path: Path) -> None:
    trained: list[Mapping[str, str]] = []

    def train(texts: Sequence[Mapping[str, str]]) -> Future[list[dict[str, Any]]]:
        trained.extend(texts)
        future: Future[list[dict[str, Any]]] = Future()
        future.set_result([{"accuracy": []}] * len(texts))
        return future

    cells = PLAN.cells()
    with Journal(tmp_path, {}) as journal:
        # With several workers, or as one stack, the first cells need not be done first.
        for kept in (1, len(cells) - 1):
            journal.keep(kept, {})
        progress = work.Progress(len(cells), stream=io.StringIO())
        work.work_through(PLAN, journal, train, 1, progress)
        assert sorted(journal.done) == [cell.number for cell in cells]
    assert trained == [cell.texts for cell in (cells[0], *cells[2:-1])]


def test_its_results_are_those_of_a_grid_that_was_not_killed(
    folder: Path, found: dict[int, dict[str, Any]]
) -> None:
    table = pyarrow.parquet.read_table(folder / "results.parquet")
    assert table.to_pydict() == figures_by_seed(PLAN, found)
    assert table.num_rows == 2 * 2 * 3 * 5
    lines = list(csv.DictReader((folder / "summary.csv").read_text().splitlines()))
    summary = summarise(PLAN, figures_by_seed(PLAN, found))
    assert [float(line["student_accuracy"]) for line in lines] == [
        row["student_accuracy"] for row in summary
    ]


def test_the_bar_goes_on_where_it_stood_and_stays_off_the_results(folder: Path) -> None:
    before = (folder / "progress-before").read_text().splitlines()
    assert "] 0 of 8 cells" in before[0]
    progress = (folder / "progress").read_text().splitlines()
    kept = len(journal_lines(folder / "cells-before")) - 1
    assert f"] {kept} of 8 cells" in progress[0]
    assert progress[-1].endswith("] 8 of 8 cells")


def test_the_map_is_one_file_that_fetches_nothing(folder: Path) -> None:
    page = (folder / "map.html").read_text()
    assert "heatmap" in page
    assert "Temperature T" in page
    assert "<link" not in page
    assert 'src="http' not in page


def test_a_finished_grid_is_written_anew_without_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_training(*_: object) -> None:
        raise AssertionError("a finished cell was trained")

    monkeypatch.setattr("kdcore.grid.command.local_processes", no_training)
    assert command_line.main([*COMMAND, "--out", str(folder)]) == 0
    assert capsys.readouterr().out == (folder / "said").read_text()


def test_a_folder_of_another_grid_is_not_touched(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / NAME).read_bytes()
    with pytest.raises(SystemExit) as end:
        command_line.main([*COMMAND, "--out", str(folder), "--seeds", "6"])
    assert end.value.code == 2
    assert "holds another grid" in capsys.readouterr().err
    assert (folder / NAME).read_bytes() == before


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    with Journal(tmp_path, {"grid": 1}) as journal:
        journal.keep(0, {"accuracy": [0.1]})
        journal.keep(1, {"accuracy": [0.2]})
    file = tmp_path / NAME
    whole = file.read_bytes()
    for cut in range(whole.rindex(b"{"), len(whole)):
        file.write_bytes(whole[:cut])
        with Journal(tmp_path, {"grid": 1}) as journal:
            assert journal.done == {0: {"accuracy": [0.1]}}
            journal.keep(1, {"accuracy": [0.2]})
        assert file.read_bytes() == whole


def test_two_processes_do_not_work_on_one_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        Journal(tmp_path, {}),
        pytest.raises(ValueError, match="another grid is at work in"),
    ):
        Journal(tmp_path, {})
    Journal(tmp_path, {}).__exit__(None, None, None)


def test_ctrl_c_leaves_no_traceback_and_no_process(tmp_path: Path) -> None:
    long = ["--over", "alpha=0,1", "--seeds", "40", "--set", "student_samples=1000000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "kdcore", "grid", "lab", *long, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell lets what it runs in the background ignore it, and tests run there, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for_cells(tmp_path / "out", 0)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to all of them
    out, err = process.communicate(timeout=180)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "stopped"
    assert "0 of 4 cells are kept in" in err
    with pytest.raises(ProcessLookupError):
        eventually_gone(process.pid)


def eventually_gone(group: int) -> None:
    """Ask for a process of a group until there is none."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        os.killpg(group, 0)
        time.sleep(0.05)
