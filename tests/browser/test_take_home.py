"""What a learner downloads from the Lab is what the engine makes of the run on screen."""

from __future__ import annotations

from pathlib import Path

import torch
from playwright.sync_api import Page, expect
from safetensors.torch import load_file

from kdcore.experiments.lab import EXPERIMENT, LabSettings
from kdcore.take_home import as_onnx, as_script, metadata
from tests.browser.conftest import GoOn
from tests.browser.test_lab import wait_for_result
from tests.browser.walk import fits_a_phone


def download(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_run_is_taken_home_from_the_lab(go_on: GoOn, tmp_path: Path) -> None:
    query = "?v=1&temperature=2&alpha=0.1&teacher_hidden=256&student_hidden=16&labels=50"
    page = go_on("lab", query)
    wait_for_result(page)
    result = EXPERIMENT.run(LabSettings(temperature=2, alpha=0.1, student_hidden=(16,)))
    student, about = result.measured.networks["distilled"], metadata(result, "distilled")

    script = download(page, "Run as Python script", tmp_path)
    assert script.name == "distil-16-T2-alpha0.1.py"
    assert script.read_text("utf-8") == as_script(result)

    weights = download(page, "Student as safetensors", tmp_path)
    assert weights.name == "student-16-T2-alpha0.1.safetensors"
    tensors = load_file(weights)
    assert torch.equal(tensors["0.weight"], student.weights[0][0])
    assert torch.equal(tensors["2.bias"], student.biases[1][0, :, 0])

    model = download(page, "Student as ONNX", tmp_path)
    assert model.name == "student-16-T2-alpha0.1.onnx"
    assert model.read_bytes() == as_onnx(student, about)

    page.get_by_text("How to use these files").click()
    shown = page.locator('[data-testid="stCode"]')
    for code in (f"python {script.name}", "torch.nn.Linear(64, 16)", model.name):
        expect(shown.get_by_text(code).first).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("button", name="Student as ONNX")).to_be_visible()
    fits_a_phone(page)
