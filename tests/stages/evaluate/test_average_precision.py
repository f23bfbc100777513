"""Mask AP against pycocotools run as a whole, and against torchmetrics."""

import contextlib
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

from maskdistill.data.sources.instances import Instances
from maskdistill.stages.evaluate.average_precision import average_precision
from maskdistill.stages.evaluate.overlaps import Overlaps

SIZE = 24
CLASS_OF = {0: 2, 1: 3, 2: 1}
"""Class that each cluster stands for; cluster 3 stands for none."""


def rectangles(rng, n):
    masks = np.zeros((n, SIZE, SIZE), dtype=np.uint8)
    for mask in masks:
        y, x = rng.integers(0, SIZE - 6, 2)
        height, width = rng.integers(4, 14, 2)
        mask[y : y + height, x : x + width] = 1
    return masks


def encode(masks):
    return [coco_mask.encode(np.asfortranarray(mask)) for mask in masks]


class Example:
    """Random objects and detections near them, in clusters 0-3."""

    def __init__(self, seed, n_images, crowds=True):
        rng = np.random.default_rng(seed)
        self.images = []
        for _ in range(n_images):
            objects = rectangles(rng, rng.integers(0, 4))
            shifts = [np.roll(mask, rng.integers(-2, 3, 2), (0, 1)) for mask in objects for _ in range(2)]
            masks = np.concatenate([np.reshape(shifts, (-1, SIZE, SIZE)), rectangles(rng, rng.integers(0, 3))])
            masks = masks.astype(np.uint8)
            classes = rng.integers(1, 4, len(objects))
            crowd = (rng.random(len(objects)) < 0.2) & crowds
            scores = rng.integers(1, 20, len(masks)) / 20
            self.images.append((masks, scores, rng.integers(0, 4, len(masks)), objects, classes, crowd))

    def overlaps(self):
        return [
            Overlaps.of(encode(masks), scores, clusters, Instances.of(encode(objects), classes, crowd))
            for masks, scores, clusters, objects, classes, crowd in self.images
        ]

    def coco(self, class_of):
        """AP and AP50 from COCOeval on whole annotation files; None without objects."""
        truth, results = [], []
        for i, (masks, scores, clusters, objects, classes, crowd) in enumerate(self.images):
            for rle, c, is_crowd in zip(encode(objects), classes, crowd, strict=True):
                category = int(c) if class_of else 1
                item = {"image_id": i, "category_id": category, "iscrowd": int(is_crowd), "segmentation": rle}
                truth.append({"id": len(truth) + 1, "area": float(coco_mask.area(rle)), "bbox": [0, 0, 1, 1], **item})
            for rle, score, cluster in zip(encode(masks), scores, clusters, strict=True):
                category = class_of.get(int(cluster)) if class_of else 1
                if category:
                    results.append({"image_id": i, "category_id": category, "score": score, "segmentation": rle})
        if not truth or not results:
            return 0 if truth else None
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO()
            coco.dataset = {
                "info": {},
                "images": [{"id": i, "height": SIZE, "width": SIZE} for i in range(len(self.images))],
                "annotations": truth,
                "categories": [{"id": c, "name": str(c)} for c in (1, 2, 3)],
            }
            coco.createIndex()
            evaluation = COCOeval(coco, coco.loadRes(results), "segm")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return tuple(evaluation.stats[:2])


@settings(max_examples=40)
@given(seed=st.integers(0, 9999), n_images=st.integers(1, 8), by_class=st.booleans())
def test_equals_pycocotools_on_all_images_at_once(seed, n_images, by_class):
    example = Example(seed, n_images)
    class_of = CLASS_OF if by_class else None
    expected = example.coco(class_of)
    found = average_precision(example.overlaps(), class_of)
    if expected == 0:
        assert found in ((0, 0), None)
    elif expected is None or expected[0] == -1:
        assert found is None
    else:
        assert found == pytest.approx(expected, abs=1e-12)


def test_equals_torchmetrics():
    example = Example(1, 12, crowds=False)
    metric = MeanAveragePrecision(iou_type="segm", backend="pycocotools")
    for masks, scores, clusters, objects, classes, _ in example.images:
        labels = np.asarray([CLASS_OF.get(int(cluster), 0) for cluster in clusters], dtype=np.int64)
        known = labels > 0
        columns = torch.as_tensor(scores[known], dtype=torch.float32), torch.as_tensor(labels[known])
        metric.update(
            [{"masks": torch.as_tensor(masks[known] > 0), "scores": columns[0], "labels": columns[1]}],
            [{"masks": torch.as_tensor(objects > 0), "labels": torch.as_tensor(classes)}],
        )
    expected = metric.compute()
    found = average_precision(example.overlaps(), CLASS_OF)
    assert found == pytest.approx((float(expected["map"]), float(expected["map_50"])), abs=1e-6)


def overlaps(iou, scores, clusters=None, classes=None, crowd=None, box_iou=None):
    iou = np.asarray(iou, dtype=float)
    return Overlaps(
        iou,
        iou if box_iou is None else np.asarray(box_iou, dtype=float),
        np.asarray(scores, dtype=float),
        np.asarray(clusters or [0] * len(scores), dtype=int),
        np.asarray(classes or [1] * iou.shape[1], dtype=int),
        np.asarray(crowd or [False] * iou.shape[1], dtype=bool),
    )


def test_precision_by_hand():
    # Three objects; by score: right, wrong, right. Precision 1 up to recall 1/3, then 2/3 up to recall 2/3, then 0.
    found = average_precision([overlaps([[0.9, 0, 0], [0, 0.2, 0], [0, 0, 0.6]], [0.9, 0.8, 0.7])], thresholds=[0.5])
    assert found is not None
    assert found[1] == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)


def test_single_keeps_the_best_mask_and_the_object_that_its_box_fits_best():
    boxes = [[0.9, 0.1, 0.9], [0.2, 0.6, 0.9]]
    image = overlaps([[0.5, 0.1, 1], [0.3, 0.7, 1]], [0.4, 0.6], [5, 6], [1, 2, 3], [False, False, True], boxes)
    single = image.single()
    assert single.scores.tolist() == [0.6]
    assert single.clusters.tolist() == [6]
    assert single.class_ids.tolist() == [2, 3]
    assert single.iou.tolist() == [[0.7, 1]]
    assert average_precision([single]) is not None


def test_single_without_mask_or_object():
    missed = overlaps(np.zeros((0, 2)), []).single()
    assert (missed.iou.shape, len(missed.class_ids)) == ((0, 1), 1)
    assert average_precision([missed]) == (0, 0)
    wrong = overlaps(np.zeros((2, 0)), [0.3, 0.4]).single()
    assert (wrong.iou.shape, wrong.scores.tolist()) == ((1, 0), [0.4])
    assert average_precision([wrong]) is None


def test_masks_of_another_size_than_the_objects_are_refused():
    objects = Instances.of(encode(np.ones((1, 4, 4), dtype=np.uint8)), [1], [False])
    with pytest.raises(ValueError, match="different sizes"):
        Overlaps.of(encode(np.ones((1, 4, 5), dtype=np.uint8)), [1], [0], objects)
