"""Connected parts of masks over a grid of patches."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskdistill.stages.mine.methods.tidy import tidy


def object_at(
    mask: NDArray[np.bool_], prominence: NDArray[np.generic], fill_holes: bool = False, opening: int = 0
) -> NDArray[np.bool_]:
    """The connected part of a mask at its most prominent patch, after `tidy`.

    Args:
        mask: bool (h, w), not empty.
        prominence: (h * w,), of each patch.
        fill_holes, opening: See `tidy`.

    Returns:
        bool (h, w), not empty.
    """
    inside = np.flatnonzero(mask)
    tidied, _ = tidy(mask, int(inside[0]), fill_holes, opening)
    inside = np.flatnonzero(tidied)
    (found,) = split_objects(tidied, int(inside[np.argmax(prominence[inside])]), max_masks=1, min_area=0)
    return np.asarray(found)


def split_objects(mask: NDArray[np.bool_], source: int, max_masks: int, min_area: float) -> NDArray[np.bool_]:
    """The 4-connected component of a mask (h, w) that holds the patch `source`, a flat index, and the largest others.

    Returns:
        bool (n, h, w), n <= `max_masks`; the others hold at least the share `min_area` of all patches. The first is
        empty where the mask is off at the source.
    """
    components, _ = ndimage.label(mask)
    areas = np.bincount(components.ravel())
    first = int(components.flat[source])
    areas[[0, first]] = 0
    by_area = np.argsort(-areas, kind="stable")[: max_masks - 1]
    others = by_area[areas[by_area] >= max(1, min_area * mask.size)]
    masks = components == np.array([first, *others])[:, None, None]
    return np.asarray(masks & mask)
