"""What stands beside a run: where its figures come from, and what its page does not show of it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.result import AnyResult, Measured, Result
from pages.common.lesson import provenance_of, verdict_of
from pages.common.widgets import Controls


class Shown(dict[str, str]):
    """Controls of a page: names and what they are set to."""

    def text(self, name: str) -> str:
        return self[name]


def run_of(name: str, **changes: Any) -> AnyResult:
    experiment = EXPERIMENTS[name]
    return Result(experiment, experiment.settings(**changes), cast(Measured, None), 1.0)


@pytest.mark.parametrize(
    ("name", "shown", "said"),
    [
        ("variants", {"temperature": "4"}, "teacher 256, 128"),
        # The other run of the same page has another teacher, and says so.
        ("feature", {"labels": "50"}, "teacher 128, 64"),
        ("balance", {"teacher_labels": "60"}, "teacher 64"),
        ("unseen-class", {}, "teacher 256, 128"),
    ],
)
def test_a_teacher_that_nobody_can_set_is_named(
    name: str, shown: dict[str, str], said: str
) -> None:
    assert said in provenance_of(run_of(name), cast(Controls, Shown(shown)))


def test_what_a_control_shows_is_not_said_again_unless_the_run_has_another_value() -> None:
    run = run_of("variants", labels=100)
    assert "labels 100" not in provenance_of(run, cast(Controls, Shown(labels="100")))
    assert "labels 100" in provenance_of(run, cast(Controls, Shown(labels="50")))


def test_a_verdict_names_how_long_its_students_trained() -> None:
    for samples, said in ((12_000, "12,000"), (48_000, "48,000")):
        run = run_of("lab", student_samples=samples)
        assert f"{said} samples" in verdict_of("supported", run)
        assert f"{said} samples" in provenance_of(run)
    assert "samples" not in verdict_of("supported", run_of("reference"))


def test_where_no_digit_is_read_no_test_images_are_named() -> None:
    for name in ("reference-faults", "words", "on-policy"):
        assert "test images" not in provenance_of(run_of(name)), name
    assert "897 test images" in provenance_of(run_of("lab"))


def test_seeds_and_split_are_said_where_they_are_not_the_usual_ones() -> None:
    usual, other = (provenance_of(run_of("lab", **c)) for c in ({}, {"first_seed": 7, "split": 2}))
    assert "seeds from" not in usual
    assert "seeds from 7" in other
    assert "split 2" in other
