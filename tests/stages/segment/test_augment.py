"""Label maps stay on their images, to a fraction of a pixel, through resizing, cropping and rotation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from helpers.segmentation import SETTINGS
from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.segment.augment import augment, scaled_hw
from maskdistill.stages.segment.config import SegmentConfig

SIDE = 65
"""Odd: resized to an even side, no pixel's centre falls between two pixels."""


def disc(radius: float = 20.0) -> UInt8Array:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.asarray((rows - 32) ** 2 + (columns - 32) ** 2 < radius**2, dtype=np.uint8)


def centre(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre of mass, (row, column) px."""
    return np.asarray([(weights * grid).sum() / weights.sum() for grid in np.mgrid[: len(weights), : len(weights)]])


@pytest.mark.parametrize("side", [48, 80])
def test_labels_are_resized_by_the_pixel_under_each_centre(side: int) -> None:
    labels = np.random.default_rng(0).integers(0, 20, (SIDE, SIDE), dtype=np.uint8)
    config = SegmentConfig(scale=(side / SIDE, side / SIDE), rotation=0, flip=0, crop=side)
    _, found = augment(np.zeros((SIDE, SIDE, 3), np.uint8), labels, config)
    expected = np.asarray(Image.fromarray(labels).resize((side, side), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("side", [48, 80])
@pytest.mark.parametrize("rotation", [0, 30])
def test_labels_stay_on_their_image(side: int, rotation: float) -> None:
    torch.manual_seed(0)
    config = SegmentConfig(scale=(side / SIDE, side / SIDE), rotation=rotation, flip=0, crop=side)
    image, labels = augment(np.repeat(disc()[:, :, None] * np.uint8(255), 3, axis=2), disc(), config)
    # Rotated corners of the image are filled with a colour, and belong to no class.
    known = labels.numpy() < 255
    shift = centre((labels.numpy() == 1) * 1.0) - centre(np.where(known, image[0].numpy(), 0) / 255)
    assert np.abs(shift).max() < 0.1, "plain nearest neighbours move a label map by 0.2 px and more"


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 99))
def test_crops_hold_the_same_part_of_image_and_labels(height: int, width: int, seed: int) -> None:
    label_map = np.zeros((height, width), dtype=np.uint8)
    label_map[:, width // 2 :] = 7
    pixels = np.repeat(label_map[..., None] * 30, 3, axis=2).astype(np.uint8)
    torch.manual_seed(seed)
    crop, labels = augment(pixels, label_map, SETTINGS.model_copy(update={"rotation": 0.0}))
    assert crop.shape == (3, 64, 64)
    assert crop.dtype == labels.dtype == torch.uint8
    assert set(labels.flatten().tolist()) <= {0, 7, 255}
    differ = ((crop[0] > 105) != (labels == 7)) & (labels != 255)
    assert differ.any(dim=0).sum() <= 1, "they may differ in the column where the two classes meet"


def test_padding_is_ignored() -> None:
    torch.manual_seed(0)
    _, labels = augment(np.zeros((10, 10, 3), np.uint8), np.zeros((10, 10), np.uint8), SETTINGS)
    assert (labels == 255).float().mean() > 0.9
    assert (labels == 0).any()


@pytest.mark.parametrize(
    ("size_hw", "short", "expected"),
    [((100, 200), 50, (50, 100)), ((100, 200), None, (100, 200)), ((1, 1), 16, (16, 16)), ((3, 1000), 30, (30, 10000))],
)
def test_scaled_size(size_hw: tuple[int, int], short: int | None, expected: tuple[int, int]) -> None:
    assert scaled_hw(size_hw, short) == expected
