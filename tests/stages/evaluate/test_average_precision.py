"""Mask AP against pycocotools run as a whole, and against torchmetrics."""

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.rle import Rle
from maskdistill.stages.evaluate.average_precision import average_precision
from maskdistill.stages.evaluate.overlaps import Overlaps

SIZE = 24
CLASS_OF = {0: 2, 1: 3, 2: 1}
"""Class that each cluster stands for; cluster 3 stands for none."""


def rectangles(rng: np.random.Generator, n: int) -> UInt8Array:
    masks = np.zeros((n, SIZE, SIZE), dtype=np.uint8)
    for mask in masks:
        y, x = rng.integers(0, SIZE - 6, 2)
        height, width = rng.integers(4, 14, 2)
        mask[y : y + height, x : x + width] = 1
    return masks


def encode(masks: UInt8Array) -> list[Rle]:
    return [coco_mask.encode(np.asfortranarray(mask)) for mask in masks]


@dataclass(frozen=True)
class Image:
    """Detections, in clusters 0-3, and objects, in classes 1-3, of one image; masks are uint8 (n, SIZE, SIZE)."""

    masks: UInt8Array
    scores: NDArray[np.float64]
    clusters: NDArray[np.int64]
    objects: UInt8Array
    classes: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]

    def overlaps(self) -> Overlaps:
        objects = Instances.of(encode(self.objects), self.classes.tolist(), self.is_crowd.tolist())
        return Overlaps.of(encode(self.masks), self.scores, self.clusters, objects)


def draw(seed: int, n_images: int, *, crowds: bool = True) -> list[Image]:
    """Random objects and detections near them."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n_images):
        objects = rectangles(rng, int(rng.integers(0, 4)))
        shifts = [np.roll(mask, rng.integers(-2, 3, 2), (0, 1)) for mask in objects for _ in range(2)]
        near = np.reshape(np.asarray(shifts, dtype=np.uint8), (-1, SIZE, SIZE))
        masks = np.concatenate([near, rectangles(rng, int(rng.integers(0, 3)))])
        classes = rng.integers(1, 4, len(objects))
        is_crowd = (rng.random(len(objects)) < 0.2) & crowds
        scores = rng.integers(1, 20, len(masks)) / 20
        images.append(Image(masks, scores, rng.integers(0, 4, len(masks)), objects, classes, is_crowd))
    return images


def annotations(images: list[Image], class_of: dict[int, int] | None) -> tuple[list[Rle], list[Rle]]:
    """Objects and detections as COCO's files list them; without `class_of` all are of one category."""
    truth: list[Rle] = []
    results: list[Rle] = []
    for i, image in enumerate(images):
        for rle, c, is_crowd in zip(encode(image.objects), image.classes, image.is_crowd, strict=True):
            category = int(c) if class_of else 1
            item = {"image_id": i, "category_id": category, "iscrowd": int(is_crowd), "segmentation": rle}
            truth.append({"id": len(truth) + 1, "area": float(coco_mask.area(rle)), "bbox": [0, 0, 1, 1], **item})
        for rle, score, cluster in zip(encode(image.masks), image.scores, image.clusters, strict=True):
            known = class_of.get(int(cluster)) if class_of else 1
            if known:
                results.append({"image_id": i, "category_id": known, "score": score, "segmentation": rle})
    return truth, results


def by_coco(images: list[Image], class_of: dict[int, int] | None) -> tuple[float, float] | None:
    """AP and AP50 from COCOeval on whole annotation files; None where there is no object but crowds."""
    truth, results = annotations(images, class_of)
    if all(item["iscrowd"] for item in truth):
        return None
    if not results:  # COCO cannot load a file without any
        return 0, 0
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": i, "height": SIZE, "width": SIZE} for i in range(len(images))],
            "annotations": truth,
            "categories": [{"id": c, "name": str(c)} for c in (1, 2, 3)],
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


