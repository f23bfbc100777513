"""Scores of single masks and images, to look at. The scores of a run are never means of these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.evaluate.agreement import class_of_mask
from maskdistill.stages.evaluate.confusion import ConfusionMatrix
from maskdistill.stages.evaluate.overlaps import Overlaps
from maskdistill.stages.evaluate.scores import foreground_iou, iou_per_class, miou
from maskdistill.stages.evaluate.truth import Truth


@dataclass(frozen=True)
class MaskScore:
    """One mask against the ground truth of its image.

    Attributes:
        iou: With the object that it fits best; where single objects are not known, with all px of the class that it
            fits best. Background is no class here. 0-1.
        class_id: Class of most of its px; None where all of them are ignored.
    """

    iou: float
    class_id: int | None


def score_masks(truth: Truth, index: int, masks: MaskStore, rows: range) -> Iterator[MaskScore | None]:
    """The score of each mask of an image; None where it has no ground truth, or one of another size.

    Args:
        truth: The ground truth.
        index: Of the image, in the image source.
        masks: A store that holds its masks.
        rows: Which they are.
    """
    labels, objects = truth.labels(index), truth.objects(index)
    best = np.zeros(len(rows))
    if objects is not None and len(rows) and not objects.is_crowd.all():
        overlaps = Overlaps.of([masks.rle(row) for row in rows], masks.score[rows], masks.cluster[rows], objects)
        best = overlaps.iou[:, ~objects.is_crowd].max(axis=1, initial=0)
    for row, iou in zip(rows, best.tolist(), strict=True):
        if labels is None or labels.shape != tuple(masks.size_hw[row]):
            yield None
            continue
        mask = masks.decode(row)
        fits = _best_class_iou(labels, mask) if objects is None else iou
        yield MaskScore(fits, class_of_mask(labels, mask, len(truth.class_names)))


def score_image(
    truth: Truth, index: int, prediction: UInt8Array | None, class_of_cluster: Mapping[str, str]
) -> float | None:
    """How well the label map of an image fits: the mean IoU of the classes that it shows, background too, 0-1.

    Args:
        truth: The ground truth.
        index: Of the image, in the image source.
        prediction: Its label map, cluster c being c + 1; None = background alone.
        class_of_cluster: The matching of the whole split, as the metric of that name has it; where it is empty, the
            IoU of all that is not background.

    Returns:
        None without ground truth, or one of another size.
    """
    labels = truth.labels(index)
    if labels is None or (prediction is not None and prediction.shape != labels.shape):
        return None
    confusion = ConfusionMatrix(len(truth.class_names), IGNORE)
    counts = confusion.update(labels, np.zeros_like(labels) if prediction is None else prediction)
    if not class_of_cluster:
        return foreground_iou(counts)
    matching = np.full(counts.shape[1], -1, dtype=np.int64)
    matching[0] = 0
    for cluster, name in class_of_cluster.items():
        matching[int(cluster) + 1] = truth.class_names.index(name)
    return miou(iou_per_class(counts, matching))


def _best_class_iou(labels: UInt8Array, mask: NDArray[np.bool_]) -> float:
    counted = labels != IGNORE
    inside = np.bincount(labels[mask & counted], minlength=IGNORE)
    everywhere = np.bincount(labels[counted], minlength=IGNORE)
    union = everywhere + int((mask & counted).sum()) - inside
    return float((inside / np.maximum(union, 1))[1:IGNORE].max())
