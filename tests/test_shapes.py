"""Sets of points in the plane."""

from __future__ import annotations

import pytest
import torch

from kdcore.playground.shapes import PLANES, TEST_POINTS, labels_per_class, plane

SETS = sorted(PLANES)


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_the_same_for_the_same_seed_and_another_for_another(name: str) -> None:
    one, same, other = plane(name, 120, 0.1, 3), plane(name, 120, 0.1, 3), plane(name, 120, 0.1, 4)
    assert torch.equal(one.dataset.training.inputs, same.dataset.training.inputs)
    assert torch.equal(one.dataset.test.inputs, same.dataset.test.inputs)
    assert not torch.equal(one.dataset.training.inputs, other.dataset.training.inputs)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("points", [60, 61])
def test_a_set_is_balanced_and_has_two_to_four_classes(name: str, points: int) -> None:
    data = plane(name, points, 0.1, 0).dataset
    assert 2 <= data.classes <= 4
    for part, size in ((data.training, points), (data.test, TEST_POINTS)):
        counts = part.labels.bincount()
        assert len(part) == size
        assert len(counts) == data.classes
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_standardised_by_its_training_points(name: str) -> None:
    made = plane(name, 240, 0.2, 1)
    inputs = made.dataset.training.inputs
    assert inputs.mean(0).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert inputs.std(0, correction=0).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert made.held_out


def test_held_out_points_are_others_than_the_training_points() -> None:
    data = plane("moons", 240, 0.1, 0).dataset
    assert torch.cdist(data.training.inputs, data.test.inputs).min() > 0


@pytest.mark.parametrize("name", SETS)
def test_noise_moves_the_points_away_from_their_shape(name: str) -> None:
    draw = torch.Generator
    still, _ = PLANES[name](120, 0.0, draw().manual_seed(1))
    moved, _ = PLANES[name](120, 0.3, draw().manual_seed(1))
    assert not torch.equal(still, moved)
    if name == "circles":
        radii = still.norm(dim=1)
        assert torch.minimum((radii - 1).abs(), (radii - 0.5).abs()).max() < 1e-6


def test_an_unknown_set_is_refused_by_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match="moons, spirals, blobs, circles"):
        plane("swiss roll", 100, 0.1, 0)


def test_students_see_so_many_points_of_each_class_and_more_only_adds_to_them() -> None:
    labels = plane("blobs", 120, 0.1, 0).dataset.training.labels
    few, more = labels_per_class(labels, 3, 5), labels_per_class(labels, 10, 5)
    assert labels[few].bincount().tolist() == [3, 3, 3, 3]
    assert labels[more].bincount().tolist() == [10, 10, 10, 10]
    assert set(few.tolist()) <= set(more.tolist())
    assert len(labels_per_class(labels, 1000, 5)) == len(labels)
