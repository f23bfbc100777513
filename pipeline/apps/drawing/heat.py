"""Draws values between 0 and 1 as heat."""

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array

_STOPS = ((0.0, (20, 11, 53)), (0.3, (120, 28, 109)), (0.6, (237, 105, 37)), (1.0, (252, 255, 164)))


def heat_picture(heat: NDArray[np.float32]) -> UInt8Array:
    """Values 0-1, (height, width), as RGBA: dark and nearly transparent at 0, bright and opaque at 1."""
    stops = [stop for stop, _ in _STOPS]
    channels = [np.interp(heat, stops, [colour[i] for _, colour in _STOPS]) for i in range(3)]
    alpha = 110 + 125 * heat
    return np.stack([*channels, alpha], axis=-1).round().astype(np.uint8)
