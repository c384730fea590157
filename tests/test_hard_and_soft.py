"""The map of similar classes, the drawn digit, and who answers it."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kdcore.data import digits
from kdcore.experiments.lab import LabSettings, MeasuredLab, lab
from kdcore.figures import look_alikes_figure, similarity_figure
from kdcore.losses import soft_labels
from kdcore.randomness import generator
from kdcore.views.drawing import (
    digit_from_drawing,
    drawing_of,
    is_strange,
    strangeness,
)
from kdcore.views.pictures import picture
from kdcore.views.similarity import (
    class_means,
    class_similarity,
    look_alikes,
    mutual_similarity,
    seriation,
    similarity_intervals,
    strongest_pair,
)

TEMPERATURES = [0.5, 1.0, 4.0, 20.0]


@pytest.fixture(scope="module")
def result() -> MeasuredLab:
    return lab(LabSettings(seeds=3))


def similarity(result: MeasuredLab, temperature: float = 4.0) -> Tensor:
    return class_similarity(result.teacher_logits, digits().test.labels, temperature).mean(0)


def answer(result: MeasuredLab, image: Tensor, who: str = "teacher") -> int:
    return int(result.answers(image[None])[who][0].argmax())


# ------------------------------------------------------------------------------- similar classes


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_each_row_of_the_map_sums_to_one(result: MeasuredLab, temperature: float) -> None:
    rows = class_similarity(result.teacher_logits, digits().test.labels, temperature)
    assert rows.shape == (3, 10, 10)
    assert (rows >= 0).all()
    assert torch.allclose(rows.sum(-1), torch.ones(3, 10, dtype=torch.float64), atol=1e-6)


def test_a_row_is_the_mean_soft_label_of_its_class(result: MeasuredLab) -> None:
    labels = digits().test.labels
    expected = soft_labels(result.teacher_logits[0][labels == 7], 4.0).double().mean(0)
    found = class_similarity(result.teacher_logits[0], labels, 4.0)[7]
    assert torch.allclose(found, expected, atol=1e-7)


def test_a_higher_temperature_moves_every_class_towards_all_others(result: MeasuredLab) -> None:
    own = torch.stack([similarity(result, t).diagonal() for t in TEMPERATURES])
    assert (own.diff(dim=0) < 0).all()
    assert torch.allclose(similarity(result, 1e6), torch.full((10, 10), 0.1).double(), atol=1e-4)


def test_intervals_are_those_over_the_teachers(result: MeasuredLab) -> None:
    maps = class_similarity(result.teacher_logits, digits().test.labels, 4.0)
    cell = similarity_intervals(result.teacher_logits, digits().test.labels, 4.0)[1][8]
    assert cell.n == 3
    assert cell.mean == pytest.approx(maps[:, 1, 8].mean().item())
    assert cell.half_width > 0


def test_seriation_finds_the_line_on_which_similar_classes_lie() -> None:
    line = torch.arange(8.0)
    neighbours = torch.exp(-(line[:, None] - line).abs())
    assert seriation(neighbours) == list(range(8))
    shuffle = torch.randperm(8, generator=generator(1, "test"))
    order = seriation(neighbours[shuffle][:, shuffle])
    assert shuffle[order].tolist() in (list(range(8)), list(range(7, -1, -1)))


def test_seriation_does_not_depend_on_how_the_classes_are_numbered(result: MeasuredLab) -> None:
    square = similarity(result)
    order = seriation(square)
    assert sorted(order) == list(range(10))
    assert order[0] < order[-1]
    for seed in range(5):
        shuffle = torch.randperm(10, generator=generator(seed, "test"))
        again = shuffle[seriation(square[shuffle][:, shuffle])].tolist()
        assert again in (order, order[::-1])


def spread(weights: Tensor, order: list[int]) -> float:
    """How far apart similar classes stand: the sum that seriation is to make small."""
    places = torch.arange(len(order))
    return float((weights[order][:, order] * (places[:, None] - places) ** 2).sum())


def test_no_random_order_brings_similar_classes_closer_together(result: MeasuredLab) -> None:
    weights = mutual_similarity(similarity(result))
    found = spread(weights, seriation(similarity(result)))
    draw = generator(0, "test")
    orders = [torch.randperm(10, generator=draw).tolist() for _ in range(2000)]
    assert found < min(spread(weights, order) for order in orders)


def test_mutual_similarity_is_the_mean_of_both_directions_without_the_diagonal() -> None:
    found = mutual_similarity(torch.tensor([[5.0, 1.0], [3.0, 7.0]]))
    assert found.tolist() == [[0, 2], [2, 0]]


def test_the_strongest_pair_is_not_on_the_diagonal() -> None:
    assert strongest_pair(torch.tensor([[9.0, 1.0], [2.0, 9.0]])) == (1, 0)
    assert strongest_pair(torch.tensor([[9.0, 3.0], [2.0, 9.0]])) == (0, 1)


def test_the_images_behind_a_cell_are_of_the_class_and_most_like_the_other(
    result: MeasuredLab,
) -> None:
    labels = digits().test.labels
    found = look_alikes(result.teacher_logits, labels, 1, 8, 4.0, 10)
    rows, shares = zip(*found, strict=True)
    assert len(set(rows)) == 10
    assert all(labels[row] == 1 for row in rows)
    assert list(shares) == sorted(shares, reverse=True)
    of_class = soft_labels(result.teacher_logits, 4.0).mean(0)[labels == 1, 8]
    assert shares[0] == pytest.approx(of_class.max().item(), abs=1e-6)
    assert shares[-1] >= of_class.sort(descending=True).values[10].item()


def test_no_more_images_than_the_class_has(result: MeasuredLab) -> None:
    labels = digits().test.labels
    found = look_alikes(result.teacher_logits, labels, 1, 8, 4.0, 10_000)
    assert len(found) == int((labels == 1).sum())


def test_class_means_are_means() -> None:
    means = class_means(torch.tensor([[0.0], [1.0], [4.0]]), torch.tensor([0, 0, 1]), 2)
    assert means.tolist() == [[0.5], [4.0]]


def test_the_map_shows_every_cell_in_the_given_order(result: MeasuredLab) -> None:
    cells = similarity_intervals(result.teacher_logits, digits().test.labels, 4.0)
    order = seriation(similarity(result))
    figure = similarity_figure(cells, order, (1, 8), "x", "y", "colour")
    heat, points = figure.data
    assert list(figure.layout.xaxis.ticktext) == [str(c) for c in order]
    assert heat.z[order.index(1)][order.index(8)] == pytest.approx(100 * cells[1][8].mean)
    assert all(heat.z[i][i] is None for i in range(10))
    # No text of points: that fades where others are selected.
    assert points.mode == "markers"
    diagonal = [(note.x, note.y, note.text) for note in figure.layout.annotations]
    assert (3, 3, f"<b>{100 * cells[order[3]][order[3]].mean:.0f}</b>") in diagonal
    assert len(diagonal) == 10
    assert [int(points.customdata[17][k]) for k in (0, 1)] == [order[1], order[7]]
    assert (points.x[17], points.y[17]) == (7, 1)


def test_the_ring_shows_each_class_and_marks_the_chosen_pair(result: MeasuredLab) -> None:
    square = mutual_similarity(similarity(result))
    pair = strongest_pair(square)
    figure = look_alikes_figure(
        square.tolist(), list(range(10)), pair, ["data:,"] * 10, "{first} {second} {percent}"
    )
    assert len(figure.layout.images) == 10
    *lines, names = figure.data
    assert set(names.text) == set("0123456789")
    widest = max(lines, key=lambda line: line.line.width)
    assert widest.hovertemplate.startswith(f"{min(pair)} {max(pair)} ")


# ------------------------------------------------------------------------------- the drawn digit


def rectangle(rows: slice, columns: slice, side: int = 64) -> Tensor:
    ink = torch.zeros(side, side, dtype=torch.bool)
    ink[rows, columns] = True
    return ink


def test_an_empty_drawing_has_nothing_to_read() -> None:
    assert digit_from_drawing(torch.zeros(64, 64, dtype=torch.bool)) is None


def test_a_speck_has_nothing_to_read() -> None:
    assert digit_from_drawing(rectangle(slice(30, 35), slice(30, 35))) is None
    assert digit_from_drawing(rectangle(slice(0, 1), slice(0, 1))) is None


def test_pixels_count_ink_in_sixteenths() -> None:
    image = digit_from_drawing(rectangle(slice(5, 60), slice(20, 50)))
    assert image is not None
    assert image.shape == (64,)
    assert ((16 * image) == (16 * image).round()).all()
    assert image.max() == 1
    assert image.min() == 0


def test_where_and_how_large_it_is_drawn_does_not_matter() -> None:
    strokes = rectangle(slice(0, 48), slice(0, 32))
    strokes[10:38, 9:23] = False
    image = digit_from_drawing(strokes)
    moved = digit_from_drawing(strokes.roll((13, 27), (0, 1)))
    larger = digit_from_drawing(strokes.repeat_interleave(2, 0).repeat_interleave(2, 1))
    assert image is not None
    assert moved is not None
    assert larger is not None
    assert torch.equal(image, moved)
    assert torch.equal(image, larger)


def test_a_digit_fills_the_height_and_leaves_the_sides_empty_as_in_the_data_set() -> None:
    test = digits().test.inputs.view(-1, 8, 8)
    assert test[:, :, [0, 7]].mean() < 0.02
    assert (test.sum(2) > 0).double().mean() > 0.99
    image = digit_from_drawing(rectangle(slice(10, 50), slice(20, 45)))
    assert image is not None
    drawn = image.view(8, 8)
    assert (drawn.sum(1) > 0).all()
    assert drawn[:, [0, 7]].sum() == 0


def test_a_bare_stroke_stays_a_stroke_and_is_read_as_a_one(result: MeasuredLab) -> None:
    image = digit_from_drawing(rectangle(slice(10, 54), slice(29, 36)))
    assert image is not None
    assert (image.view(8, 8).sum(0) > 0).sum() <= 3
    assert [answer(result, image, who) for who in ("teacher", "hard", "distilled")] == [1, 1, 1]
    assert not is_strange(image)


def test_a_wide_dash_stays_a_dash() -> None:
    image = digit_from_drawing(rectangle(slice(30, 35), slice(5, 60)))
    assert image is not None
    assert (image.view(8, 8).sum(1) > 0).sum() <= 2


def test_test_images_keep_their_class_when_enlarged_and_read_as_drawings(
    result: MeasuredLab,
) -> None:
    test = digits().test
    images = []
    for inputs in test.inputs:
        image = digit_from_drawing(drawing_of(inputs, 64))
        assert image is not None
        images.append(image)
    answers = result.answers(torch.stack(images))["teacher"].argmax(1)
    assert (answers == test.labels).double().mean() > 0.9
    # Ink or no ink throws greys away; the pictures are nevertheless near the originals.
    assert (torch.stack(images) - test.inputs).abs().mean() < 0.12


def test_a_known_test_image_keeps_its_class_and_is_not_strange(result: MeasuredLab) -> None:
    for row in (346, 703, 41):
        image = digit_from_drawing(drawing_of(digits().test.inputs[row], 64))
        assert image is not None
        assert answer(result, image) == int(digits().test.labels[row])
        assert not is_strange(image)


def test_a_black_square_and_a_scribble_are_strange() -> None:
    square = digit_from_drawing(torch.ones(64, 64, dtype=torch.bool))
    scribble = digit_from_drawing(torch.rand(64, 64, generator=generator(0, "test")) > 0.5)
    for image in (square, scribble):
        assert image is not None
        assert strangeness(image) > 0.995
        assert is_strange(image)


def test_hardly_any_test_image_is_strange() -> None:
    assert sum(is_strange(image) for image in digits().test.inputs[:300]) <= 3


# ------------------------------------------------------------------------------ answers, pictures


def test_the_networks_answer_images_of_the_test_set_as_the_lab_does(result: MeasuredLab) -> None:
    answers = result.answers(digits().test.inputs[:50])
    for who, logits in result.example_logits.items():
        assert torch.allclose(answers[who], logits[:50], atol=1e-5)


def test_one_network_of_a_stack_is_a_copy(result: MeasuredLab) -> None:
    network = result.networks["hard"]
    again = network.network(0)
    again.weights[0].zero_()
    assert network.weights[0].abs().sum() > 0
    assert len(again) == 1


def test_a_picture_is_a_png_of_the_right_size_with_dark_ink_on_white() -> None:
    address = picture(torch.tensor([0.0, 1.0, 0.0, 0.0]), enlarge=3)
    kind, data = address.split(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        grey = np.asarray(image)
    assert grey.shape == (6, 6)
    assert (grey[:3, 3:] == 20).all()
    assert (grey[:3, :3] == 255).all()
    assert (grey[3:] == 255).all()
