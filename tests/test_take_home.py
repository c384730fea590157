"""What is taken home works without this project, and says what the app says."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from scipy.special import stdtrit

from kdcore.data import digits
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.balance import BalanceSettings
from kdcore.experiments.controls import ControlsSettings
from kdcore.experiments.lab import EXPERIMENT, LabResult, LabSettings
from kdcore.experiments.result import Measured, Result
from kdcore.experiments.temperature import TemperatureSettings
from kdcore.models import MLPStack
from kdcore.settings import TEACHER_EPOCHS
from kdcore.take_home import as_onnx, as_safetensors, as_script, has_script, metadata
from pages.common.take_home import file_names, snippets
from tests.small import short_lessons

ONE_IMAGE = 100 / 897

FEW: dict[str, Any] = {"student_samples": 2_000, "seeds": 2}

#: Small, so that the plain loop is soon done; the second differs in all that makes a difference.
PLAIN = LabSettings(teacher_hidden=(64,), student_samples=2_000, seeds=2)
DEEP = LabSettings(
    temperature=2,
    alpha=0,
    teacher_hidden=(32, 16),
    student_hidden=(16, 8),
    labels=300,
    student_samples=2_000,
    seeds=2,
    split=1,
    first_seed=3,
)


@pytest.fixture(scope="module")
def plain() -> LabResult:
    """Teachers train for less here; a script follows that :func:`shortened` has made of it."""
    with short_lessons(EPOCHS):
        return EXPERIMENT.run(PLAIN)


@pytest.fixture(scope="module")
def deep() -> LabResult:
    return EXPERIMENT.run(DEEP)


#: Passes of a teacher where the engine and the script are held to few.
EPOCHS = 5


@pytest.fixture(scope="module")
def tables() -> dict[str, Result[Any, Any]]:
    """Return runs of the other experiments that have a script."""
    asked = {
        "temperature": TemperatureSettings(
            **FEW, teacher_hidden=(16,), temperatures=(1, 8), split=2
        ),
        "balance": BalanceSettings(**FEW, label_noise=0.3, alphas=(0, 0.6, 1), first_seed=5),
    }
    with short_lessons(EPOCHS):
        return {name: EXPERIMENTS[name].run(settings) for name, settings in asked.items()}


@pytest.fixture(params=["plain", "deep"])
def result(request: pytest.FixtureRequest) -> LabResult:
    return request.getfixturevalue(request.param)


def run_alone(*paths: Path) -> None:
    """Run programs in a fresh process that sees neither this project nor the environment.

    What each prints is beside it then. One process for several, as most of its time goes into what
    they import.
    """
    program = """
import runpy, sys
from contextlib import redirect_stdout
for name in sys.argv[1:]:
    with open(name + ".out", "w", encoding="utf-8") as out, redirect_stdout(out):
        runpy.run_path(name, run_name="__main__")
"""
    process = subprocess.run(
        [sys.executable, "-I", "-c", program, *(path.name for path in paths)],
        cwd=paths[0].parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )
    assert process.returncode == 0, process.stderr


@pytest.fixture(scope="module")
def home(
    plain: LabResult,
    deep: LabResult,
    tables: dict[str, Result[Any, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return a folder with what was taken home and what it says there, run without this project."""
    folder = tmp_path_factory.mktemp("home")
    scripts = {
        file_names(deep.settings)["script"]: as_script(deep),
        "noted.py": with_notes(shortened(as_script(plain))),
        "edited.py": edited(shortened(as_script(plain))),
        **{f"{name}.py": shortened(as_script(run)) for name, run in tables.items()},
    }
    for name, script in scripts.items():
        (folder / name).write_text(script, "utf-8")
    student = deep.measured.networks["distilled"]
    (folder / file_names(deep.settings)["safetensors"]).write_bytes(as_safetensors(student, {}))
    ask = (
        "assert soft_labels.shape == (1, 10)\n"
        "logits = student(torch.tensor(np.load('pixels.npy'))).detach().numpy()"
    )
    load = write_loading(snippets(deep)["safetensors"], folder, ask)
    run_alone(*(folder / name for name in scripts), load)
    return folder


def said(home: Path, script: str) -> str:
    """Return what a script has printed."""
    return (home / f"{script}.out").read_text("utf-8")


def with_notes(script: str) -> str:
    """Return a script that also prints what it measures of each seed."""
    start = 'if __name__ == "__main__":\n'
    assert script.count(start) == 1
    note = """
run_alone = run_seed

def run_seed(seed):
    import json
    measured = run_alone(seed)
    print("seed:", json.dumps(measured))
    return measured

"""
    return script.replace(start, note + start)


def edited(script: str) -> str:
    """Return a script as a learner changes it."""
    students = "STUDENTS = [(4.0, 0.3)]"
    assert script.count(students) == 1
    return script.replace(students, "STUDENTS = [(1, 0.3)]")


def shortened(script: str) -> str:
    """Return a script whose teachers train for as long as those of :func:`plain`."""
    full = f"TEACHER_EPOCHS = {TEACHER_EPOCHS}\n"
    assert script.count(full) == 1
    return script.replace(full, f"TEACHER_EPOCHS = {EPOCHS}\n")


