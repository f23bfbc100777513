"""Outlines of masks as polygons: hand-drawn cases, and back again with pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.coco.outlines import polygons, trace


def drawn(rows: str) -> NDArray[np.bool_]:
    return np.array([[pixel == "#" for pixel in row] for row in rows.split()])


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("...", []),
        (".#.", [[1, 0, 2, 0, 2, 1, 1, 1]]),
        ("## ##", [[0, 0, 2, 0, 2, 2, 0, 2]]),
        ("#. ##", [[0, 0, 1, 0, 1, 1, 2, 1, 2, 2, 0, 2]]),
        ("#. .#", [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]]),
    ],
)
def test_outlines_run_along_the_pixels(mask: str, expected: list[list[int]]) -> None:
    assert polygons(drawn(mask)) == expected


def test_a_hole_is_cut_through() -> None:
    ring = drawn("### #.# ###")
    assert len(trace(ring)) == 2
    assert sorted(map(len, polygons(ring))) == [8, 16]  # the left and a half column, and what is left of it
    assert np.array_equal(again(ring), ring)


def again(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask as pycocotools draws its polygons."""
    found = [[float(value) for value in polygon] for polygon in polygons(mask)]
    codes = coco_mask.frPyObjects(found, *mask.shape)
    drawn_again: NDArray[np.bool_] = np.asarray(coco_mask.decode(codes), dtype=bool).max(axis=2)
    return drawn_again


@settings(max_examples=60, deadline=None)
@given(arrays(bool, (7, 9)))
def test_polygons_draw_the_mask_again(mask: NDArray[np.bool_]) -> None:
    if mask.any():
        assert np.array_equal(again(mask), mask)
    assert sum(area(polygon) for polygon in polygons(mask)) == mask.sum()


def area(polygon: list[int]) -> float:
    """By the shoelace formula."""
    x, y = np.array(polygon).reshape(-1, 2).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
