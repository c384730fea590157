"""The components' JavaScript: its mathematics, its words, its colours, and how it is put together.

What needs a browser is in ``tests/browser/``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kdcore.figures import CLASS_LOOKS, PALETTE
from kdcore.playground.own import MOST_CLASSES
from kdcore.playground.shapes import LETTERS
from pages.common.components import module
from pages.common.words import ASSETS, words

JS = sorted(ASSETS.glob("*.js"))
COMPONENTS = [path.stem for path in JS if path.stem != "common"]
TESTS = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))
#: What may be drawn: texts of the page and diagrams that stand in it.
DRAWN = [*JS, *ASSETS.glob("*.css"), *ASSETS.glob("diagrams/*.svg")]

Node = Callable[..., str]


def named(path: Path) -> str:
    return path.name


@pytest.fixture(scope="session")
def node() -> Node:
    executable = shutil.which("node") or ""
    if not executable:
        message = "no node: the JavaScript is not tested (Debian's package is nodejs)"
        # Where CI is set, a test that was left out would look like one that passed.
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)

    def run(*arguments: str | Path) -> str:
        done = subprocess.run(
            [executable, *map(str, arguments)], capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_mathematics_of_the_components_passes_its_own_tests(node: Node) -> None:
    said = node("--test", "--test-reporter=tap", *TESTS)
    counted = re.search(r"^# pass (\d+)$", said, re.MULTILINE)
    written = sum(path.read_text("utf-8").count("\ntest(") for path in TESTS)
    assert counted is not None
    assert int(counted[1]) == written > 0


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_one_module_that_imports_nothing(
    name: str, node: Node, tmp_path: Path
) -> None:
    together = module(name)
    assert not re.search(r"^import ", together, re.MULTILINE)
    written = tmp_path / f"{name}.mjs"
    written.write_text(together, "utf-8")
    script = f"import('{written.as_uri()}').then((it) => console.log(typeof it.default))"
    assert node("--input-type=module", "--eval", script).strip() == "function"


@pytest.mark.parametrize("path", JS, ids=named)
def test_every_script_asks_the_editor_to_check_its_types(path: Path) -> None:
    assert path.read_text("utf-8").startswith("// @ts-check\n")


@pytest.mark.parametrize("path", JS, ids=named)
def test_no_script_holds_a_word_for_the_learner(path: Path) -> None:
    code = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    code = re.sub(r"(^|\s)//.*", "", code, flags=re.MULTILINE)
    code = re.sub(r'(find|findAll)\([^)]*\)|class: "[^"]*"', "", code)  # selectors, names of styles
    texts = re.findall(r'"([^"\n]*)"', code)
    texts += [re.sub(r"\$\{[^}]*\}", "", text) for text in re.findall(r"`([^`]*)`", code)]
    words = {text for text in texts if re.search(r"\b[A-Z][a-z]|[a-z] [a-z]", text)}
    keys = {"Enter", "Escape", "ArrowLeft", "ArrowRight", "PageUp", "PageDown"}
    assert words <= keys, "texts belong in assets/lessons, but for the name of a key"


@pytest.mark.parametrize("path", DRAWN, ids=named)
def test_the_colours_of_teacher_and_students_are_written_in_the_palette_alone(path: Path) -> None:
    text = path.read_text("utf-8").lower()
    assert [who for who, colour in PALETTE.items() if colour in text] == []


def test_every_colour_that_a_diagram_names_is_in_the_palette() -> None:
    for path in ASSETS.glob("diagrams/*.svg"):
        text = path.read_text("utf-8")
        assert set(re.findall(r"var\(--(\w+)\)", text)) <= set(PALETTE)
        assert set(re.findall(r'(?:fill|stroke)="([^"v][^"]*)"', text)) <= {"none", "currentColor"}


def test_each_class_of_points_has_a_look_of_its_own_and_none_has_that_of_a_network() -> None:
    assert len(CLASS_LOOKS) == MOST_CLASSES == len(LETTERS)
    colours, shapes = zip(*CLASS_LOOKS, strict=True)
    assert len({*colours, *PALETTE.values()}) == len(colours) + len(PALETTE)
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("path", sorted(ASSETS.glob("diagrams/*.svg")), ids=named)
def test_a_diagram_has_its_words_from_the_lesson(path: Path) -> None:
    svg = path.read_text("utf-8")
    known = words("four_ways")["diagrams"]
    asked = set(re.findall(r"\{(\w+)\}", svg))
    assert {f"{path.stem}_title", f"{path.stem}_description"} <= asked <= known.keys()
    # What else stands in it is of no language: symbols of the formulas.
    own = re.findall(r"<(?:text|title|desc)[^>]*>([^<{]*)<", svg)
    assert set(own) - {""} <= {"CE", "KL", "β · MSE", "T² · KL"}
