"""Scores of any stage's artifact against ground truth: the only code that may read labels."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.clusters import read_k
from data.errors import InputError
from data.images import IGNORE, ImageSource, UInt8Array
from data.masks import MaskStore
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.confusion import ConfusionMatrix, IntArray
from stages.evaluate.matching import hungarian, majority
from stages.evaluate.predictions import Maps, predicted_maps
from stages.evaluate.scores import foreground_iou, iou_per_class, is_localised, miou, pixel_accuracy
from stages.progress import Progress

Truths = Callable[[int], UInt8Array | None]
"""Gives the ground truth of an image by index, uint8 (height, width); None where it has none."""


def evaluate(
    config: EvaluateConfig, stage: str, source: ImageSource, artifacts: Mapping[str, Path], progress: Progress
) -> dict[str, Any]:
    """Score one stage on each split that has ground truth.

    Args:
        config: Which classes count.
        stage: "mine", "cluster", "distill", "filter" or "segment".
        source: The images and their ground truth.
        artifacts: Folder of the stage's artifact by stage name; `cluster` needs the one of `mine` too.
        progress: Told about every image.

    Returns:
        {"train": figures, "val": figures}, without a split that has no ground truth; {"status": "no ground truth"}
        where neither has. Figures of `mine`: `foreground_iou`, `corloc`; of all others: `miou` (Hungarian),
        `miou_majority` where there are more clusters than classes, `pixel_accuracy`, `iou_per_class`, `foreground_iou`,
        `class_of_cluster` (the Hungarian matching; unmatched clusters are left out).
        Images that the artifact lacks count as all background. All figures are finite.

    Raises:
        InputError: An unknown stage or class, or a prediction whose size is not that of its ground truth.
    """
    maps = predicted_maps(stage, artifacts)
    truths = scored_truth(config, source)
    k = read_k(artifacts["cluster"] / "clusters.zarr") if stage != "mine" and "cluster" in artifacts else None
    splits = {"train": range(source.n_train), "val": range(source.n_train, len(source))}
    progress.start(f"evaluate {stage}", len(source), "images")
    figures: dict[str, Any] = {}
    for split, items in splits.items():
        confusion = _count(source, items, truths, maps, progress)
        found = {} if confusion is None else _figures(stage, confusion, source.class_names or (), k)
        if stage == "mine":
            found |= _corloc(source, items, MaskStore.open(artifacts["mine"] / "masks.zarr"))
        if found:
            figures[split] = found
    return figures or {"status": "no ground truth"}


def scored_truth(config: EvaluateConfig, source: ImageSource) -> Truths:
    """How to get the ground truth of an image, classes that are not scored set to 255."""
    names = source.class_names
    if names is None:
        return lambda index: None
    values = np.arange(256, dtype=np.uint8)
    if config.classes is not None:
        unknown = sorted(set(config.classes) - set(names))
        if unknown:
            known = ", ".join(names)
            raise InputError(f"evaluate.classes: {', '.join(unknown)} not among the classes of the data: {known}")
        left_out = [c for c in range(1, len(names)) if names[c] not in config.classes]
        values[left_out] = IGNORE

    def read(index: int) -> UInt8Array | None:
        labels = source.read_labels(index)
        return None if labels is None else values[labels]

    return read


def _count(source: ImageSource, items: range, truths: Truths, maps: Maps, progress: Progress) -> IntArray | None:
    """Confusion of one split, (classes, 255); None where no image of it has ground truth."""
    confusion = ConfusionMatrix(len(source.class_names or ()), IGNORE)
    labelled = 0
    for i in items:
        progress.advance()
        truth = truths(i)
        if truth is None:
            continue
        labelled += 1
        prediction = maps(source.ids[i])
        try:
            confusion.update(truth, np.zeros_like(truth) if prediction is None else prediction)
        except ValueError as error:
            raise InputError(f"{source.ids[i]}: ground truth and prediction do not fit each other: {error}") from error
    return confusion.matrix if labelled else None


def _figures(stage: str, confusion: IntArray, class_names: Any, k: int | None) -> dict[str, Any]:
    if stage == "mine":
        return {"foreground_iou": foreground_iou(confusion)}
    matching = hungarian(confusion)
    ious = iou_per_class(confusion, matching)
    figures: dict[str, Any] = {
        "miou": miou(ious),
        "pixel_accuracy": pixel_accuracy(confusion, matching),
        "foreground_iou": foreground_iou(confusion),
        "iou_per_class": {class_names[c]: iou for c, iou in ious.items()},
        "class_of_cluster": {str(p - 1): class_names[c] for p, c in enumerate(matching.tolist()) if p and c >= 0},
    }
    n_clusters = k if k is not None else int(confusion[:, 1:].any(axis=0).sum())
    if n_clusters > sum(c > 0 for c in ious):
        figures["miou_majority"] = miou(iou_per_class(confusion, majority(confusion)))
    return figures


def _corloc(source: ImageSource, items: range, masks: MaskStore) -> dict[str, float]:
    """Share of the images with an object where a mask's box has IoU >= 0.5 with some object; {} without boxes."""
    index = {image_id: i for i, image_id in enumerate(masks.image_ids)}
    hits = []
    for i in items:
        objects = source.read_boxes(i)
        if objects is None or not len(objects):
            continue
        rows = masks.rows_of(index[source.ids[i]]) if source.ids[i] in index else range(0)
        boxes_xywh = masks.bbox_xywh[rows.start : rows.stop]
        boxes_xyxy = np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)
        hits.append(is_localised(boxes_xyxy, objects))
    return {"corloc": float(np.mean(hits))} if hits else {}
