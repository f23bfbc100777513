"""Otsu's threshold against its definition, and its masks on images whose objects are easy to see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskdistill.stages.mine.methods.otsu_masks import otsu_on_colour, otsu_on_edges, rgb_to_lab
from maskdistill.stages.otsu import otsu_threshold

Mask = NDArray[np.bool_]


@given(seed=st.integers(0, 999))
def test_no_threshold_separates_the_bins_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Values on the centres of 256 bins, so that binning changes nothing.
    values = np.concatenate([[0, 255], rng.integers(0, 256, 60)]) * (255 / 256) + 0.5
    values = np.floor(values)
    found = values > otsu_threshold(values)

    def variance(upper: Mask) -> float:
        if upper.all() or not upper.any():
            return 0.0
        return float(upper.mean() * (~upper).mean() * (values[upper].mean() - values[~upper].mean()) ** 2)

    best = max(variance(values > value) for value in np.unique(values))
    assert variance(found) == pytest.approx(best, rel=0.01)


def test_lab_of_known_colours() -> None:
    pixels = np.asarray([[[255, 255, 255], [255, 0, 0], [0, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    expected = np.asarray([[100, 0, 0], [53.24, 80.09, 67.20], [0, 0, 0], [32.30, 79.19, -107.86]])
    np.testing.assert_allclose(rgb_to_lab(pixels)[0], expected, atol=0.02)


def iou(first: Mask, second: Mask) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_a_coloured_square_is_found_by_colour_and_a_rough_one_by_edges() -> None:
    rng = np.random.default_rng(0)
    square = np.zeros((96, 128), dtype=bool)
    square[30:70, 40:90] = True
    image = np.full((96, 128, 3), 90, dtype=np.uint8)
    coloured, rough = image.copy(), image.copy()
    coloured[square] = (200, 40, 40)
    rough[square] += rng.integers(0, 80, (square.sum(), 1), dtype=np.uint8)
    assert iou(otsu_on_colour(coloured), square) > 0.9
    assert iou(otsu_on_edges(rough), square) > 0.7


def test_an_image_of_one_colour_does_no_harm() -> None:
    flat = np.full((20, 30, 3), 7, dtype=np.uint8)
    for mask in (otsu_on_colour(flat), otsu_on_edges(flat)):
        assert mask.shape == (20, 30)
