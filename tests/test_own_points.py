"""The learner's own points: files that are read or refused, and points placed by clicking."""

from __future__ import annotations

import pytest
import torch

from kdcore.playground.own import clicked_points, own_plane, parse_csv

CLICKS = [[x, y, k] for k in (1, 3) for x, y in ((k, 0.5), (k + 0.5, 1.5), (k, -1.0))]


def some_csv(rows: int = 24, separator: str = ",", heading: str = "height,weight,animal") -> str:
    lines = [heading.replace(",", separator)]
    for row in range(rows):
        cells = [f"{row % 7 + 30 * (row % 2)}", f"{row % 5}.5", "cat" if row % 2 else "dog"]
        lines.append(separator.join(cells))
    return "\n".join(lines)


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


@pytest.mark.parametrize(
    "content",
    [
        b"\n" * 999_000,
        b"\r" * 999_000,
        b"a,b,c\n" + b",,\n" * 300_000,
        b"a,b,c\n1,2," + b'"\n' * 90_000,
    ],
    ids=["newlines", "returns", "empty rows", "an open quote"],
)
def test_a_megabyte_of_lines_is_refused_before_it_is_read(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kdcore.playground.own.csv.reader", None)
    with pytest.raises(ValueError, match=r"lines; 2,000 rows are the most"):
        parse_csv(content)
