"""Whose turn it is: visitors take turns, small runs before large ones, nobody is left out."""

from __future__ import annotations

from dataclasses import dataclass

from kdcore.visit.line import Line


@dataclass(eq=False)
class Run:
    """One who stands in the line."""

    name: str
    visitors: tuple[str, ...]
    is_large: bool = False
    since: float = 0.0


def line_of(*runs: Run) -> Line[Run]:
    line: Line[Run] = Line(patience=20)
    for run in runs:
        line.join(run)
    return line


def served(line: Line[Run], now: float = 0.0) -> str:
    """Serve all; return their names."""
    names = ""
    while len(line):
        run = line.order(now)[0]
        line.serve(run)
        names += run.name
    return names


def test_one_visitor_is_served_in_the_order_of_asking() -> None:
    assert served(line_of(*(Run(name, ("x",)) for name in "abc"))) == "abc"


def test_visitors_take_turns() -> None:
    asked = [Run("a", ("x",)), Run("b", ("x",)), Run("c", ("x",)), Run("d", ("y",))]
    assert served(line_of(*asked, Run("e", ("z",)))) == "adebc"


def test_who_was_served_longest_ago_is_next() -> None:
    line = line_of(Run("a", ("x",)), Run("b", ("y",)))
    assert served(line) == "ab"
    for run in (Run("d", ("y",)), Run("c", ("x",)), Run("e", ("new",))):
        line.join(run)
    assert served(line) == "ecd"


def test_small_runs_are_served_first() -> None:
    asked = [Run("A", ("x",), True), Run("B", ("y",), True), Run("c", ("x",)), Run("d", ("z",))]
    assert served(line_of(*asked)) == "cdBA"


def test_a_large_run_that_has_waited_takes_its_turn_like_a_small_one() -> None:
    asked = [Run("A", ("x",), True), Run("b", ("y",), since=25), Run("c", ("z",), since=25)]
    assert served(line_of(*asked), now=19) == "bcA"
    assert served(line_of(*asked), now=21) == "Abc"


def test_a_run_that_several_wait_for_has_the_place_of_the_luckiest() -> None:
    asked = [Run("a", ("x",)), Run("b", ("x",)), Run("c", ("x", "y"))]
    assert served(line_of(*asked)) == "acb"


def test_who_leaves_takes_no_turn() -> None:
    left = Run("a", ("x",))
    line = line_of(left, Run("b", ("y",)), Run("c", ("x",)))
    line.leave(left)
    line.leave(left)
    assert [run.name for run in line] == ["b", "c"]
    assert served(line) == "bc"


def test_the_order_is_the_order_of_serving_if_nobody_comes() -> None:
    asked = [Run(str(n), (f"visitor {n % 3}",), n % 4 == 0) for n in range(12)]
    line = line_of(*asked)
    order = line.order(0)
    assert sorted(run.name for run in order) == sorted(run.name for run in asked)
    assert [run.is_large for run in order] == [False] * 9 + [True] * 3
