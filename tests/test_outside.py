"""What comes from outside, or breaks there, harms nobody: links, words files, whoever reads us."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from streamlit.testing.v1 import AppTest

from pages.common import course
from pages.common.course import PAGES

ROOT = PAGES.parent

HOSTILE = (
    "# Win\n\n[a link](https://evil.example) ![](https://evil.example/a.png) `code` " + "x" * 500
)


def test_a_link_puts_no_markdown_into_our_note() -> None:
    page = AppTest.from_file(str(PAGES / "temperature.py"), default_timeout=60)
    page.session_state["frame.navigated"] = True
    page.query_params["alpha"] = HOSTILE
    page.query_params[f"a` {HOSTILE}"] = "1"
    page.run()
    notes = page.info[0].value.split("  \n")
    assert len(notes) == 2
    for note in notes:
        outside = note.split("`")[::2]
        assert not any("[" in part or "#" in part or "evil" in part for part in outside)
        assert len(note) < 250


def test_a_page_whose_words_are_broken_stops_no_other(tmp_path: Path) -> None:
    for place in ("kdcore", "pages", "assets"):
        shutil.copytree(ROOT / place, tmp_path / place)
    broken = {"balance": "", "temperature": "title = ", "patience": "title = 'only this'"}
    for name, words in broken.items():
        (tmp_path / f"assets/lessons/en/{name}.toml").write_text(words, "utf-8")
    script = "from pages.common import course; print([entry.name for entry in course.pages()])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    named = done.stdout.strip()
    assert named == str([entry.name for entry in course.pages() if entry.name not in broken])
    for name in broken:
        assert f"{name}.py cannot be shown" in done.stderr


def print_into(out: IO[bytes], words: int) -> tuple[int, str]:
    """Let a process print that ends as ours does, but has nothing to load; say how it ended."""
    script = f"""
import sys
from kdcore import __main__ as program
program.main = lambda: print("word " * {words}) or 0
sys.exit(program.run_from_shell())
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        # Where nothing waits to be written, nothing would be left to write at exit.
        env={key: said for key, said in os.environ.items() if key != "PYTHONUNBUFFERED"},
        stdout=out,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    return ended.returncode, ended.stderr.decode()


#: What is written while it is printed, and what waits for the end.
MUCH, LITTLE = 100_000, 1


@pytest.mark.parametrize("words", [MUCH, LITTLE])
def test_a_reader_that_has_seen_enough_leaves_no_traceback(words: int) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with open(writes, "wb") as nobody:
        assert print_into(nobody, words) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("words", [MUCH, LITTLE])
def test_a_full_disk_is_said_in_one_line(words: int) -> None:
    with Path("/dev/full").open("wb") as full:
        code, said = print_into(full, words)
    assert code == 1
    assert "Traceback" not in said and len(said.splitlines()) == 1


def hears_ctrl_c() -> None:
    # A shell lets what it runs in the background ignore it, and tests run there, too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Interrupted:
    """What a process said that trained, and was interrupted while it trained once more."""

    needless: str
    code: int
    said: str


@pytest.fixture(scope="module")
def interrupted() -> Interrupted:
    script = """
import sys
import kdcore.command_line
import kdcore.take_home
from kdcore.__main__ import run_from_shell
from kdcore.experiments import EXPERIMENTS
from kdcore.visit.jobs import shared_pool
from tests.small import as_small_as_can_be

shared_pool()
for name in ("feature", "broken"):  # by autograd, and by everything in losses
    EXPERIMENTS[name].run(as_small_as_can_be(EXPERIMENTS[name].settings()))
needless = {"dask", "distributed", "tornado", "onnx", "onnxruntime", "sympy"}
found = [name for name in sys.modules if name.split(".")[0] in needless or name == "torch._dynamo"]
print(found, flush=True)

sys.argv = ["kdcore", "run", "teacher-size", "--seeds", "20"]
sys.exit(run_from_shell())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={key: said for key, said in os.environ.items() if key != "KDCORE_SCHEDULER"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,
    )
    assert process.stdout is not None and process.stderr is not None
    needless = process.stdout.readline().strip()
    begun = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "%" in begun, begun + said  # it trained
    return Interrupted(needless, process.returncode, said)


def test_what_is_not_asked_for_is_not_loaded(interrupted: Interrupted) -> None:
    """Not dask without a scheduler, not ONNX, and no compiler and no SymPy where one trains."""
    assert interrupted.needless == "[]"


def test_a_run_that_is_interrupted_leaves_no_traceback(interrupted: Interrupted) -> None:
    assert interrupted.code == 130
    assert "Traceback" not in interrupted.said


def test_who_interrupts_it_while_it_starts_sees_no_traceback_either() -> None:
    process = subprocess.Popen(
        [sys.executable, "-v", "-m", "kdcore", "list"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hears_ctrl_c,
    )
    assert process.stderr is not None
    while b"import 'torch._C'" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert b"stopped" in said
