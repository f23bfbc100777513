"""What the paper leaves out: masks without holes and threads."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def tidy(
    mask: NDArray[np.bool_], source: int, fill_holes: bool = False, opening: int = 0
) -> tuple[NDArray[np.bool_], int]:
    """Fill what a mask encloses, then remove what is thin.

    The keys of a plain surface resemble those of the background, so that of such an object the rim alone is found.
    MaskCut (CutLER, arXiv 2301.11320) fills holes as well.

    Args:
        mask: bool (h, w), not empty.
        source: Flat index of a patch in the mask.
        fill_holes: Whether patches join the mask from which no 4-connected path outside it leads to the border.
        opening: Steps of erosion, then of dilation, to 4-connected neighbours; parts thinner than about twice as many
            patches vanish. 0 = none. A mask that would vanish altogether is left as it is.

    Returns:
        The mask, and a patch in it: the source or, if that was removed, the patch left in the mask that is nearest to
        it.
    """
    if fill_holes:
        mask = np.asarray(ndimage.binary_fill_holes(mask), dtype=bool)
    if opening:
        opened = np.asarray(ndimage.binary_opening(mask, iterations=opening), dtype=bool)
        mask = opened if opened.any() else mask
    return mask, nearest(mask, source)


def nearest(mask: NDArray[np.bool_], patch: int) -> int:
    """Flat index of the patch of a mask (h, w), not empty, that is nearest to `patch`; the first of several."""
    inside = np.flatnonzero(mask)
    row, column = np.divmod(inside, mask.shape[1])
    distance = (row - patch // mask.shape[1]) ** 2 + (column - patch % mask.shape[1]) ** 2
    return int(inside[np.argmin(distance)])
