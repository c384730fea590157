"""The words of a little language: the names of the numbers from 1 to 999, made by rule."""

from __future__ import annotations

# fmt: off
_SMALL = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on


def number_name(number: int) -> str:
    """Return the English name of a number from 1 to 999, such as ``one hundred twenty-three``.

    Raises
    ------
    ValueError
        If the number is not from 1 to 999.
    """
    if not 1 <= number <= 999:
        raise ValueError(f"only the numbers from 1 to 999 have names here, not {number}")
    hundreds, rest = divmod(number, 100)
    parts = [f"{_SMALL[hundreds - 1]} hundred"] if hundreds else []
    if rest:
        parts.append(_below_hundred(rest))
    return " ".join(parts)


def number_names() -> tuple[str, ...]:
    """Return all 999 names in the order of the numbers."""
    return tuple(number_name(number) for number in range(1, 1000))


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number - 1]
    tens, ones = divmod(number, 10)
    return "-".join([_TENS[tens - 2], *_SMALL[ones - 1 : ones]] if ones else [_TENS[tens - 2]])
