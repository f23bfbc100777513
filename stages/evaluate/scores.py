"""Metrics from a confusion matrix and a matching, and from boxes. None of them is ever nan.

Shapes: T true classes, P predicted ids; a confusion matrix is (T, P), rows the truth.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from maskdistill.stages.evaluate.confusion import IntArray


def by_class(confusion: IntArray, matching: IntArray) -> IntArray:
    """Confusion (T, T) among classes; pixels of unmatched ids are in no column."""
    n_true = len(confusion)
    merged = np.zeros((n_true, n_true), dtype=np.int64)
    for predicted in np.flatnonzero(matching >= 0):
        merged[:, matching[predicted]] += confusion[:, predicted]
    return merged


def iou_per_class(confusion: IntArray, matching: IntArray) -> dict[int, float]:
    """IoU of each class that has pixels in the truth."""
    merged = by_class(confusion, matching)
    truth = confusion.sum(axis=1)
    union = truth + merged.sum(axis=0) - merged.diagonal()
    return {int(c): float(merged[c, c] / union[c]) for c in np.flatnonzero(truth)}


def miou(ious: Mapping[int, float]) -> float:
    """Mean over the classes; 0 where there are none."""
    return float(np.mean(list(ious.values()))) if ious else 0.0


def pixel_accuracy(confusion: IntArray, matching: IntArray) -> float:
    """Fraction of the counted pixels whose class is right; 0 where no pixel counts."""
    return float(by_class(confusion, matching).trace() / max(1, confusion.sum()))


def foreground_iou(confusion: IntArray) -> float:
    """IoU of everything that is not background, id 0, on either side; 0 where neither side has any."""
    both = confusion[1:, 1:].sum()
    return float(both / max(1, confusion.sum() - confusion[0, 0]))


def box_iou(boxes_xyxy: NDArray[np.floating], others_xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
    """IoU of every box of (n, 4) with every box of (m, 4), float64 (n, m); 0 where both are empty."""
    a, b = boxes_xyxy[:, None].astype(np.float64), others_xyxy[None].astype(np.float64)
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = sides.prod(axis=-1)
    union = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def is_localised(boxes_xyxy: NDArray[np.floating], objects_xyxy: NDArray[np.floating]) -> bool:
    """Whether some box has IoU >= 0.5 with some object: one image's share in CorLoc."""
    return bool((box_iou(boxes_xyxy, objects_xyxy) >= 0.5).any())
