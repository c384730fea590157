"""Offers a run of the Lab as files that work without this app."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from kdcore.experiments.lab import LabResult, LabSettings
from kdcore.settings import ALPHA, TEMPERATURE
from kdcore.take_home import as_onnx, as_safetensors, as_script, metadata, sequential
from pages.common.words import words

STUDENT = "distilled"


def show(result: LabResult, key: str) -> None:
    """Draw the section: downloads of the script and the first seed's student, and how to load them.

    ``key`` tells this section from others of the same session.
    """
    text = words("take_home")
    student, about = result.measured.networks[STUDENT], metadata(result, STUDENT)
    names = file_names(result.settings)
    # Made on click, on a thread of their own: whoever only looks does not wait for them.
    files: dict[str, tuple[Callable[[], str | bytes], str]] = {
        "script": (partial(as_script, result), "text/x-python"),
        "safetensors": (partial(as_safetensors, student, about), "application/octet-stream"),
        "onnx": (partial(as_onnx, student, about), "application/octet-stream"),
    }
    st.subheader(text["heading"], anchor=False)
    share = f"{100 * float(about['test_accuracy']):.1f} %"
    st.markdown(text["explain"].format(accuracy=share))
    with st.container(horizontal=True, key=f"{key}-take-home"):
        for kind, (make, mime) in files.items():
            st.download_button(
                text["buttons"][kind],
                make,
                names[kind],
                mime,
                key=f"{key}-{kind}",
                on_click="ignore",
                icon=":material/download:",
            )
    with st.expander(text["load"]["heading"], icon=":material/integration_instructions:"):
        for kind, code in snippets(result).items():
            st.markdown(text["load"][kind].format(seeds=result.settings.seeds))
            st.code(code, "bash" if kind == "script" else "python")


def file_names(settings: LabSettings) -> dict[str, str]:
    """Return what the files are called: their names say which run they are of."""
    widths = "-".join(map(str, settings.student_hidden))
    temperature, alpha = TEMPERATURE.format(settings.temperature), ALPHA.format(settings.alpha)
    run = f"{widths}-T{temperature}-alpha{alpha}"
    return {
        "script": f"distil-{run}.py",
        "safetensors": f"student-{run}.safetensors",
        "onnx": f"student-{run}.onnx",
    }


def snippets(result: LabResult) -> dict[str, str]:
    """Return the code that uses each of the files."""
    code, names = words("take_home")["code"], file_names(result.settings)
    values = {
        "network": sequential(result.measured.networks[STUDENT]),
        "temperature": TEMPERATURE.format(result.settings.temperature),
    }
    return {kind: code[kind].strip().format(file=name, **values) for kind, name in names.items()}
