"""The digits are the published ones, fairly split; few labels are drawn alike for every student."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kdcore.data import LabelledImages, digits, few_labels


def rows_of(images: LabelledImages) -> list[tuple[float, ...]]:
    """Return each image with its label as one tuple, to compare sets of images."""
    table = torch.cat([images.inputs * 16, images.labels[:, None].float()], dim=1)
    return [tuple(row) for row in table.tolist()]


@pytest.fixture(scope="module")
def theirs() -> Any:
    """The digits as scikit-learn has them."""
    # Only here: it takes a second, and every process that runs tests reads the head of this file.
    from sklearn.datasets import load_digits

    return load_digits()


@pytest.fixture
def labels() -> Tensor:
    return digits().training.labels


def test_the_digits_are_scikit_learns_digits(theirs: Any) -> None:
    expected = np.column_stack([theirs.data, theirs.target]).tolist()
    ours = rows_of(digits().training) + rows_of(digits().test)
    assert Counter(ours) == Counter(tuple(row) for row in expected)


def test_pixels_run_from_0_to_1() -> None:
    for images in (digits().training, digits().test):
        assert images.inputs.dtype == torch.float32
        assert images.labels.dtype == torch.int64
        assert images.inputs.min() == 0
        assert images.inputs.max() == 1


def test_900_images_are_for_training_and_897_for_testing() -> None:
    assert len(digits().training) == len(digits().training.inputs) == 900
    assert len(digits().test) == len(digits().test.inputs) == 897


def test_training_has_90_images_of_each_of_ten_classes() -> None:
    assert digits().training.labels.bincount().tolist() == [90] * 10
    assert digits().classes == 10


def test_no_image_is_both_for_training_and_for_testing() -> None:
    # Every image of the set is unique, so equal images would be the same image.
    assert not set(rows_of(digits().training)) & set(rows_of(digits().test))


def test_the_split_is_a_draw_not_the_first_images_of_each_class(theirs: Any) -> None:
    first_of_each_class = {
        (*theirs.data[row], float(label))
        for label in range(10)
        for row in np.flatnonzero(theirs.target == label)[:90]
    }
    shared = first_of_each_class & set(rows_of(digits().training))
    assert 300 < len(shared) < 600  # by chance about half of them


def test_the_split_is_the_same_every_time() -> None:
    before = digits()
    digits.cache_clear()
    torch.manual_seed(123)
    again = digits()
    assert again is not before
    assert torch.equal(again.training.inputs, before.training.inputs)
    assert torch.equal(again.test.labels, before.test.labels)


def test_the_digits_are_read_once() -> None:
    assert digits() is digits()


@pytest.mark.parametrize("count", [1, 10, 50, 899])
def test_few_labels_are_that_many_different_rows_in_order(labels: Tensor, count: int) -> None:
    rows = few_labels(labels, count, seed=3)
    assert rows.shape == (count,)
    assert (rows.diff() > 0).all()
    assert rows.min() >= 0
    assert rows.max() < 900


def test_all_labels_are_every_row(labels: Tensor) -> None:
    assert few_labels(labels, 900, seed=3).tolist() == list(range(900))


def test_the_same_seed_sees_the_same_labels_and_another_seed_others(labels: Tensor) -> None:
    first = few_labels(labels, 50, seed=0)
    torch.manual_seed(9)
    assert torch.equal(few_labels(labels, 50, seed=0), first)
    others = [set(few_labels(labels, 50, seed).tolist()) for seed in range(1, 6)]
    # Two draws of 50 from 900 share about 3 rows.
    assert all(len(other & set(first.tolist())) < 15 for other in others)


def test_more_labels_of_the_same_seed_include_the_fewer(labels: Tensor) -> None:
    fewer, more = few_labels(labels, 20, seed=1), few_labels(labels, 100, seed=1)
    assert set(fewer.tolist()) < set(more.tolist())


def test_every_row_is_equally_likely_to_be_among_the_few(labels: Tensor) -> None:
    draws = torch.cat([few_labels(labels, 450, seed) for seed in range(200)])
    shares = draws.bincount(minlength=900) / 200
    # Half of them with a standard deviation of 0.035: six of those cover all 900 rows.
    assert shares.min() > 0.28
    assert shares.max() < 0.72


@pytest.mark.parametrize("count", [0, -1, 901])
def test_no_labels_or_more_than_there_are_is_refused(labels: Tensor, count: int) -> None:
    with pytest.raises(ValueError, match=f"labels must be from 1 to 900, not {count}"):
        few_labels(labels, count, seed=0)
