"""What becomes of masks that overlap: two rules, both leaving every pixel to at most one mask.

n masks of one image, bool (n, H, W), the most confident first. A mask that vanishes is returned empty, so the
rows keep their places. The official check indexed with integers and hardly ever fired; these are the rules
that it meant.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]


def drop(masks: Masks) -> Masks:
    """Empty every mask that shares a pixel with a more confident one that was kept."""
    taken = np.zeros(masks.shape[1:], dtype=bool)
    result = np.zeros_like(masks)
    for row, mask in enumerate(masks):
        if not (mask & taken).any():
            result[row] = mask
            taken |= mask
    return result


def occlude(masks: Masks) -> Masks:
    """Leave each mask the pixels that no more confident one covers."""
    taken = np.zeros(masks.shape[1:], dtype=bool)
    result = np.empty_like(masks)
    for row, mask in enumerate(masks):
        np.logical_and(mask, ~taken, out=result[row])
        taken |= mask
    return result


RULES: dict[str, Callable[[Masks], Masks]] = {"drop": drop, "occlude": occlude}
"""The rules by their name in the configuration."""
