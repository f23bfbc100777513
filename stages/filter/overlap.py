"""What becomes of masks that overlap: two rules, both leaving every pixel to at most one mask.

n masks of one image, bool (n, H, W), the most confident first. A mask that vanishes is returned empty, so the
rows keep their places. The official check indexed with integers and hardly ever fired; these are the rules
that it meant.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.stores.mask_columns import Window

Masks = NDArray[np.bool_]
Rule = Callable[[Masks, Sequence[Window] | None], Masks]
"""Takes masks and, where they are known, windows outside of which each of them is empty; then it looks at no more."""


def drop(masks: Masks, windows: Sequence[Window] | None = None) -> Masks:
    """Empty every mask that shares a pixel with a more confident one that was kept."""
    taken, result = _free_and_empty(masks)
    for row, window in enumerate(_windows_of(masks, windows)):
        mask = masks[row][window]
        if not (mask & taken[window]).any():
            result[row][window] = mask
            taken[window] |= mask
    return result


def occlude(masks: Masks, windows: Sequence[Window] | None = None) -> Masks:
    """Leave each mask the pixels that no more confident one covers."""
    taken, result = _free_and_empty(masks)
    for row, window in enumerate(_windows_of(masks, windows)):
        mask = masks[row][window]
        np.greater(mask, taken[window], out=result[row][window])
        taken[window] |= mask
    return result


def _windows_of(masks: Masks, windows: Sequence[Window] | None) -> Sequence[Window]:
    return [(slice(None), slice(None))] * len(masks) if windows is None else windows


def _free_and_empty(masks: Masks) -> tuple[NDArray[np.bool_], Masks]:
    """No pixel taken (H, W), and no pixel of any mask; laid out in memory as the masks are."""
    result = np.zeros_like(masks)
    return result[0].copy(order="K") if len(masks) else np.zeros(masks.shape[1:], dtype=bool), result


RULES: dict[str, Rule] = {"drop": drop, "occlude": occlude}
"""The rules by their name in the configuration."""
