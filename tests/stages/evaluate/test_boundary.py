"""Boundary IoU against erosion, region by region, as its authors define it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from maskdistill.stages.evaluate.boundary import BoundaryCounts, boundary_distance, near_contour


def boundary_by_erosion(mask: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """The mask without what is left of it after `distance` erosions by a 3 x 3 square, zeros around the image."""
    eroded = ndimage.binary_erosion(np.pad(mask, 1), np.ones((3, 3)), iterations=distance)
    return np.asarray(mask & ~eroded[1:-1, 1:-1])


def blobs(rng: np.random.Generator, size_hw: tuple[int, int], n: int) -> NDArray[np.int64]:
    """A map of n regions, 0 to n - 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal((n, *size_hw)), (0, 3, 3))
    return np.asarray(noise.argmax(axis=0))


@given(seed=st.integers(0, 999), n=st.integers(1, 4), distance=st.integers(1, 4))
def test_boundaries_of_all_regions_equal_those_by_erosion(seed: int, n: int, distance: int) -> None:
    regions = blobs(np.random.default_rng(seed), (17, 23), n)
    expected = np.zeros(regions.shape, dtype=bool)
    for value in range(n):
        expected |= boundary_by_erosion(regions == value, distance)
    np.testing.assert_array_equal(near_contour(regions, distance), expected)


@given(seed=st.integers(0, 999))
def test_iou_over_two_images_equals_that_of_the_boundaries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [(40, 50), (60, 30)]
    truths, predictions = ([blobs(rng, size, 3) for size in sizes] for _ in range(2))
    counts = BoundaryCounts(3, 4)
    matching = np.asarray([2, 0, 1, -1])
    shared, union = np.zeros(3), np.zeros(3)
    for size_hw, truth, prediction in zip(sizes, truths, predictions, strict=True):
        counts.update(truth, prediction)
        distance = boundary_distance(size_hw)
        for p, c in enumerate(matching[:3]):
            ours, theirs = (boundary_by_erosion(m, distance) for m in (prediction == p, truth == c))
            shared[c] += (ours & theirs).sum()
            union[c] += (ours | theirs).sum()
    present = {c: shared[c] / union[c] for c in range(3) if any((truth == c).any() for truth in truths)}
    assert counts.iou_per_class(matching) == pytest.approx(present)


def test_the_distance_is_two_percent_of_the_diagonal_and_at_least_one_px() -> None:
    assert boundary_distance((375, 500)) == 12  # 0.02 x 625 = 12.5, and Python rounds half to even
    assert boundary_distance((480, 640)) == 16
    assert boundary_distance((10, 10)) == 1


def test_ignored_pixels_count_nowhere_and_the_truth_scores_one() -> None:
    truth = np.zeros((100, 100), dtype=np.uint8)
    truth[30:70, 30:70] = 255
    truth[35:65, 35:65] = 1
    prediction = np.where(truth == 255, 1, truth)
    counts = BoundaryCounts(2, 2)
    counts.update(truth, prediction)
    assert counts.iou_per_class(np.asarray([0, 1])) == {0: 1.0, 1: 1.0}
    assert counts.truth[1] == 30**2 - 24**2


def test_ignored_predictions_are_background_and_absent_classes_are_left_out() -> None:
    counts = BoundaryCounts(3, 3)
    truth = np.zeros((20, 20), dtype=np.uint8)
    counts.update(truth, np.full((20, 20), 255))
    assert counts.iou_per_class(np.asarray([0, -1, 2])) == {0: 1.0}
