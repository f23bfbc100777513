"""Scores of single masks and images, against counts by hand."""

import numpy as np
import pytest

from helpers.sources import BlobSource
from helpers.true_artifacts import BlobObjects, label_map, object_mask
from maskdistill.data.arrays import IGNORE
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.single import MaskScore, score_image, score_masks
from maskdistill.stages.evaluate.truth import Truth


def masks_of(source: BlobSource) -> MaskStore:
    """The object of image 0, its left half, and all that it is not."""
    whole = object_mask(source, 0)
    half = whole & (np.cumsum(whole.any(axis=0)) <= whole.any(axis=0).sum() // 2)
    builder = MaskStoreBuilder()
    builder.add(source.ids[0], np.stack([whole, half, ~whole]))
    return builder.build()


@pytest.mark.parametrize("kind", [BlobSource, BlobObjects])
def test_masks(kind: type[BlobSource]) -> None:
    source = kind()
    masks = masks_of(source)
    whole, half, rest = score_masks(Truth(EvaluateConfig(), source), 0, masks, range(3))
    labels = label_map(source, 0)
    class_id = int(labels[object_mask(source, 0)][0])
    counted = labels != IGNORE
    share = (masks.decode(1) & counted).sum() / (masks.decode(0) & counted).sum()
    assert whole == MaskScore(1.0, class_id)
    assert half is not None
    assert half.class_id == class_id
    assert half.iou == pytest.approx(share)
    assert rest == MaskScore(0.0, 0)


def test_a_mask_of_another_size_has_no_score() -> None:
    builder = MaskStoreBuilder()
    builder.add("x", np.ones((1, 3, 3), dtype=bool))
    truth = Truth(EvaluateConfig(), BlobSource())
    assert list(score_masks(truth, 0, builder.build(), range(1))) == [None]


def test_images() -> None:
    source = BlobSource()
    truth, labels = Truth(EvaluateConfig(), source), label_map(source, 0)
    class_id = int(labels[object_mask(source, 0)][0])
    right = np.where(object_mask(source, 0), 5, 0).astype(np.uint8)
    matching = {"4": truth.class_names[class_id]}
    assert score_image(truth, 0, right, matching) == 1
    background = (labels == 0).sum() / (labels != IGNORE).sum()
    assert score_image(truth, 0, None, matching) == pytest.approx(background / 2)
    assert score_image(truth, 0, right, {}) == 1
    assert score_image(truth, 0, np.zeros_like(right), {}) == 0
    assert score_image(truth, 0, right[:-1], matching) is None
