"""Sizes and boxes for the detector. Sizes are (height, width) in px."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def resized_hw(size_hw: tuple[int, int], short_side: float, max_size: float) -> tuple[int, int]:
    """Size with the given short side, or with the long side `max_size` where that is smaller; at least 1 x 1."""
    factor = min(short_side / min(size_hw), max_size / max(size_hw))
    return max(1, round(size_hw[0] * factor)), max(1, round(size_hw[1] * factor))


def resize_image(image: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Bilinear resize of an image, float (3, H, W), smoothed where it shrinks."""
    return F.interpolate(image[None], size=size_hw, mode="bilinear", antialias=True)[0]


def resize_masks(masks: NDArray[np.bool_], size_hw: tuple[int, int]) -> Tensor:
    """Nearest-neighbour resize of masks, bool (n, H, W); one that would vanish keeps a pixel at its centre."""
    small = F.interpolate(torch.from_numpy(masks)[None].to(torch.uint8), size=size_hw, mode="nearest-exact")[0].bool()
    for row in (~small.flatten(1).any(dim=1)).nonzero()[:, 0].tolist():
        yx = np.argwhere(masks[row]).mean(axis=0) + 0.5
        y, x = (min(int(c * new / old), new - 1) for c, new, old in zip(yx, size_hw, masks.shape[1:], strict=True))
        small[row, y, x] = True
    return small


def boxes_of(masks: Tensor) -> Tensor:
    """Tight boxes, float32 (n, 4) x1 y1 x2 y2, of masks bool (n, H, W) that are not empty.

    The right and lower edges are those of the last pixel, one past its index: a mask of one pixel has a box of 1 x 1.
    """
    n, height, width = masks.shape
    rows, columns = masks.any(dim=2).int(), masks.any(dim=1).int()
    if n == 0:
        return torch.zeros((0, 4))
    top, left = rows.argmax(dim=1), columns.argmax(dim=1)
    bottom, right = height - rows.flip(1).argmax(dim=1), width - columns.flip(1).argmax(dim=1)
    return torch.stack([left, top, right, bottom], dim=1).float()
