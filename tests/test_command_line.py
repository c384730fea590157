"""Other programs rely on the command line: what it prints, where, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from kdcore import command_line
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import Measured, Row
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.monitor import Monitor
from kdcore.settings import CheckedSettings
from kdcore.training import Diverged

ROOT = Path(__file__).resolve().parent.parent

#: The smallest run that has everything: two layers in a shape, two temperatures, a few seeds.
RUN = [
    *("run", "temperature", "--set", "labels=20", "student_hidden=6,5", "teacher_hidden=8"),
    *("--set", "temperatures=4.5,1", "student_samples=1000", "--seeds", "3"),
]
SETTINGS = TemperatureSettings(
    labels=20,
    student_hidden=(6, 5),
    teacher_hidden=(8,),
    temperatures=(4.5, 1),
    student_samples=1_000,
    seeds=3,
)

Printed = Callable[..., tuple[str, str]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """Return a function that runs the command line and gives what it printed where."""

    def run(*arguments: str) -> tuple[str, str]:
        assert command_line.main(list(arguments)) == 0
        captured = capsys.readouterr()
        return captured.out, captured.err

    return run


def no_nan(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def parsed(text: str) -> dict[str, Any]:
    """Parse one line with one strict JSON object."""
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=no_nan)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return EXPERIMENTS["temperature"].run(SETTINGS).rows


# ---------------------------------------------------------------------------------------- output


def test_list_names_every_experiment_with_its_keys_and_defaults(printed: Printed) -> None:
    out, err = printed("list")
    assert err == ""
    for name, experiment in EXPERIMENTS.items():
        assert f"{name}: {experiment.question}" in out.splitlines()
    for default in ("labels=50", "student_hidden=32", "teacher_hidden=256,128", "alpha=0.3"):
        assert f"    {default}    " in out
    assert "temperatures=1,2,3,5,10,20" in out
    assert "(a whole number from 10 to 900)" in out


def test_json_prints_one_object_with_flat_rows(printed: Printed, rows: list[Row]) -> None:
    out, _ = printed(*RUN, "--json")
    data = parsed(out)
    assert list(data) == ["experiment", "settings", "rows", "claims", "seconds"]
    assert data["experiment"] == "temperature"
    assert data["settings"] == {
        "labels": 20,
        "student_hidden": [6, 5],
        "teacher_hidden": [8],
        "alpha": 0.3,
        "temperatures": [4.5, 1],
        "seeds": 3,
        "student_samples": 1_000,
        "split": 0,
        "first_seed": 0,
    }
    assert data["claims"]["temperature"]["verdict"] in ("supported", "contradicted", "undecided")
    assert data["rows"] == rows
    assert [row["temperature"] for row in data["rows"]] == [None, 4.5, 1]
    for row in data["rows"]:
        assert all(isinstance(cell, int | float | str | None) for cell in row.values())
    assert 0 < data["seconds"] < 60


def test_csv_is_read_back_with_settings_and_seeds_in_each_row(
    printed: Printed, rows: list[Row]
) -> None:
    out, _ = printed(*RUN, "--csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert len(lines) == len(rows) == 3
    for line, row in zip(lines, rows, strict=True):
        assert list(line)[: len(row)] == list(row)
        for column, value in row.items():
            cell: Any = line[column]
            if isinstance(value, float):
                cell = float(cell)
            assert cell == ("" if value is None else value)
        assert line["experiment"] == "temperature"
        assert line["setting_seeds"] == "3"
        assert line["torch"]
        assert line["python"].count(".") == 2


def test_one_line_of_csv_is_enough_to_repeat_the_run(printed: Printed) -> None:
    # α with more digits than a table shows.
    out, _ = printed(*RUN, "--csv", "--set", "alpha=0.123456789")
    line = next(csv.DictReader(io.StringIO(out)))
    texts = {
        key.removeprefix("setting_"): value
        for key, value in line.items()
        if key.startswith("setting_")
    }
    again = EXPERIMENTS[line["experiment"]].settings.from_texts(texts)
    assert again == EXPERIMENTS["temperature"].settings.from_texts(
        {
            "labels": "20",
            "student_hidden": "6,5",
            "teacher_hidden": "8",
            "temperatures": "4.5,1",
            "alpha": "0.123456789",
            "student_samples": "1000",
            "seeds": "3",
        }
    )


def test_without_a_flag_a_table_with_the_verdicts_is_printed(
    printed: Printed, rows: list[Row]
) -> None:
    out, _ = printed(*RUN)
    settings, header, *lines, claim, seconds = out.splitlines()
    assert settings.startswith("temperature: labels=20, student_hidden=6,5, teacher_hidden=8")
    assert settings.endswith(
        "temperatures=4.5,1, seeds=3, student_samples=1000, split=0, first_seed=0"
    )
    assert header.split() == list(rows[0])
    assert len({len(line) for line in (header, *lines)}) == 1  # columns line up
    assert lines[0].split()[:2] == ["–", "–"]  # the baseline has no temperature
    for line, row in zip(lines[1:], rows[1:], strict=True):
        assert float(line.split()[0]) == row["temperature"]
        assert f"{row['student_accuracy']:.4g}" in line.split()
        assert row["verdict"] in line
    assert claim.startswith("temperature: ")
    assert seconds.endswith(" s")


@pytest.mark.parametrize("flag", ["--json", "--csv", None])
def test_progress_goes_to_standard_error(printed: Printed, flag: str | None) -> None:
    out, err = printed(*RUN, *([flag] if flag else []))
    assert "students: 100 %" in err
    assert "students:" not in out
    assert len(err.splitlines()) <= 22  # tens of percent, not every batch


def test_what_is_not_set_keeps_its_default(
    printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[CheckedSettings] = []

    def remember(settings: CheckedSettings, monitor: Monitor) -> Measured:
        seen.append(settings)
        return Measured([{"accuracy": 1.0}])

    replace_experiment(monkeypatch, remember)
    printed("run", "temperature")
    printed("run", "temperature", "--seeds", "20")
    printed("run", "temperature", "--set", "seeds=20", "alpha=1")
    printed("run", "temperature", "--set", "seeds=5", "--seeds", "20")
    assert seen == [
        TemperatureSettings(),
        TemperatureSettings(seeds=20),
        TemperatureSettings(seeds=20, alpha=1.0),
        TemperatureSettings(seeds=20),
    ]


def replace_experiment(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[Any, Monitor], Measured]
) -> None:
    fake = replace(EXPERIMENTS["temperature"], function=function, claims=())
    monkeypatch.setattr(command_line, "EXPERIMENTS", {"temperature": fake})


def test_what_is_no_number_is_null_or_empty(
    printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"mean": 0.5, "half_width": math.inf, "lost": math.nan, "none": None}
    replace_experiment(monkeypatch, lambda *_: Measured([row]))
    out, _ = printed("run", "temperature", "--json")
    assert parsed(out)["rows"] == [{"mean": 0.5, "half_width": None, "lost": None, "none": None}]
    out, _ = printed("run", "temperature", "--csv")
    line = next(csv.DictReader(io.StringIO(out)))
    assert [line[column] for column in row] == ["0.5", "", "", ""]


def test_as_a_program_it_prints_the_same_numbers_wherever_it_is_started(
    tmp_path: Path, rows: list[Row]
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kdcore", *RUN, "--json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert parsed(ran.stdout)["rows"] == rows


# ------------------------------------------------------------------------------------- bad input

REFUSED = {
    "nothing": ([], "required"),
    "an unknown command": (["walk"], "invalid choice: 'walk'"),
    "too much for list": (["list", "everything"], "unrecognized arguments: everything"),
    "a line break": (["list", "every\nthing"], "unrecognized arguments"),
    "no experiment": (["run"], "NAME"),
    "an unknown experiment": (["run", "alchemy"], "there are: balance, "),
    "an experiment with a line break": (["run", "al\nchemy"], "there are: balance, "),
    "an unknown flag": (["run", "temperature", "--fast"], "--fast"),
    "two formats": (["run", "temperature", "--json", "--csv"], "not allowed with"),
    "seeds without a number": (["run", "temperature", "--seeds"], "--seeds"),
    "set without anything": (["run", "temperature", "--set"], "--set"),
}

REFUSED_SETTINGS = {
    "labels": "--set takes key=value, not 'labels'",
    "=3": "no setting",
    "tempratures=1": "has: labels, student_hidden, teacher_hidden, alpha, temperatures, seeds,",
    "key\nwith=line break": "has: labels",
    "labels=0": "labels must be a whole number from 10 to 900, not '0'",
    "labels=901": "a whole number from 10 to 900",
    "labels=10.5": "a whole number from 10 to 900",
    "labels=ten": "a whole number from 10 to 900",
    "labels=": "a whole number from 10 to 900",
    "labels=nan": "a whole number from 10 to 900",
    "labels=inf": "a whole number from 10 to 900",
    "labels=-20": "a whole number from 10 to 900",
    "labels=2\n0 0": "a whole number from 10 to 900",
    "alpha=-0.1": "alpha must be a number from 0 to 1, not '-0.1'",
    "alpha=1.1": "a number from 0 to 1",
    "alpha=nan": "a number from 0 to 1",
    "temperatures=0": "a number from 0.1 to 100",
    "temperatures=101": "a number from 0.1 to 100",
    "temperatures=": "a number from 0.1 to 100",
    "temperatures=1,,2": "a number from 0.1 to 100",
    "temperatures=1;2": "a number from 0.1 to 100",
    "temperatures=nan": "a number from 0.1 to 100",
    "temperatures=4,4.0": "1 to 50 different values separated by commas",
    "temperatures=" + ",".join(map(str, range(1, 52))): "1 to 50 different values",
    "student_hidden=0": "student_hidden must be 1 to 4 layer widths from 1 to 1024",
    "student_hidden=1025": "widths from 1 to 1024",
    "student_hidden=32;16": "separated by commas",
    "student_hidden=8.5": "widths from 1 to 1024",
    "student_hidden=": "widths from 1 to 1024",
    "student_hidden=1,2,3,4,5": "1 to 4 layer widths",
    "teacher_hidden=wide": "teacher_hidden must be 1 to 4 layer widths",
    "seeds=1": "seeds must be a whole number from 2 to 1000, not '1'",
    "seeds=1001": "a whole number from 2 to 1000",
}


def assert_refused(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith("python -m kdcore")
    assert captured.err.endswith("\n")
    assert len(captured.err.splitlines()) == 1
    assert says in captured.err


@pytest.mark.parametrize(("arguments", "says"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_command_exits_with_2_and_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(arguments, says, capsys)


@pytest.mark.parametrize(("setting", "says"), REFUSED_SETTINGS.items(), ids=lambda text: text[:20])
def test_a_wrong_setting_exits_with_2_and_says_in_one_line_what_is_accepted(
    setting: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(["run", "temperature", "--set", setting], says, capsys)
    assert_refused(["run", "temperature", "--json", "--set", setting], says, capsys)


@pytest.mark.parametrize("seeds", ["0", "1", "1001", "-3", "2.5", "many", "", "nan"])
def test_a_wrong_number_of_seeds_exits_with_2_and_one_line(
    seeds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says = f"seeds must be a whole number from 2 to 1000, not {seeds!r}"
    assert_refused(["run", "temperature", "--seeds", seeds], says, capsys)


def test_too_much_work_exits_with_2_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    heavy = "teacher_hidden=1024,1024,1024,1024"
    arguments = ["run", "temperature", "--seeds", "1000", "--set", heavy]
    assert_refused(
        arguments, "fewer seeds, fewer conditions, fewer samples or narrower networks", capsys
    )


def test_a_diverged_run_exits_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(_: CheckedSettings, monitor: Monitor) -> NoReturn:
        raise Diverged("Training diverged: 1 of 2 networks")

    replace_experiment(monkeypatch, diverge)
    assert_refused(["run", "temperature"], "Training diverged: 1 of 2 networks", capsys)


def test_a_fault_of_the_program_is_not_passed_off_as_bad_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fault(_: CheckedSettings, monitor: Monitor) -> NoReturn:
        raise KeyError("fault")

    replace_experiment(monkeypatch, fault)
    with pytest.raises(KeyError, match="fault"):
        command_line.main(["run", "temperature"])


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--help"])
    assert stop.value.code == 0
    captured = capsys.readouterr()
    assert "list" in captured.out
    assert captured.err == ""
