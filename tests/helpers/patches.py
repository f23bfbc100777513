"""Features of patches that hold objects: one direction for the background, one for each object."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import FloatArray


def rectangles(grid_hw: tuple[int, int], *boxes_xywh: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Masks bool (n, h, w) of rectangles, patches."""
    masks = np.zeros((len(boxes_xywh), *grid_hw), dtype=bool)
    for mask, (x, y, width, height) in zip(masks, boxes_xywh, strict=True):
        mask[y : y + height, x : x + width] = True
    return masks


def features_of(masks: NDArray[np.bool_], *, background: float = 1.0, noise: float = 0.1, seed: int = 0) -> Tensor:
    """Features float32 (N, 2 + n) of a grid with objects (n, h, w): each has a direction of its own, with some noise.

    The direction of the background points away from those of the objects a little, as DINO's keys do, and `background`
    is its length.
    """
    n_objects = len(masks)
    directions = np.eye(1 + n_objects, 2 + n_objects, dtype=np.float32)
    directions[0] *= background
    directions[0, 1:] = -0.2 * background
    where: FloatArray = np.zeros(masks.shape[1:], dtype=np.float32)
    for number, mask in enumerate(masks):
        where[mask] = number + 1
    features = directions[where.astype(int).ravel()]
    features += noise * np.random.default_rng(seed).standard_normal(features.shape).astype(np.float32)
    return torch.from_numpy(features)