@settings(max_examples=40)
@given(seed=st.integers(0, 9999), n_images=st.integers(1, 8), by_class=st.booleans())
def test_equals_pycocotools_on_all_images_at_once(seed: int, n_images: int, by_class: bool) -> None:
    images = draw(seed, n_images)
    class_of = CLASS_OF if by_class else None
    expected = by_coco(images, class_of)
    found = average_precision([image.overlaps() for image in images], class_of)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_equals_torchmetrics() -> None:
    images = draw(1, 12, crowds=False)
    metric = MeanAveragePrecision(iou_type="segm", backend="pycocotools")
    for image in images:
        labels = np.asarray([CLASS_OF.get(cluster, 0) for cluster in image.clusters.tolist()], dtype=np.int64)
        known = labels > 0
        columns = torch.as_tensor(image.scores[known], dtype=torch.float32), torch.as_tensor(labels[known])
        metric.update(
            [{"masks": torch.as_tensor(image.masks[known] > 0), "scores": columns[0], "labels": columns[1]}],
            [{"masks": torch.as_tensor(image.objects > 0), "labels": torch.as_tensor(image.classes)}],
        )
    expected = metric.compute()
    found = average_precision([image.overlaps() for image in images], CLASS_OF)
    assert found == pytest.approx((float(expected["map"]), float(expected["map_50"])), abs=1e-6)


def overlaps(
    iou: ArrayLike,
    scores: list[float],
    clusters: list[int] | None = None,
    classes: list[int] | None = None,
    crowd: list[bool] | None = None,
    box_iou: ArrayLike | None = None,
) -> Overlaps:
    table = np.asarray(iou, dtype=float)
    return Overlaps(
        table,
        table if box_iou is None else np.asarray(box_iou, dtype=float),
        np.asarray(scores, dtype=float),
        np.asarray(clusters or [0] * len(scores), dtype=int),
        np.asarray(classes or [1] * table.shape[1], dtype=int),
        np.asarray(crowd or [False] * table.shape[1], dtype=bool),
    )


def test_precision_by_hand() -> None:
    # Three objects; by score: right, wrong, right. Precision 1 up to recall 1/3, then 2/3 up to recall 2/3, then 0.
    found = average_precision([overlaps([[0.9, 0, 0], [0, 0.2, 0], [0, 0, 0.6]], [0.9, 0.8, 0.7])], thresholds=[0.5])
    assert found is not None
    assert found[1] == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)


def test_single_keeps_the_best_mask_and_the_object_that_its_box_fits_best() -> None:
    boxes = [[0.9, 0.1, 0.9], [0.2, 0.6, 0.9]]
    image = overlaps([[0.5, 0.1, 1], [0.3, 0.7, 1]], [0.4, 0.6], [5, 6], [1, 2, 3], [False, False, True], boxes)
    single = image.single()
    assert single.scores.tolist() == [0.6]
    assert single.clusters.tolist() == [6]
    assert single.class_ids.tolist() == [2, 3]
    assert single.iou.tolist() == [[0.7, 1]]
    assert average_precision([single]) is not None


def test_single_without_mask_or_object() -> None:
    missed = overlaps(np.zeros((0, 2)), []).single()
    assert (missed.iou.shape, len(missed.class_ids)) == ((0, 1), 1)
    assert average_precision([missed]) == (0, 0)
    wrong = overlaps(np.zeros((2, 0)), [0.3, 0.4]).single()
    assert (wrong.iou.shape, wrong.scores.tolist()) == ((1, 0), [0.4])
    assert average_precision([wrong]) is None


def test_masks_of_another_size_than_the_objects_are_refused() -> None:
    objects = Instances.of(encode(np.ones((1, 4, 4), dtype=np.uint8)), [1], [False])
    with pytest.raises(ValueError, match="different sizes"):
        Overlaps.of(encode(np.ones((1, 4, 5), dtype=np.uint8)), [1], [0], objects)
