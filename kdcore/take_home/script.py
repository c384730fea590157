"""A run as a script: the template with the run's settings, its figures and the digits in it."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from kdcore.data import ASSETS, TRAINING_IMAGES_PER_CLASS
from kdcore.experiments.balance import HARD_ONLY, BalanceSettings
from kdcore.experiments.lab import LabSettings, MeasuredLab
from kdcore.experiments.result import AnyResult, Row
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.settings import CheckedSettings
from kdcore.statistics import Interval

_TEMPLATE = Path(__file__).with_name("script_template.py")

#: Figures in % or points, a mean and where it is known the half-width of its interval.
_Figures = dict[str, tuple[float, ...]]


def has_script(settings: CheckedSettings) -> bool:
    """Return whether a run with such settings can be written as a script."""
    return isinstance(settings, LabSettings | TemperatureSettings | BalanceSettings)


def as_script(result: AnyResult) -> str:
    """Return a run as a Python script that needs torch and numpy only.

    The script trains one network after another in plain PyTorch and prints its figures beside
    those of the result. It is a second implementation of the recipe on purpose: it imports
    nothing of this project, and repeats by itself how data are split and drawn, how weights
    start, and the loss.

    Raises
    ------
    ValueError
        If there is no script for such a run: ask :func:`has_script`.
    """
    settings = result.settings
    if isinstance(settings, LabSettings):
        return _filled(_settings(settings), _figures_of_lab(settings, result.measured))
    if isinstance(settings, TemperatureSettings):
        return _filled(_settings(settings), _figures_of_temperature(settings, result.rows))
    if isinstance(settings, BalanceSettings):
        return _filled(_settings(settings), _figures_of_balance(settings, result.rows))
    raise ValueError(f"There is no script for {result.name}")


def _settings(settings: LabSettings | TemperatureSettings | BalanceSettings) -> dict[str, Any]:
    """Return the settings under their names in the template."""
    common = {
        "STUDENTS": _students(settings),
        "STUDENT_HIDDEN": list(settings.student_hidden),
        "LABELS": settings.labels,
        "SEEDS": settings.seeds,
        "FIRST_SEED": settings.first_seed,
        "SPLIT": settings.split,
        "STUDENT_SAMPLES": settings.student_samples,
    }
    if isinstance(settings, BalanceSettings):
        return common | {
            "TEACHER_HIDDEN": list(BalanceSettings.teacher_hidden),
            "TEACHER_LABELS": settings.teacher_labels,
            "LABEL_NOISE": settings.label_noise,
        }
    return common | {
        "TEACHER_HIDDEN": list(settings.teacher_hidden),
        "TEACHER_LABELS": 10 * TRAINING_IMAGES_PER_CLASS,
        "LABEL_NOISE": 0.0,
    }


def _students(
    settings: LabSettings | TemperatureSettings | BalanceSettings,
) -> list[tuple[float, float]]:
    """Return temperature and α of each student besides the baseline."""
    if isinstance(settings, TemperatureSettings):
        return [(temperature, settings.alpha) for temperature in settings.temperatures]
    if isinstance(settings, BalanceSettings):
        return [(settings.temperature, alpha) for alpha in settings.alphas if alpha != HARD_ONLY]
    return [(settings.temperature, settings.alpha)]


# What follows names figures as the template does.

_BASELINE = "hard labels"


def _student(temperature: float, alpha: float) -> str:
    return f"T = {temperature:g}, alpha = {alpha:g}"


def _figures_of_lab(settings: LabSettings, measured: MeasuredLab) -> _Figures:
    student = _student(settings.temperature, settings.alpha)
    intervals = {
        "teacher: accuracy": measured.teacher,
        f"{_BASELINE}: accuracy": measured.hard,
        f"{_BASELINE}: agreement": measured.hard_agreement,
        f"{student}: accuracy": measured.distilled,
        f"{student}: agreement": measured.distilled_agreement,
        f"{student}: gain": measured.gain,
    }
    return {name: _in_percent(interval) for name, interval in intervals.items()}


def _figures_of_temperature(settings: TemperatureSettings, rows: list[Row]) -> _Figures:
    figures: _Figures = {}
    for row in rows:
        temperature = row["temperature"]
        name = _BASELINE if temperature is None else _student(temperature, settings.alpha)
        figures |= _accuracy_and_gain(name, row)
        figures[f"{name}: agreement"] = (100 * row["agreement"],)
    return figures


def _figures_of_balance(settings: BalanceSettings, rows: list[Row]) -> _Figures:
    figures: _Figures = {"teacher: accuracy": (100 * rows[0]["teacher_accuracy"],)}
    for row in rows:
        alpha = row["alpha"]
        name = _BASELINE if alpha == HARD_ONLY else _student(settings.temperature, alpha)
        figures |= _accuracy_and_gain(name, row)
    return figures


def _accuracy_and_gain(name: str, row: Row) -> _Figures:
    accuracy = (100 * row["student_accuracy"], 100 * row["student_accuracy_ci"])
    if row["gain"] is None:
        return {f"{name}: accuracy": accuracy}
    gain = (100 * row["gain"], 100 * row["gain_ci"])
    return {f"{name}: accuracy": accuracy, f"{name}: gain": gain}


def _in_percent(interval: Interval) -> tuple[float, float]:
    return 100 * interval.mean, 100 * interval.half_width


def _filled(settings: Mapping[str, Any], figures: _Figures) -> str:
    """Return the template with its settings, figures and digits replaced."""
    digits = base64.b64encode((ASSETS / "digits" / "digits.csv.gz").read_bytes()).decode()
    literals = {name: repr(value) for name, value in settings.items()}
    literals["SHOWN"] = _dict_literal(figures)
    literals["TORCH_OF_THE_APP"] = json.dumps(str(torch.__version__))
    literals["DIGITS"] = f'"""\n{textwrap.fill(digits, 99)}\n"""'
    script = _TEMPLATE.read_text("utf-8")
    for name, literal in literals.items():
        script = _assigned(script, name, literal)
    return script


def _assigned(script: str, name: str, literal: str) -> str:
    """Return the script with what stands behind ``name = `` at the top level replaced."""
    line = re.compile(rf"^({name}(?:: [^=]+)? = ).*$", re.MULTILINE)
    script, count = line.subn(lambda found: found[1] + literal, script)
    if count != 1:
        raise ValueError(f"the template must assign {name} in one line, once, not {count} times")
    return script


def _dict_literal(figures: _Figures) -> str:
    numbers = {name: tuple(round(n, 4) for n in figure) for name, figure in figures.items()}
    lines = (f"    {json.dumps(name)}: {figure},\n" for name, figure in numbers.items())
    return "{\n" + "".join(lines) + "}"
