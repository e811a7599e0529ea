"""An aspect ratio as a preset writes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def ratio(text: str) -> float:
    """Width over height of ``4:5``. Raises ValueError for what is none."""
    width, _, height = text.partition(":")
    if not (_positive(width) and _positive(height)) or not 0.1 <= float(width) / float(height) <= 10:
        raise ValueError("an aspect ratio is written as 4:5 or 16:9, and lies between 1:10 and 10:1")
    return float(width) / float(height)


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _checked(text: str) -> str:
    ratio(text)
    return text


Aspect = Annotated[str, AfterValidator(_checked)]
