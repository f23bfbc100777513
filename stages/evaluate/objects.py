"""Scores of masks against objects, for one split."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.evaluate.agreement import agreement, class_of_mask
from maskdistill.stages.evaluate.average_precision import average_precision
from maskdistill.stages.evaluate.confusion import IntArray
from maskdistill.stages.evaluate.overlaps import Overlaps
from maskdistill.stages.evaluate.reliability import reliability
from maskdistill.stages.evaluate.scores import is_localised


class ObjectScores:
    """The masks of a store against each image's ground truth, image by image.

    Of each image its overlaps with the objects are kept, about a kilobyte, and never a mask.
    """

    def __init__(self, masks: MaskStore, n_classes: int) -> None:
        self._masks = masks
        self._n_classes = n_classes
        self._overlaps: list[Overlaps] = []
        self._localised: list[bool] = []
        self._clusters: list[int] = []
        self._classes: list[int] = []

    def update(
        self, image_id: str, truth: UInt8Array | None, objects: Instances | None, boxes_xyxy: FloatArray | None
    ) -> None:
        """Score an image's masks with whatever ground truth it has. Raises ValueError where sizes differ."""
        rows = self._masks.rows_of(self._masks.index(image_id)) if image_id in self._masks else range(0)
        scores, clusters = self._masks.score[rows.start : rows.stop], self._masks.cluster[rows.start : rows.stop]
        if truth is not None:
            self._add_classes(rows, truth)
        if objects is not None:
            rles = [self._masks.rle(row) for row in rows]
            self._overlaps.append(Overlaps.of(rles, scores, clusters, objects))
        if boxes_xyxy is not None and len(boxes_xyxy):
            best = rows[int(scores.argmax())] if len(rows) else 0
            x, y, width, height = self._masks.bbox_xywh[best] if len(rows) else np.zeros(4)
            self._localised.append(is_localised(np.asarray([[x, y, x + width, y + height]]), boxes_xyxy))

    def _add_classes(self, rows: range, truth: UInt8Array) -> None:
        for row in rows:
            mask = np.asarray(coco_mask.decode(self._masks.rle(row)), dtype=bool)
            if mask.shape != truth.shape:
                raise ValueError(f"truth is {truth.shape}, a mask {mask.shape}")
            class_id = class_of_mask(truth, mask, self._n_classes)
            if class_id is not None:
                self._clusters.append(int(self._masks.cluster[row]))
                self._classes.append(class_id)

    def metrics(self, matching: IntArray | None) -> dict[str, Any]:
        """All metrics that `METRICS` says are about masks, without those that the ground truth does not allow.

        Args:
            matching: int64 (P,), class of each predicted id, cluster c being id c + 1; None = unknown.
        """
        metrics: dict[str, Any] = {}
        if self._localised:
            metrics["corloc"] = float(np.mean(self._localised))
        metrics |= agreement(self._clusters, self._classes)
        metrics |= self._precision("_agnostic", None)
        if matching is not None:
            metrics |= self._precision("", {p - 1: c for p, c in enumerate(matching.tolist()) if p and c > 0})
        return metrics | reliability(self._overlaps)

    def _precision(self, suffix: str, class_of: dict[int, int] | None) -> dict[str, float]:
        settings = {suffix: self._overlaps, f"{suffix}_single": [image.single() for image in self._overlaps]}
        metrics: dict[str, float] = {}
        for name, overlaps in settings.items():
            found = average_precision(overlaps, class_of)
            if found is not None:
                metrics |= {f"ap{name}": found[0], f"ap50{name}": found[1]}
        return metrics
