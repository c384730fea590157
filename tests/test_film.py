"""The film of three networks that learn points of the plane."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from kdcore.experiments import playground as experiments_playground
from kdcore.experiments.playground import MeasuredFilms, PlaygroundSettings, playground
from kdcore.losses import soft_labels
from kdcore.monitor import SILENT
from kdcore.playground.film import (
    FRAMES,
    GRID,
    Film,
)
from kdcore.playground.film import grid as grid_cells
from kdcore.playground.own import OwnPoints, clicked_points
from kdcore.playground.shapes import TEST_POINTS, labels_per_class
from kdcore.statistics import mean_interval
from kdcore.store import BoundedStore


@pytest.fixture(scope="module")
def blobs() -> MeasuredFilms:
    return playground(PlaygroundSettings(plane="blobs"))


def films(result: MeasuredFilms) -> list[Film]:
    return [result.teacher, result.hard, result.distilled]


@pytest.mark.parametrize("points", [20, 61, 1000])
def test_every_film_has_all_frames_however_many_points_there_are(points: int) -> None:
    settings = PlaygroundSettings(plane="circles", points=points, teacher_hidden=(8,))
    for film in films(playground(settings)):
        assert film.logits.shape == (FRAMES + 1, GRID * GRID, 1)
        assert len(film.accuracy) == len(film.samples_seen) == FRAMES + 1
        assert list(film.samples_seen) == sorted(set(film.samples_seen))
        assert film.samples_seen[0] == 0


def test_the_last_frame_is_what_the_trained_networks_say(blobs: MeasuredFilms) -> None:
    cells = grid_cells(blobs.reach)
    teacher = blobs.teacher_stack.logits(cells)[0, 0]
    students = blobs.students_stack.logits(cells)[0]
    for film, logits in zip(films(blobs), (teacher, *students), strict=True):
        sent = torch.from_numpy(film.logits[-1].astype(np.float32))
        assert torch.allclose(sent, logits[:, :-1] - logits[:, -1:], rtol=2e-3, atol=2e-3)
        # The last class's logit is 0 in what is sent; softmax cannot tell.
        rebuilt = torch.cat([sent, torch.zeros(len(sent), 1)], dim=1)
        difference = soft_labels(rebuilt, 4.0) - soft_labels(logits, 4.0)
        assert difference.abs().max() < 5e-3


def test_accuracy_of_the_last_frame_is_that_of_the_networks_on_held_out_points(
    blobs: MeasuredFilms,
) -> None:
    test = blobs.plane.dataset.test
    answers = blobs.students_stack.logits(test.inputs)[0].argmax(-1)
    right = (answers == test.labels).double().mean(-1)
    assert [blobs.hard.accuracy[-1], blobs.distilled.accuracy[-1]] == right.tolist()
    assert blobs.points_measured_on == TEST_POINTS


def test_the_grid_holds_every_point_and_starts_at_the_bottom_left(blobs: MeasuredFilms) -> None:
    cells = grid_cells(blobs.reach)
    assert cells.abs().max() < blobs.reach
    assert blobs.plane.dataset.training.inputs.abs().max() < blobs.reach
    assert (cells[0] < 0).all()
    assert cells[1, 0] > cells[0, 0]
    assert cells[GRID, 1] > cells[0, 1]


@pytest.mark.parametrize("changed", [{"temperature": 15.0}, {"alpha": 0.8}])
def test_t_and_alpha_change_the_distilled_student_only(
    blobs: MeasuredFilms, changed: dict[str, float]
) -> None:
    other = playground(PlaygroundSettings(plane="blobs", **changed))  # type: ignore[arg-type]
    assert np.array_equal(other.hard.logits, blobs.hard.logits)
    assert np.array_equal(other.teacher.logits, blobs.teacher.logits)
    assert not np.array_equal(other.distilled.logits[-1], blobs.distilled.logits[-1])


def test_whatever_the_teacher_depends_on_makes_it_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filmed: list[object] = []

    def without_training(*_: object) -> list[object]:
        filmed.append(object())
        return filmed[-1:]

    monkeypatch.setattr(experiments_playground, "_teachers", BoundedStore(capacity=16))
    monkeypatch.setattr(experiments_playground, "filmed", without_training)
    usual = PlaygroundSettings()
    own = OwnPoints(((0, 0, 0), (1, 1, 1)) * 4, ("a", "b"))
    others: list[dict[str, Any]] = [
        *({"plane": "blobs"}, {"noise": 0.3}, {"points": 50}, {"teacher_hidden": (8,)}),
        *({"seed": 1}, {"split": 1}, {"own": own}),
    ]
    for settings in 2 * [usual, *(replace(usual, **other) for other in others)]:
        experiments_playground._filmed_teacher(settings, settings.data(), 1.0, SILENT)
    assert len(filmed) == 1 + len(others)


def test_with_alpha_1_both_students_are_one() -> None:
    result = playground(PlaygroundSettings(plane="blobs", alpha=1.0, student_samples=960))
    assert np.array_equal(result.hard.logits, result.distilled.logits)


def test_the_same_settings_make_the_same_film(blobs: MeasuredFilms) -> None:
    again = playground(PlaygroundSettings(plane="blobs"))
    assert all(
        np.array_equal(a.logits, b.logits) for a, b in zip(films(blobs), films(again), strict=True)
    )


def test_the_students_see_only_their_labels(blobs: MeasuredFilms) -> None:
    assert len(blobs.seen) == 4 * PlaygroundSettings().labels_per_class
    for seed in (0, 1):
        settings = PlaygroundSettings(plane="blobs", seed=seed, student_samples=960)
        labels = settings.data().dataset.training.labels
        own = labels_per_class(labels, settings.labels_per_class, seed)
        assert torch.equal(playground(settings).seen, own)


def test_soft_labels_help_where_the_ring_is_hardly_labelled() -> None:
    gains = []
    for seed in range(5):
        settings = PlaygroundSettings(plane="circles", seed=seed, student_samples=6_000)
        result = playground(settings)
        gains.append(result.distilled.accuracy[-1] - result.hard.accuracy[-1])
    assert mean_interval(gains).low > 0


def test_own_points_are_trained_on_and_measured_on_themselves() -> None:
    six = [[x, y, k] for k in (1, 3) for x, y in ((k, 0.5), (k + 0.5, 1.5), (k, -1.0))]
    result = playground(PlaygroundSettings(own=clicked_points(six)))
    assert not result.plane.held_out
    assert result.points_measured_on == 6
    assert result.teacher.accuracy[-1] == 1


def test_two_files_with_equal_settings_are_two_runs() -> None:
    one = OwnPoints(((0, 0, 0), (1, 1, 1)) * 4, ("a", "b"))
    other = OwnPoints(((0, 1, 0), (1, 0, 1)) * 4, ("a", "b"))
    first, second = (
        playground(PlaygroundSettings(own=own, student_samples=960)) for own in (one, other)
    )
    assert not np.array_equal(first.teacher.logits[-1], second.teacher.logits[-1])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"plane": "torus"}, "plane must be one of"),
        ({"noise": -0.1}, "noise must be a number from 0 to 1"),
        ({"points": 5}, "points must be a whole number from 20"),
        ({"temperature": 0}, "temperature must be"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"teacher_hidden": (5000,)}, "teacher_hidden must be"),
    ],
)
def test_settings_out_of_range_are_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        playground(PlaygroundSettings(**changed))  # type: ignore[arg-type]
