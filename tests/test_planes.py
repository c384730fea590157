"""Sets of points in the plane, the learner's own, and the film of three networks on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kdcore.losses import soft_labels
from kdcore.playground.film import (
    FRAMES,
    GRID,
    Film,
    PlaygroundResult,
    PlaygroundSettings,
    playground,
)
from kdcore.playground.film import grid as grid_cells
from kdcore.playground.shapes import (
    PLANES,
    TEST_POINTS,
    OwnPoints,
    clicked_points,
    labels_per_class,
    own_plane,
    parse_csv,
    plane,
)

SETS = sorted(PLANES)


def some_csv(rows: int = 24, separator: str = ",", heading: str = "height,weight,animal") -> str:
    lines = [heading.replace(",", separator)]
    for row in range(rows):
        cells = [f"{row % 7 + 30 * (row % 2)}", f"{row % 5}.5", "cat" if row % 2 else "dog"]
        lines.append(separator.join(cells))
    return "\n".join(lines)


# -------------------------------------------------------------------------------------- the sets


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


# ---------------------------------------------------------------------------- own points and file


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_good_file_is_read(separator: str) -> None:
    own = parse_csv(some_csv(separator=separator).encode())
    assert own.class_names == ("cat", "dog")
    assert own.axes == ("height", "weight")
    assert len(own.points) == 24
    assert own.points[:2] == ((0.0, 0.5, 1), (31.0, 1.5, 0))


def test_a_file_as_spreadsheets_write_it_is_read() -> None:
    content = "\ufeff" + some_csv().replace("\n", "\r\n") + "\r\n\r\n,,\r\n"
    assert parse_csv(content.encode()) == parse_csv(some_csv().encode())


def test_labels_that_are_numbers_are_in_their_order() -> None:
    lines = ["x,y,label", *(f"{row},{row * row},{(2, 10)[row % 2]}" for row in range(20))]
    assert parse_csv("\n".join(lines).encode()).class_names == ("2", "10")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("x,y,label\n", "no rows"),
        ("x,y\n1,2\n", "2 columns instead of 3"),
        (some_csv(heading="a,b,c,d"), "4 columns instead of 3"),
        ("1,2,cat\n3,4,dog", "first line must name the columns"),
        (some_csv() + "\n1,2", "Line 26 has 2 cells"),
        (some_csv() + "\none,2,cat", "Line 26, column “height” says “one”, which is not a number"),
        (some_csv() + "\n1,,cat", "Line 26, column “weight” is empty"),
        (some_csv() + "\n1,NaN,cat", "Line 26, column “weight” says “NaN”: missing or infinite"),
        (some_csv() + "\n-inf,1,cat", "missing or infinite"),
        (some_csv() + "\n1e9,1,cat", "too large"),
        (some_csv() + "\n1,2,", "has no label"),
        (some_csv(rows=18), "Label “dog” has 9 of at least 10 rows"),
        (some_csv().replace("dog", "cat"), "same label"),
        ("x,y,l\n" + "\n".join(f"{r},{r % 3},c{r % 7}" for r in range(70)), "7 different labels"),
        ("x,y,l\n" + "\n".join(f"5,{r},{r % 2}" for r in range(20)), "same column “x”"),
        (some_csv(rows=2001), "2,001 rows; 2,000 are the most"),
        ("x" * 1_000_001, "1 MB is the most"),
    ],
)
def test_a_bad_file_is_refused_with_what_to_do(content: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_csv(content.encode())


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"PK\x03\x04\0\0\0\0", bytes(range(256))])
def test_a_spreadsheet_is_no_text(content: bytes) -> None:
    with pytest.raises(ValueError, match="CSV UTF-8"):
        parse_csv(content)


def test_a_quarter_of_each_class_of_a_file_is_held_out() -> None:
    made = own_plane(parse_csv(some_csv(rows=80).encode()), seed=2)
    assert made.held_out
    assert made.dataset.test.labels.bincount().tolist() == [10, 10]
    assert made.dataset.training.labels.bincount().tolist() == [30, 30]
    inputs = torch.cat([made.dataset.training.inputs, made.dataset.test.inputs]).double()
    back = inputs * made.scale + made.centre
    assert sorted(back[:, 0].round().tolist()) == sorted(
        float(x) for x, *_ in parse_csv(some_csv(rows=80).encode()).points
    )


CLICKS = [[x, y, k] for k in (1, 3) for x, y in ((k, 0.5), (k + 0.5, 1.5), (k, -1.0))]


def test_clicked_points_keep_the_letters_of_their_classes() -> None:
    own = clicked_points(CLICKS)
    assert own.class_names == ("B", "D")
    assert {k for *_, k in own.points} == {0, 1}
    made = own_plane(own, seed=0)
    assert not made.held_out, "six points cannot spare any"
    assert len(made.dataset.test) == len(made.dataset.training) == 6


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], "at least two classes"),
        ([[0, 0, 0]] * 3, "at least two classes"),
        (CLICKS[:-1], "Class D has 2 of at least 3"),
        ([[1, y, k] for k in (0, 1) for y in range(3)], "same horizontal position"),
        ([*CLICKS, [float("nan"), 0, 1]], "outside the plane"),
        ([*CLICKS, [1e30, 0, 1]], "outside the plane"),
        ([*CLICKS, [0, 0, 9]], "6 classes at most"),
        ([*CLICKS, [0, 0]], "two numbers and a class"),
        ([*CLICKS, ["a", 0, 1]], "two numbers and a class"),
        ([[0, 0, 0]] * 2001, "2000 are the most"),
    ],
)
def test_clicked_points_that_cannot_be_trained_on_are_refused(
    points: list[list[float]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        clicked_points(points)


# -------------------------------------------------------------------------------------- the film


@pytest.fixture(scope="module")
def blobs() -> PlaygroundResult:
    return playground(PlaygroundSettings(plane="blobs"))


def films(result: PlaygroundResult) -> list[Film]:
    return [result.teacher, result.hard, result.distilled]


@pytest.mark.parametrize("points", [20, 61, 240, 1000])
def test_every_film_has_all_frames_however_many_points_there_are(points: int) -> None:
    settings = PlaygroundSettings(plane="circles", points=points, teacher_hidden=(8,))
    for film in films(playground(settings)):
        assert film.logits.shape == (FRAMES + 1, GRID * GRID, 1)
        assert len(film.accuracy) == len(film.samples_seen) == FRAMES + 1
        assert list(film.samples_seen) == sorted(set(film.samples_seen))
        assert film.samples_seen[0] == 0


def test_the_last_frame_is_what_the_trained_networks_say(blobs: PlaygroundResult) -> None:
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
    blobs: PlaygroundResult,
) -> None:
    test = blobs.plane.dataset.test
    answers = blobs.students_stack.logits(test.inputs)[0].argmax(-1)
    right = (answers == test.labels).double().mean(-1)
    assert [blobs.hard.accuracy[-1], blobs.distilled.accuracy[-1]] == right.tolist()
    assert blobs.points_measured_on == TEST_POINTS


def test_the_grid_holds_every_point_and_starts_at_the_bottom_left(blobs: PlaygroundResult) -> None:
    cells = grid_cells(blobs.reach)
    assert cells.abs().max() < blobs.reach
    assert blobs.plane.dataset.training.inputs.abs().max() < blobs.reach
    assert (cells[0] < 0).all()
    assert cells[1, 0] > cells[0, 0]
    assert cells[GRID, 1] > cells[0, 1]


@pytest.mark.parametrize("changed", [{"temperature": 15.0}, {"alpha": 0.8}])
def test_t_and_alpha_change_the_distilled_student_only(
    blobs: PlaygroundResult, changed: dict[str, float]
) -> None:
    other = playground(PlaygroundSettings(plane="blobs", **changed))  # type: ignore[arg-type]
    assert np.array_equal(other.hard.logits, blobs.hard.logits)
    assert np.array_equal(other.teacher.logits, blobs.teacher.logits)
    assert not np.array_equal(other.distilled.logits[-1], blobs.distilled.logits[-1])


def test_with_alpha_1_both_students_are_one() -> None:
    result = playground(PlaygroundSettings(alpha=1.0))
    assert np.array_equal(result.hard.logits, result.distilled.logits)


def test_the_same_settings_make_the_same_film(blobs: PlaygroundResult) -> None:
    again = playground(PlaygroundSettings(plane="blobs"))
    assert all(
        np.array_equal(a.logits, b.logits) for a, b in zip(films(blobs), films(again), strict=True)
    )


def test_the_students_see_only_their_labels(blobs: PlaygroundResult) -> None:
    assert len(blobs.seen) == 4 * blobs.settings.labels_per_class


def test_soft_labels_help_where_the_ring_is_hardly_labelled() -> None:
    gains = []
    for seed in range(8):
        result = playground(PlaygroundSettings(plane="circles", seed=seed))
        gains.append(result.distilled.accuracy[-1] - result.hard.accuracy[-1])
    assert np.mean(gains) - 2.36 * np.std(gains, ddof=1) / 8**0.5 > 0


def test_own_points_are_trained_on_and_measured_on_themselves() -> None:
    result = playground(PlaygroundSettings(own=clicked_points(CLICKS)))
    assert not result.plane.held_out
    assert result.points_measured_on == 6
    assert result.teacher.accuracy[-1] == 1


def test_two_files_with_equal_settings_are_two_runs() -> None:
    one = OwnPoints(((0, 0, 0), (1, 1, 1)) * 4, ("a", "b"))
    other = OwnPoints(((0, 1, 0), (1, 0, 1)) * 4, ("a", "b"))
    first, second = (playground(PlaygroundSettings(own=own)) for own in (one, other))
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