def namespace(script: str) -> dict[str, Any]:
    """Return what a script defines, without running it."""
    defined: dict[str, Any] = {"__name__": "taken_home"}
    exec(compile(script, "run.py", "exec"), defined)
    return defined


def printed(output: str) -> dict[str, tuple[float, ...]]:
    """Return the figures of the column "this script": mean and half-width."""
    line = re.compile(r"^(\S.*: \w+) +([+-]?[\d.]+) ± ([\d.]+)", re.MULTILINE)
    return {name: (float(mean), float(width)) for name, mean, width in line.findall(output)}


def expected_of_lab(result: LabResult) -> dict[str, tuple[float, float]]:
    student = f"T = {result.settings.temperature:g}, alpha = {result.settings.alpha:g}"
    intervals = {
        "teacher: accuracy": result.measured.teacher,
        "hard labels: accuracy": result.measured.hard,
        "hard labels: agreement": result.measured.hard_agreement,
        f"{student}: accuracy": result.measured.distilled,
        f"{student}: agreement": result.measured.distilled_agreement,
        f"{student}: gain": result.measured.gain,
    }
    return {name: (100 * i.mean, 100 * i.half_width) for name, i in intervals.items()}


# ---------------------------------------------------------------------------------- the script


def assert_figures_of_the_engine(output: str, result: LabResult) -> None:
    figures = printed(output)
    expected = expected_of_lab(result)
    assert figures.keys() == expected.keys()
    for name, (mean, half_width) in expected.items():
        assert figures[name][0] == pytest.approx(mean, abs=0.1), name
        # With two seeds, an image that one of them reads differently widens the interval by 0.7.
        assert figures[name][1] == pytest.approx(half_width, abs=0.8), name
    assert re.search(rf": gain .* {result.measured.verdict}$", output, re.MULTILINE)
    assert "The figures agree with the app's" in output


def test_the_script_gives_the_figures_of_the_engine(deep: LabResult, home: Path) -> None:
    assert_figures_of_the_engine(said(home, file_names(deep.settings)["script"]), deep)


def test_each_network_of_the_script_is_right_as_often_as_the_engines(
    plain: LabResult, home: Path
) -> None:
    output = said(home, "noted.py")
    assert_figures_of_the_engine(output, plain)
    measured = [json.loads(line) for line in re.findall(r"^seed: (.*)$", output, re.MULTILINE)]
    names = ("teacher: accuracy", "hard labels: accuracy", "T = 4, alpha = 0.3: accuracy")
    for own, accuracies in zip(measured, plain.accuracy, strict=True):
        for name, accuracy in zip(names, accuracies, strict=True):
            assert own[name] == pytest.approx(100 * accuracy.item(), abs=1.01 * ONE_IMAGE)


@pytest.mark.parametrize("experiment", ["temperature", "balance"])
def test_the_script_of_an_experiment_gives_its_table(
    experiment: str, tables: dict[str, Result[Any, Any]], home: Path
) -> None:
    result = tables[experiment]
    settings = result.settings
    output = said(home, f"{experiment}.py")
    figures = printed(output)
    for row in result.rows:
        T = row.get("temperature", getattr(settings, "temperature", None))
        alpha = row.get("alpha", getattr(settings, "alpha", None))
        name = "hard labels" if row["gain"] is None else f"T = {T:g}, alpha = {alpha:g}"
        assert figures[f"{name}: accuracy"][0] == pytest.approx(
            100 * row["student_accuracy"], abs=0.1
        )
        if row["gain"] is not None:
            assert figures[f"{name}: gain"][0] == pytest.approx(100 * row["gain"], abs=0.1)
        if "agreement" in row:
            assert figures[f"{name}: agreement"][0] == pytest.approx(
                100 * row["agreement"], abs=0.1
            )
        if "teacher_accuracy" in row:
            assert figures["teacher: accuracy"][0] == pytest.approx(
                100 * row["teacher_accuracy"], abs=0.1
            )
    assert "The figures agree with the app's" in output


def test_who_changes_a_setting_gets_other_figures_and_is_told(plain: LabResult, home: Path) -> None:
    output = said(home, "edited.py")
    figures, expected = printed(output), expected_of_lab(plain)
    assert figures["hard labels: accuracy"][0] == pytest.approx(
        expected["hard labels: accuracy"][0], abs=0.1
    )
    change = (
        figures["T = 1, alpha = 0.3: accuracy"][0] - expected["T = 4, alpha = 0.3: accuracy"][0]
    )
    assert abs(change) > 1
    assert "do NOT agree" in output


def test_the_script_imports_torch_and_numpy_and_nothing_else_to_install(plain: LabResult) -> None:
    imported = set()
    for node in ast.walk(ast.parse(as_script(plain))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).split(".")[0])
    assert imported - sys.stdlib_module_names == {"torch", "numpy"}


