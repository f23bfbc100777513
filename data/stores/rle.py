"""A mask as the run-length code of COCO, the form in which masks are passed between parts of this project."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

Rle = dict[str, Any]
"""{"size": [height, width], "counts": bytes}, compressed, as `pycocotools.mask.encode` gives it."""


def encode(mask: NDArray[np.bool_]) -> Rle:
    """The code of a mask, bool (height, width)."""
    return dict(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))
