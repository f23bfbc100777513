"""Scores of label maps against label maps, for one split."""

from typing import Any

import numpy as np

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.stages.evaluate.boundary import BoundaryCounts
from maskdistill.stages.evaluate.config import Matching
from maskdistill.stages.evaluate.confusion import ConfusionMatrix, IntArray
from maskdistill.stages.evaluate.matching import hungarian, majority
from maskdistill.stages.evaluate.scores import by_class, foreground_iou, iou_per_class, miou, pixel_accuracy

_RANKED = 8


class PixelScores:
    """Counts of pixels, image by image; the metrics follow from the counts of the whole split.

    Of each image only its own non-zero counts are kept, some hundred bytes, to name the best and the worst ones.
    """

    def __init__(
        self, class_names: tuple[str, ...], k: int | None, *, with_boundary: bool, matching: Matching = "iou"
    ) -> None:
        """`k` is the number of clusters that the predictions were made with; None = those that occur in them."""
        self._class_names = class_names
        self._k, self._matching = k, matching
        self._confusion = ConfusionMatrix(len(class_names), IGNORE)
        self._boundary = BoundaryCounts(len(class_names), IGNORE) if with_boundary else None
        self._images: list[tuple[str, IntArray, IntArray]] = []

    def update(self, image_id: str, truth: UInt8Array, prediction: UInt8Array) -> None:
        """Count an image. Raises ValueError where the two maps do not fit each other."""
        counts = self._confusion.update(truth, prediction)
        if self._boundary is not None:
            self._boundary.update(truth, prediction)
        (places,) = np.nonzero(counts.ravel())
        self._images.append((image_id, places.astype(np.int32), counts.ravel()[places]))

    def matching(self) -> IntArray:
        """Hungarian matching of the split: class of each predicted id, -1 where it has none."""
        return hungarian(self._confusion.matrix, self._matching)

    def metrics(self) -> dict[str, Any]:
        """All metrics that `METRICS` says are about pixels; {} where no image has a label map."""
        if not self._images:
            return {}
        names, confusion, matching = self._class_names, self._confusion.matrix, self.matching()
        ious = iou_per_class(confusion, matching)
        metrics: dict[str, Any] = {
            "miou": miou(ious),
            "pixel_accuracy": pixel_accuracy(confusion, matching),
            "foreground_iou": foreground_iou(confusion),
            "iou_per_class": {names[c]: iou for c, iou in ious.items()},
            "class_of_cluster": {str(p - 1): names[c] for p, c in enumerate(matching.tolist()) if p and c >= 0},
            "confusion": self._described_confusion(matching),
        }
        if self._boundary is not None:
            metrics["boundary_iou"] = miou(self._boundary.iou_per_class(matching))
        n_clusters = self._k if self._k is not None else int(confusion[:, 1:].any(axis=0).sum())
        if n_clusters > sum(c > 0 for c in ious):
            metrics["miou_majority"] = miou(iou_per_class(confusion, majority(confusion)))
        return metrics | self._ranking(matching)

    def _described_confusion(self, matching: IntArray) -> dict[str, Any]:
        merged = by_class(self._confusion.matrix, matching)
        unmatched = self._confusion.matrix.sum(axis=1) - merged.sum(axis=1)
        return {"classes": list(self._class_names), "px": np.column_stack([merged, unmatched]).tolist()}

    def _ranking(self, matching: IntArray) -> dict[str, Any]:
        """The images of the highest and lowest mIoU, over the classes each shows, under the split's matching."""
        ranked: list[dict[str, Any]] = []
        for image_id, places, counts in self._images:
            confusion = np.zeros(self._confusion.matrix.size, dtype=np.int64)
            confusion[places] = counts
            ious = iou_per_class(confusion.reshape(self._confusion.matrix.shape), matching)
            ranked.append({"image": image_id, "miou": miou(ious)})
        ranked.sort(key=lambda one: one["miou"], reverse=True)
        return {"best_images": ranked[:_RANKED], "worst_images": ranked[::-1][:_RANKED]}
