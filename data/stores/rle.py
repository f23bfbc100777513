"""A mask as the run-length code of COCO, the form in which masks are passed between parts of this project."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

Rle = dict[str, Any]
"""{"size": [height, width], "counts": bytes}, compressed, as `pycocotools.mask.encode` gives it."""

_AT_ONCE = 128


def encode(mask: NDArray[np.bool_]) -> Rle:
    """The code of a mask, bool (height, width)."""
    return dict(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))


def encode_all(masks: NDArray[np.bool_]) -> list[Rle]:
    """The code of each of some masks, bool (n, height, width); masks that lie column by column are not copied."""
    if not len(masks):
        return []
    columns = np.asfortranarray(np.moveaxis(masks, 0, -1), dtype=bool)
    codes: list[Rle] = coco_mask.encode(columns.view(np.uint8))
    return codes


def encode_runs(runs: list[int], size_hw: tuple[int, int]) -> Rle:
    """The code of a mask from its runs of pixels outside and inside in turn, column after column, the outside first."""
    return dict(coco_mask.frPyObjects({"size": list(size_hw), "counts": runs}, *size_hw))


def areas(rles: Sequence[Rle]) -> NDArray[np.int64]:
    """Area of each mask, int64 (n,), px; any number of masks, as pycocotools fails at more than 255 at once."""
    found = [coco_mask.area(list(rles[start : start + _AT_ONCE])) for start in range(0, len(rles), _AT_ONCE)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found]).astype(np.int64)
