"""Copy-paste augmentation: the masked objects of one image, put into another."""

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array


def paste(
    pixels: UInt8Array,
    masks: NDArray[np.bool_],
    clusters: NDArray[np.int32],
    other: UInt8Array,
    other_masks: NDArray[np.bool_],
    other_clusters: NDArray[np.int32],
) -> tuple[UInt8Array, NDArray[np.bool_], NDArray[np.int32]]:
    """Put the objects of `other` into an image at the place that they have there, counted from the upper left corner.

    Args:
        pixels: (H, W, 3) RGB.
        masks: (n, H, W)
        clusters: (n,)
        other: Another image of any size; what does not fit is cut off.
        other_masks: (m, H', W')
        other_clusters: (m,)

    Returns:
        The same three with the objects of both; masks of which nothing can be seen any more are left out.
    """
    height, width = (min(sides) for sides in zip(pixels.shape[:2], other.shape[:2], strict=True))
    pasted = np.zeros((len(other_masks), *pixels.shape[:2]), dtype=bool)
    pasted[:, :height, :width] = other_masks[:, :height, :width]
    covered: NDArray[np.bool_] = np.asarray(pasted.any(axis=0))
    joined = pixels.copy()
    y, x = np.nonzero(covered)
    joined[y, x] = other[y, x]
    all_masks = np.concatenate([masks & ~covered, pasted])
    seen = all_masks.any(axis=(1, 2))
    return joined, all_masks[seen], np.concatenate([clusters, other_clusters])[seen]
