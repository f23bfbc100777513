"""Masks that follow the edges of their image."""

import numpy as np
import pytest
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.filter.crf_config import FilterCrfConfig
from maskdistill.stages.filter.edges import follow_edges

CONFIG = FilterCrfConfig(masks=True, bilateral_sxy=20.0)


def squares(*corners: tuple[int, int], side: int = 20, size: int = 64) -> NDArray[np.bool_]:
    """A square mask at each of the places, bool (n, size, size)."""
    masks = np.zeros((len(corners), size, size), dtype=bool)
    for mask, (top, left) in zip(masks, corners, strict=True):
        mask[top : top + side, left : left + side] = True
    return masks


def photo_of(objects: NDArray[np.bool_]) -> UInt8Array:
    """Objects of one colour each on another one."""
    image = np.full((*objects.shape[1:], 3), 40, dtype=np.uint8)
    for shade, mask in enumerate(objects):
        image[mask] = (220, 120 + 60 * shade, 60)
    return image


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_masks_go_to_the_edges_of_their_objects() -> None:
    objects = squares((6, 6), (36, 36))
    found = follow_edges(squares((9, 9), (33, 34)), photo_of(objects), CONFIG)
    assert [iou(a, b) for a, b in zip(found, objects, strict=True)] == pytest.approx([1, 1], abs=0.03)
    assert not found.all(axis=0).any()


def test_a_larger_image_is_refined_on_a_smaller_copy() -> None:
    objects = squares((24, 24), side=80, size=256)
    config = CONFIG.model_copy(update={"max_side": 64})
    found = follow_edges(squares((28, 28), side=80, size=256), photo_of(objects), config)
    assert found.shape == (1, 256, 256)
    assert iou(found[0], objects[0]) > 0.95


def test_without_weights_the_masks_stay() -> None:
    masks = squares((9, 9), (33, 34))
    config = CONFIG.model_copy(update={"gaussian_weight": 0.0, "bilateral_weight": 0.0})
    np.testing.assert_array_equal(follow_edges(masks, photo_of(squares((6, 6))), config), masks)


def test_an_image_keeps_its_masks_where_none_would_be_left() -> None:
    """One pixel in the middle of a plain image belongs to what surrounds it."""
    mask = squares((30, 30), side=1)
    np.testing.assert_array_equal(follow_edges(mask, photo_of(squares()), CONFIG), mask)
    two = np.concatenate([mask, squares((2, 2), side=30)])
    image = photo_of(two[1:])
    assert [found.any() for found in follow_edges(two, image, CONFIG)] == [False, True]


def test_no_masks() -> None:
    none = np.zeros((0, 5, 5), dtype=bool)
    assert follow_edges(none, np.zeros((5, 5, 3), np.uint8), CONFIG).shape == (0, 5, 5)
