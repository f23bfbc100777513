"""The setting for what fraction of an image a random view of it sees."""

from typing import Annotated

from pydantic import AfterValidator


def _check(area: tuple[float, float]) -> tuple[float, float]:
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(f"must be two numbers with 0 < first <= second <= 1, not {area}")
    return area


AreaRange = Annotated[tuple[float, float], AfterValidator(_check)]
"""Smallest and largest fraction of the area, above 0 and at most 1."""
