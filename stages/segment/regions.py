"""One class for each connected region of objects: what pixels of one object say together is surer than each alone."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskdistill.data.arrays import UInt8Array


def unite_regions(labels: UInt8Array, scores: NDArray[np.float32]) -> UInt8Array:
    """Give each region one class.

    Args:
        labels: (H, W), 0 = background.
        scores: (C, H, W), logits of all classes, background first.

    Returns:
        (H, W), 0 in the same places; elsewhere the class of the highest mean probability over the region, which is
        4-connected. Of equal classes the first.
    """
    regions, n_regions = ndimage.label(labels)
    if not n_regions:
        return labels
    inside = regions > 0
    of_pixel = regions[inside] - 1
    found = scores[:, inside]
    probabilities = np.exp(found - found.max(axis=0))
    probabilities /= probabilities.sum(axis=0)
    totals = np.stack([np.bincount(of_pixel, weights=own, minlength=n_regions) for own in probabilities[1:]])
    united = np.zeros_like(labels)
    united[inside] = 1 + totals.argmax(axis=0)[of_pixel]
    return united
