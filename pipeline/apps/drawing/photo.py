"""Photos at the size at which they are shown."""

import numpy as np
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.pipeline.apps.drawing.cells import fit_size


def shrink(pixels: UInt8Array, edge: int) -> UInt8Array:
    """An image, uint8 (H, W, 3), made smaller where its long side exceeds `edge` px, and never larger."""
    size_hw = (pixels.shape[0], pixels.shape[1])
    if max(size_hw) <= edge:
        return pixels
    height, width = fit_size(size_hw, edge)
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def grey(size_hw: tuple[int, ...]) -> UInt8Array:
    """What stands for an image that is not there any more, uint8 (H, W, 3): what was made of it is still seen."""
    return np.full((*size_hw, 3), 128, dtype=np.uint8)
