"""From an image to the size that a ViT sees, and from its patch grid back."""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.stores.rle import Rle, encode_runs

Value = TypeVar("Value", np.bool_, np.uint8)


def short_side_size(size_hw: tuple[int, int], short_side: int, patch_size: int, max_patches: int) -> tuple[int, int]:
    """Height and width, px, with the short side at `short_side`, or smaller so that `max_patches` patches cover it."""
    scale = short_side / min(size_hw)
    while True:
        height, width = (max(1, round(side * scale)) for side in size_hw)
        patches = math.ceil(height / patch_size) * math.ceil(width / patch_size)
        if patches <= max_patches:
            return height, width
        scale *= min(0.99, math.sqrt(max_patches / patches))


def whole_patches(size_hw: tuple[int, int], patch_size: int) -> tuple[int, int]:
    """Height and width, px, each brought to the nearest multiple of `patch_size`, at least one."""
    height, width = (max(1, round(side / patch_size)) * patch_size for side in size_hw)
    return height, width


def limit_long_side(size_hw: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Height and width, px, unchanged where the long side is within `max_side`, else scaled down to it."""
    scale = min(1.0, max_side / max(size_hw))
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def resize(pixels: UInt8Array, size_hw: tuple[int, int]) -> UInt8Array:
    """Resize uint8 (height, width, 3) to `size_hw` px, bilinear with antialiasing."""
    if pixels.shape[:2] == size_hw:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size_hw[1], size_hw[0]), Image.Resampling.BILINEAR))


def resize_mask(mask: NDArray[Value], size_hw: tuple[int, int]) -> NDArray[Value]:
    """Resize a mask or label map (height, width) to `size_hw` px: each pixel is the one under its centre."""
    rows, columns = (_nearest(new, old) for new, old in zip(size_hw, mask.shape, strict=True))
    return mask[rows[:, None], columns]


def grid_to_image(
    mask: NDArray[np.bool_], resized_hw: tuple[int, int], size_hw: tuple[int, int], patch_size: int
) -> NDArray[np.bool_]:
    """A mask over patches (rows, columns) as mask of the image.

    The same as repeating each patch `patch_size` times, cutting off what lies beyond `resized_hw` px, and
    resizing to `size_hw` px with nearest neighbours, in one step.
    """
    rows, columns = (_nearest(new, old) // patch_size for new, old in zip(size_hw, resized_hw, strict=True))
    return mask[rows[:, None], columns]


def grid_to_code(
    mask: NDArray[np.bool_], resized_hw: tuple[int, int], size_hw: tuple[int, int], patch_size: int
) -> Rle:
    """The run-length code of what `grid_to_image` gives, without drawing it."""
    rows, columns = (_nearest(new, old) // patch_size for new, old in zip(size_hw, resized_hw, strict=True))
    used, starts = np.unique(rows, return_index=True)
    # One value for each run of pixels of an image column that lie in one patch, column after column.
    values = mask[used][:, columns].ravel(order="F")
    places = (np.arange(size_hw[1])[:, None] * size_hw[0] + starts).ravel()
    changes = places[1:][values[1:] != values[:-1]]
    runs = np.diff(np.concatenate([[0], changes, [size_hw[0] * size_hw[1]]]))
    return encode_runs([0, *runs.tolist()] if values[0] else runs.tolist(), size_hw)


def patch_cover(mask: NDArray[np.bool_], resized_hw: tuple[int, int], patch_size: int) -> NDArray[np.float32]:
    """Fraction of each patch that a mask covers once it is resized, float32 (rows, columns).

    By area, so that a mask of a single pixel covers something however much it shrinks. What a patch has beyond
    `resized_hw` px is not covered.
    """
    down, across = (_overlaps(old, new, patch_size) for old, new in zip(mask.shape, resized_hw, strict=True))
    covered: NDArray[np.float32] = down @ mask.astype(np.float32) @ across.T
    return covered


def _overlaps(old: int, new: int, patch_size: int) -> NDArray[np.float32]:
    """Fraction of each patch along a side of `new` px that each of the `old` pixels fills, float32 (patches, old)."""
    pixels = np.arange(old + 1) * (new / old)
    patches = np.arange(math.ceil(new / patch_size) + 1)[:, None] * patch_size
    shared = np.minimum(patches[1:], pixels[1:]) - np.maximum(patches[:-1], pixels[:-1])
    fractions: NDArray[np.float32] = (shared.clip(min=0) / patch_size).astype(np.float32)
    return fractions


def _nearest(new: int, old: int) -> NDArray[np.int64]:
    """For each of `new` pixels the one of `old` pixels under its centre, in integers so that nothing is rounded."""
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)
