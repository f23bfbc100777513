"""Label maps stay on their images, to a fraction of a pixel, through resizing and rotation."""

import numpy as np
import pytest
import torch
from PIL import Image

from maskdistill.stages.segment.augment import augment
from maskdistill.stages.segment.config import SegmentConfig

SIDE = 65
"""Odd: resized to an even side, no pixel's centre falls between two pixels."""


def disc(radius: float = 20.0) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return ((rows - 32) ** 2 + (columns - 32) ** 2 < radius**2).astype(np.uint8)


def centre(weights: np.ndarray) -> np.ndarray:
    """Centre of mass, (row, column) px."""
    return np.asarray([(weights * grid).sum() / weights.sum() for grid in np.mgrid[: len(weights), : len(weights)]])


@pytest.mark.parametrize("side", [48, 80])
def test_labels_are_resized_by_the_pixel_under_each_centre(side):
    labels = np.random.default_rng(0).integers(0, 20, (SIDE, SIDE), dtype=np.uint8)
    config = SegmentConfig(scale=(side / SIDE, side / SIDE), rotation=0, flip=0, crop=side)
    _, found = augment(np.zeros((SIDE, SIDE, 3), np.uint8), labels, config)
    expected = np.asarray(Image.fromarray(labels).resize((side, side), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("side", [48, 80])
@pytest.mark.parametrize("rotation", [0, 30])
def test_labels_stay_on_their_image(side, rotation):
    torch.manual_seed(0)
    config = SegmentConfig(scale=(side / SIDE, side / SIDE), rotation=rotation, flip=0, crop=side)
    image, labels = augment(np.repeat(disc()[:, :, None] * np.uint8(255), 3, axis=2), disc(), config)
    # Rotated corners of the image are filled with a colour, and belong to no class.
    known = labels.numpy() < 255
    shift = centre((labels.numpy() == 1) * 1.0) - centre(np.where(known, image[0].numpy(), 0) / 255)
    assert np.abs(shift).max() < 0.1, "plain nearest neighbours move a label map by 0.2 px and more"
