"""Mask AP as COCO defines it, by pycocotools, from overlaps that were computed image by image."""

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools.cocoeval import COCOeval

from maskdistill.stages.evaluate.overlaps import Overlaps

IOU_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Of COCO: AP is the mean over them, AP50 is at the first."""
_MOST_MASKS = 100
_ANY = 1


def average_precision(
    images: Iterable[Overlaps], class_of: Mapping[int, int] | None = None, thresholds: Sequence[float] = IOU_THRESHOLDS
) -> tuple[float, float] | None:
    """AP and AP50 of scored masks, from 0 to 1.

    Args:
        images: Overlaps of every image that has ground truth, objects or not.
        class_of: Class that each cluster stands for: a mask is right only on an object of its class, and the result
            is the mean over the classes that have objects. Masks of other clusters have no class and are left out.
            None = classes do not matter.
        thresholds: IoUs over which AP is averaged, the lowest first; "AP50" is at the first one.

    Returns:
        None where there is no object.
    """
    evaluator = COCOeval(iouType="segm")
    parameters = evaluator.params
    parameters.iouThrs = np.asarray(thresholds)
    parameters.areaRng, parameters.areaRngLbl = [[0, 1e10]], ["all"]
    parameters.maxDets = [_MOST_MASKS]
    results: dict[int, list[Any]] = {}
    for image in images:
        for category, masks, objects in _by_category(image, class_of):
            result = _evaluate(evaluator, image, masks, objects)
            if result is not None:
                results.setdefault(category, []).append(result)
    return _accumulate(evaluator, results)


def _by_category(image: Overlaps, class_of: Mapping[int, int] | None) -> Iterator[tuple[int, Any, Any]]:
    """Category, masks and objects by index, for each category that the image shows."""
    if class_of is None:
        yield _ANY, np.arange(len(image.scores)), np.arange(len(image.class_ids))
        return
    classes = np.asarray([class_of.get(cluster, 0) for cluster in image.clusters.tolist()], dtype=np.int64)
    for category in np.union1d(classes[classes > 0], image.class_ids).tolist():
        yield category, np.flatnonzero(classes == category), np.flatnonzero(image.class_ids == category)


def _evaluate(evaluator: Any, image: Overlaps, masks: Any, objects: Any) -> dict[str, Any] | None:
    """Match masks and objects of one image and category as COCO does; only what `accumulate` reads is kept."""
    key = (0, _ANY)
    # COCOeval takes its input as dicts of whole annotations; with the IoUs given, these fields are all it reads.
    crowd = image.is_crowd[objects].astype(int).tolist()
    evaluator._gts = {key: [{"id": i + 1, "iscrowd": c, "ignore": c, "area": 1} for i, c in enumerate(crowd)]}
    scores = image.scores[masks].tolist()
    evaluator._dts = {key: [{"id": i + 1, "score": score, "area": 1} for i, score in enumerate(scores)]}
    order = np.argsort(-image.scores[masks], kind="stable")[:_MOST_MASKS]
    evaluator.ious = {key: image.iou[np.ix_(masks[order], objects)] if len(masks) and len(objects) else []}
    result = evaluator.evaluateImg(*key, evaluator.params.areaRng[0], _MOST_MASKS)
    if result is None:
        return None
    matched = {"dtMatches": result["dtMatches"] > 0, "dtIgnore": np.asarray(result["dtIgnore"], dtype=bool)}
    return matched | {"dtScores": result["dtScores"], "gtIgnore": np.asarray(result["gtIgnore"], dtype=bool)}


def _accumulate(evaluator: Any, results: Mapping[int, list[Any]]) -> tuple[float, float] | None:
    """Precision over recall of each category, and the mean over those that have objects."""
    precisions = []
    for result in results.values():
        # COCOeval keeps one row of results per image id and category; categories are handed over one at a time, so
        # that images which do not show it need no row.
        evaluator.params.imgIds, evaluator.params.catIds = list(range(len(result))), [_ANY]
        evaluator._paramsEval, evaluator.evalImgs = evaluator.params, result
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator.accumulate()
        precision = evaluator.eval["precision"][:, :, 0, 0, 0]
        if precision.min() >= 0:
            precisions.append(precision)
    if not precisions:
        return None
    return float(np.mean(precisions)), float(np.mean([precision[0] for precision in precisions]))
