"""What is kept of the exam: which bug was named in each case, on this page and on the last one."""

from __future__ import annotations

from kdcore.experiments.broken import CASES, SUSPECTS
from pages.common import visit

#: What is kept of a case that was shown instead of found.
SHOWN = len(SUSPECTS)

NUMBERS = range(1, len(CASES) + 1)


def key_of(case: int, what: str = "") -> str:
    """Return the name under which the answer to a case is kept; which bug it is it does not say."""
    return f"broken-{case}{what}"


def named(case: int) -> int | None:
    """Return the suspect that was named last, by its place in the list; none before that."""
    return visit.kept().answers.get(key_of(case))


def is_found(case: int) -> bool:
    """Return whether the bug of a case was named."""
    return named(case) == SUSPECTS.index(CASES[case - 1])


def is_over(case: int) -> bool:
    """Return whether a case was found, or shown."""
    return is_found(case) or named(case) == SHOWN


def name_it(case: int, suspect: int) -> None:
    """Keep an answer, and how often one was given."""
    kept = visit.kept().answers
    kept[key_of(case)] = suspect
    kept[key_of(case, "-looks")] = min(kept.get(key_of(case, "-looks"), 0) + 1, 99)


def score() -> dict[str, int]:
    """Return how many bugs were found, and how many of them at the first look."""
    found = [case for case in NUMBERS if is_found(case)]
    looks = [visit.kept().answers.get(key_of(case, "-looks"), 1) for case in found]
    return {"found": len(found), "first": looks.count(1), "cases": len(CASES)}