def test_the_script_names_the_authors_and_the_licence_of_the_digits(plain: LabResult) -> None:
    before_data = as_script(plain).split("DIGITS = ")[0]
    for said in ("E. Alpaydin", "C. Kaynak", "1998", "CC BY 4.0"):
        assert said in before_data


def test_the_script_passes_a_linter(plain: LabResult, tmp_path: Path) -> None:
    path = tmp_path / "run.py"
    path.write_text(as_script(plain), "utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", str(path)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout


def test_the_scripts_quantile_is_students(plain: LabResult) -> None:
    t_quantile = namespace(as_script(plain))["t_quantile"]
    for degrees in (1, 2, 4, 9, 19, 99, 999):
        assert t_quantile(degrees) == pytest.approx(stdtrit(degrees, 0.975), rel=1e-6)


def test_a_run_has_a_script_or_says_that_it_has_none() -> None:
    for settings in (LabSettings(), TemperatureSettings(), BalanceSettings()):
        assert has_script(settings)
    assert not has_script(ControlsSettings())
    result = Result(EXPERIMENTS["controls"], ControlsSettings(), Measured([]), 0.0)
    with pytest.raises(ValueError, match="no script for controls"):
        as_script(result)


# --------------------------------------------------------------------------------- the networks


def write_loading(code: str, folder: Path, ask: str) -> Path:
    """Write a program of the code that the page shows and then ``ask``, which keeps ``logits``."""
    np.save(folder / "pixels.npy", digits(DEEP.split).test.inputs.numpy())
    ending = f"\nimport sys\n{ask}\nnp.save('logits.npy', logits)\n"
    (folder / "load.py").write_text(f"import numpy as np\n{code}{ending}", "utf-8")
    return folder / "load.py"


def test_the_page_tells_how_to_load_the_safetensors_and_they_give_its_logits(
    deep: LabResult, home: Path
) -> None:
    student, logits = deep.measured.networks["distilled"], np.load(home / "logits.npy")
    inputs = digits(DEEP.split).test.inputs
    np.testing.assert_allclose(logits, student.logits(inputs)[0, 0], atol=1e-5)
    np.testing.assert_allclose(logits, deep.measured.example_logits["distilled"], atol=1e-4)


def test_the_page_tells_how_to_load_the_onnx_and_it_gives_its_logits_without_torch(
    result: LabResult, tmp_path: Path
) -> None:
    student = result.measured.networks["distilled"]
    path = tmp_path / file_names(result.settings)["onnx"]
    path.write_bytes(as_onnx(student, {"network": "distilled"}))
    load = write_loading(
        snippets(result)["onnx"],
        tmp_path,
        "assert logits.shape == (1, 10) and 'torch' not in sys.modules\n"
        "assert session.get_modelmeta().custom_metadata_map['network'] == 'distilled'\n"
        "pixels = np.load('pixels.npy')\n"
        "(first,) = session.run(['logits'], {'pixels': pixels[:1]})\n"
        "(logits,) = session.run(['logits'], {'pixels': pixels})\n"
        "assert np.allclose(first, logits[:1], atol=1e-5)",
    )
    run_alone(load)
    logits = np.load(tmp_path / "logits.npy")
    assert logits.shape == (897, 10)
    inputs = digits(DEEP.split).test.inputs
    np.testing.assert_allclose(logits, student.logits(inputs)[0, 0], atol=1e-5)


def test_the_files_say_what_they_are(plain: LabResult, tmp_path: Path) -> None:
    about = metadata(plain, "distilled")
    path = tmp_path / "student.safetensors"
    path.write_bytes(as_safetensors(plain.measured.networks["distilled"], about))
    with safe_open(path, "pt") as file:
        said = file.metadata()
        shapes = {name: tuple(file.get_tensor(name).shape) for name in file.keys()}  # noqa: SIM118
    assert shapes == {
        "0.weight": (32, 64),
        "0.bias": (32,),
        "2.weight": (10, 32),
        "2.bias": (10,),
    }
    assert said["layer_sizes"] == "64,32,10"
    assert said["setting_temperature"] == "4"
    assert said["setting_teacher_hidden"] == "64"
    assert said["network"] == "distilled"
    assert "64 pixels" in said["inputs"]
    assert said["torch"] == torch.__version__
    assert float(said["test_accuracy"]) == pytest.approx(plain.accuracy[0, 2].item(), abs=1e-4)


def test_each_network_says_how_often_it_is_right_itself(plain: LabResult) -> None:
    for who, own in zip(("teacher", "hard", "distilled"), plain.accuracy[0], strict=True):
        said = metadata(plain, who)
        assert said["network"] == who
        assert float(said["test_accuracy"]) == pytest.approx(own.item(), abs=1e-4)


@pytest.mark.parametrize("export", [as_safetensors, as_onnx])
def test_a_file_holds_one_network(export: Callable[[MLPStack, dict[str, str]], bytes]) -> None:
    stack = MLPStack.initialise((64, 4, 10), seeds=(0, 1), conditions=3)
    with pytest.raises(ValueError, match="holds one network, and this stack has 6"):
        export(stack, {})
    assert export(stack.network(1, 2), {})
