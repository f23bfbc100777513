"""The overlap of one image's masks with its objects: all that the scores of masks are made of.

Shapes: D detected masks, G ground-truth objects. An image's overlaps take about a kilobyte, its masks are not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.rle import Rle
from maskdistill.stages.evaluate.scores import box_iou


@dataclass(frozen=True, eq=False)
class Overlaps:
    """One image.

    Attributes:
        iou: float64 (D, G), IoU of every mask with every object; with a crowd, the fraction of the mask inside it.
        box_iou: float64 (D, G), IoU of the tight boxes.
        scores: float64 (D,).
        clusters: int64 (D,).
        class_ids: int64 (G,).
        is_crowd: bool (G,), objects on which masks are neither right nor wrong.
    """

    iou: NDArray[np.float64]
    box_iou: NDArray[np.float64]
    scores: NDArray[np.float64]
    clusters: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]

    @classmethod
    def of(cls, rles: Sequence[Rle], scores: Any, clusters: Any, objects: Instances) -> "Overlaps":
        """Compare the masks of an image, with their scores and clusters, with its objects.

        Raises:
            ValueError: A mask and an object are of different size.
        """
        sizes = {tuple(rle["size"]) for rle in (*rles, *objects.rles)}
        if len(sizes) > 1:
            raise ValueError(f"masks and objects are of different sizes: {sorted(sizes)}")
        iou, boxes = np.zeros((len(rles), len(objects))), np.zeros((len(rles), len(objects)))
        if iou.size:
            iou = coco_mask.iou(list(rles), list(objects.rles), objects.is_crowd.astype(np.uint8).tolist())
            boxes = box_iou(_boxes_xyxy(rles), _boxes_xyxy(objects.rles))
        columns = np.asarray(scores, dtype=np.float64), np.asarray(clusters, dtype=np.int64)
        return cls(iou, boxes, *columns, objects.class_ids, objects.is_crowd)

    def select(self, masks: Any) -> "Overlaps":
        """Only some of the masks, by index or bool (D,)."""
        kept = {name: getattr(self, name)[masks] for name in ("iou", "box_iou", "scores", "clusters")}
        return replace(self, **kept)

    def single(self) -> "Overlaps":
        """The best mask of the image against the one object, crowds left out, whose box fits it best.

        Without a mask the first object stays, as one that was missed. Crowds stay.
        """
        best = self.select(np.argsort(-self.scores, kind="stable")[:1])
        objects = np.flatnonzero(~self.is_crowd)
        if len(objects) and len(best.scores):
            objects = objects[[best.box_iou[0, objects].argmax()]]
        kept = np.union1d(objects[:1], np.flatnonzero(self.is_crowd)).astype(np.int64)
        return replace(
            best,
            iou=best.iou[:, kept],
            box_iou=best.box_iou[:, kept],
            class_ids=self.class_ids[kept],
            is_crowd=self.is_crowd[kept],
        )


def _boxes_xyxy(rles: Sequence[Rle]) -> NDArray[np.float64]:
    boxes = np.asarray(coco_mask.toBbox(list(rles)), dtype=np.float64)
    boxes[:, 2:] += boxes[:, :2]
    return boxes
