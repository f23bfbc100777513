"""Boundary IoU (Cheng et al., "Boundary IoU", CVPR 2021) of whole splits, fed image by image.

The boundary of a region is the part of it that lies at most `distance` px from its contour; the border of the image is
part of the contour. A boundary IoU is the IoU of two boundaries. Here one pass counts it for every pair of a true class
and a predicted id, so that the matching may come later.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskdistill.data.arrays import IGNORE
from maskdistill.stages.evaluate.confusion import IntArray

DILATION_RATIO = 0.02
"""Thickness of the boundary, as fraction of the image's diagonal: the value of the paper."""


class BoundaryCounts:
    """Counts of boundary pixels by true class and predicted id.

    Pixels of truth 255 count nowhere and bound the regions beside them in both maps: a prediction that equals the truth
    wherever that is known scores 1. A prediction of 255 counts as background.

    Attributes:
        shared: int64 (T, P), px in the boundary of both.
        truth: int64 (T,), px in the boundary of each class.
        prediction: int64 (P,), px in the boundary of each predicted id.
    """

    def __init__(self, n_true: int, n_predicted: int) -> None:
        self.shared: IntArray = np.zeros((n_true, n_predicted), dtype=np.int64)
        self.truth: IntArray = np.zeros(n_true, dtype=np.int64)
        self.prediction: IntArray = np.zeros(n_predicted, dtype=np.int64)

    def update(self, truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> None:
        """Count one image: two integer maps (height, width) with values below T and P, or 255."""
        n_true, n_predicted = self.shared.shape
        counted = truth != IGNORE
        prediction = np.where(counted, np.where(prediction == IGNORE, 0, prediction), IGNORE)
        distance = boundary_distance((truth.shape[0], truth.shape[1]))
        in_truth = near_contour(truth, distance) & counted
        in_prediction = near_contour(prediction, distance) & counted
        both = in_truth & in_prediction
        pairs = truth[both].astype(np.int64) * n_predicted + prediction[both]
        self.shared += np.bincount(pairs, minlength=self.shared.size).reshape(self.shared.shape)
        self.truth += np.bincount(truth[in_truth], minlength=n_true)
        self.prediction += np.bincount(prediction[in_prediction], minlength=n_predicted)

    def iou_per_class(self, matching: IntArray) -> dict[int, float]:
        """Boundary IoU of each class that has pixels in the truth.

        Args:
            matching: int64 (P,), true class of each predicted id, one to one; -1 where it has none.
        """
        shared, predicted = np.zeros(len(self.truth), dtype=np.int64), np.zeros(len(self.truth), dtype=np.int64)
        for p in np.flatnonzero(matching >= 0):
            shared[matching[p]] += self.shared[matching[p], p]
            predicted[matching[p]] += self.prediction[p]
        union = self.truth + predicted - shared
        return {int(c): float(shared[c] / union[c]) for c in np.flatnonzero(self.truth)}


def boundary_distance(size_hw: tuple[int, int]) -> int:
    """Thickness of the boundary in an image of this size, px, at least 1."""
    return max(1, round(DILATION_RATIO * float(np.hypot(*size_hw))))


def near_contour(regions: NDArray[np.integer], distance: int) -> NDArray[np.bool_]:
    """Pixels at most `distance` px (in 8-connected steps) inside the contour of the region they belong to.

    Args:
        regions: integers (height, width); pixels of equal value are one region.
        distance: px, 1 or more.
    """
    # A pixel survives the erosion of its region exactly where all of its window has its value: one pair of filters
    # serves all regions. Outside the image lies -1, which is no region's value.
    values = regions.astype(np.int16)
    window = 2 * distance + 1
    low = ndimage.minimum_filter(values, window, mode="constant", cval=-1)
    high = ndimage.maximum_filter(values, window, mode="constant", cval=-1)
    return np.asarray(low != high)
