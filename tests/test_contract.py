"""What every experiment takes: samples that a student sees, another split, other seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from kdcore import command_line
from kdcore.data import digits
from kdcore.experiments import EXPERIMENTS
from kdcore.experiments.on_policy import OnPolicySettings
from kdcore.words import Refusal, words
from tests.small import FEW, as_small_as_can_be, short_lessons

#: The published run is what it is: neither its length nor its data are anybody's to set.
PUBLISHED = ("reference", "reference-faults")
#: Runs of these do not say what each of several seeds has found.
ONE_FIGURE = ("balance-map", "playground")
OURS = [name for name in EXPERIMENTS if name not in PUBLISHED]
SMALL = {key: value for key, value in FEW.items() if key != "student_samples"}


def measured(name: str, **texts: str) -> Any:
    """Return what a run finds in each row: its accuracy of each seed, or all where it has none."""
    experiment = EXPERIMENTS[name]
    settings = experiment.settings.from_texts({"student_samples": "320"} | texts)
    with short_lessons():
        result = experiment.run(as_small_as_can_be(settings, SMALL))
    for key, text in texts.items():
        assert str(result.settings.values()[key]) == text
    columns = {column.removesuffix("_ci") for row in result.rows for column in row}
    assert columns <= words("columns").keys(), "a table has no heading for it"
    accuracy = result.measured.accuracy
    if accuracy is None:
        return result.rows
    for row, own in zip(result.rows, accuracy.T, strict=True):
        assert row["student_accuracy"] == pytest.approx(own.mean().item())
    return accuracy.T.tolist()


@contextmanager
def without_the_usual_split() -> Iterator[None]:
    """Let whoever asks for images of the usual split fail, also if few of a run's students do."""
    with pytest.MonkeyPatch.context() as patch:
        for usual in (digits(), digits(0)):
            patch.delitem(vars(usual), "training")
            patch.delitem(vars(usual), "test")
        yield


@pytest.mark.parametrize("name", OURS)
def test_every_experiment_takes_samples_a_split_and_seeds_and_all_matter(name: str) -> None:
    settings = EXPERIMENTS[name].settings
    assert settings.from_texts({"split": "0"}) == settings()
    usual = measured(name)
    assert measured(name, student_samples="1280") != usual
    with without_the_usual_split():
        elsewhere = measured(name, split="1")
    assert all(own != same for own, same in zip(elsewhere, usual, strict=True))
    later = measured(name, **{"seed" if name == "playground" else "first_seed": "1"})
    assert all(own != same for own, same in zip(later, usual, strict=True))
    if name not in ONE_FIGURE:
        # The second seed of the one run is the first of the other, but for an image by rounding.
        assert [own[0] for own in later] == pytest.approx([own[1] for own in usual], abs=1.5 / 897)


def test_the_published_run_takes_neither() -> None:
    for name in PUBLISHED:
        assert {"student_samples", "split"}.isdisjoint(EXPERIMENTS[name].settings.parameters())


def test_the_list_names_both_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    command_line.main(["list"])
    printed = capsys.readouterr().out
    for key in ("student_samples", "split"):
        assert printed.count(f"\n    {key}=") == len(OURS)


# ---------------------------------------------------------------------- the pen counts in steps


def test_steps_and_samples_of_the_pen_say_the_same() -> None:
    def both(**given: Any) -> tuple[int, int]:
        settings = OnPolicySettings(**given)
        return settings.steps, settings.student_samples

    assert both() == (1_000, 32_000)
    assert both(steps=500) == both(student_samples=16_000) == (500, 16_000)
    assert both(steps=500, student_samples=16_000) == (500, 16_000)
    assert both(student_samples=15_990) == (500, 15_990)  # the last batch is full
    assert OnPolicySettings(steps=500) == OnPolicySettings(student_samples=16_000)


@pytest.mark.parametrize("settings", [OnPolicySettings(), OnPolicySettings(steps=500)])
def test_what_a_run_of_the_pen_was_set_to_sets_it_again(settings: OnPolicySettings) -> None:
    assert OnPolicySettings.from_texts(settings.texts()) == settings
    assert OnPolicySettings(**settings.values()) == settings


def test_steps_and_samples_that_differ_are_refused() -> None:
    with pytest.raises(Refusal, match="64000 samples are not 500 steps"):
        OnPolicySettings(steps=500, student_samples=64_000)
    # Also where one of them is what it would be anyway, but was said.
    for steps, samples in (("1000", "64000"), ("500", "32000")):
        with pytest.raises(Refusal, match=f"{samples} samples are not {steps} steps"):
            OnPolicySettings.from_texts({"steps": steps, "student_samples": samples})


def test_another_split_has_other_drawings_to_test_the_same_students_on() -> None:
    run = EXPERIMENTS["on-policy"].run
    usual, other = (
        run(OnPolicySettings(seeds=2, steps=20, split=split)).measured for split in (0, 1)
    )
    for mine, same in zip(usual.students, other.students, strict=True):
        assert torch.equal(mine.buffer, same.buffer)
    assert not torch.equal(usual.teacher_path, other.teacher_path)
