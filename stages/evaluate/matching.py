"""Which true class each predicted id stands for; used to score, never to train.

Shapes: T true classes, P predicted ids; a confusion matrix is (T, P), rows the truth.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from maskdistill.stages.evaluate.config import Matching
from maskdistill.stages.evaluate.confusion import IntArray


def pairwise_iou(confusion: IntArray) -> NDArray[np.float64]:
    """IoU of every true class with every predicted id, float64 (T, P); 0 where both are empty."""
    union = confusion.sum(axis=1, keepdims=True) + confusion.sum(axis=0, keepdims=True) - confusion
    return np.asarray(np.divide(confusion, union, out=np.zeros(confusion.shape), where=union > 0))


def hungarian(confusion: IntArray, of: Matching = "iou") -> IntArray:
    """One-to-one matching of the highest sum of IoU, or of right pixels; background takes part like any class.

    Returns:
        int64 (P,), true class of each predicted id; -1 where it has none, or shares no pixel with the one it got.
    """
    classes, predicted = linear_sum_assignment(pairwise_iou(confusion) if of == "iou" else confusion, maximize=True)
    matching = np.full(confusion.shape[1], -1, dtype=np.int64)
    overlapping = confusion[classes, predicted] > 0
    matching[predicted[overlapping]] = classes[overlapping]
    return matching


def majority(confusion: IntArray) -> IntArray:
    """Many-to-one matching: each predicted id takes the class that most of its pixels have.

    Returns:
        int64 (P,), true class of each predicted id; -1 where nothing was predicted as it.
    """
    return np.where(confusion.any(axis=0), confusion.argmax(axis=0), -1)
