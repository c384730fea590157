"""The words of a page, from ``assets/lessons/en/``: edit them there, no Python needed."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).resolve().parents[2] / "assets"


@lru_cache
def words(page: str) -> dict[str, Any]:
    """Return the words of one page by their names.

    Raises
    ------
    FileNotFoundError
        If there is no ``assets/lessons/en/{page}.toml``.
    """
    return tomllib.loads((ASSETS / "lessons" / "en" / f"{page}.toml").read_text("utf-8"))
