"""One class for each connected region of objects: what pixels of one object say together is surer than each alone."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskdistill.data.arrays import UInt8Array


def unite_regions(labels: UInt8Array, scores: Iterable[tuple[slice, NDArray[np.float32]]]) -> UInt8Array:
    """Give each region one class.

    Args:
        labels: (H, W), 0 = background.
        scores: Logits of all classes, background first, (C, rows, W) for some rows of the image after the other; none
            are asked for where there is no region.

    Returns:
        (H, W), 0 in the same places; elsewhere the class of the highest mean probability over the region, which is
        4-connected. Of equal classes the first.
    """
    regions, n_regions = ndimage.label(labels)
    if not n_regions:
        return labels
    totals = np.sum([_totals(regions[rows], n_regions, found) for rows, found in scores], axis=0)
    inside = regions > 0
    united = np.zeros_like(labels)
    united[inside] = 1 + totals.argmax(axis=0)[regions[inside] - 1]
    return united


def _totals(regions: NDArray[np.int32], n_regions: int, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of the probabilities over the pixels of each region in some rows, (C - 1, regions), without background."""
    inside = regions > 0
    of_pixel = regions[inside] - 1
    found = scores[:, inside]
    probabilities = np.exp(found - found.max(axis=0, initial=-np.inf))
    probabilities /= probabilities.sum(axis=0)
    return np.stack([np.bincount(of_pixel, weights=own, minlength=n_regions) for own in probabilities[1:]])
