"""The parts of the distill stage that need no detector."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.copy_paste import paste
from maskdistill.stages.distill.dataset import augment
from maskdistill.stages.distill.detectors.detector import Detections
from maskdistill.stages.distill.geometry import boxes_of, resize_masks, resized_hw
from maskdistill.stages.distill.mirror import join, unflip
from maskdistill.stages.distill.rounds import clusters_by_overlap, next_targets
from maskdistill.stages.distill.unmatched import UnmatchedIgnored
from maskdistill.stages.networks.batching import batch_by_shape

Mask = NDArray[np.bool_]
CONFIG = DistillConfig(image_size=64, max_size=128, scale=(1.0, 1.0))


def test_boxes_span_whole_pixels() -> None:
    masks = torch.zeros(3, 4, 6, dtype=torch.bool)
    masks[0, 1, 2] = True
    masks[1] = True
    masks[2, 1:3, 4:6] = True
    assert boxes_of(masks).tolist() == [[2, 1, 3, 2], [0, 0, 6, 4], [4, 1, 6, 3]]
    assert boxes_of(masks[:0]).shape == (0, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_no_mask_is_lost_in_resizing(height: int, width: int, new_height: int, new_width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    masks = np.zeros((3, height, width), dtype=bool)
    masks[np.arange(3), generator.integers(height, size=3), generator.integers(width, size=3)] = True
    small = resize_masks(masks, (new_height, new_width))
    assert small.shape == (3, new_height, new_width)
    assert small.flatten(1).any(dim=1).all()
    boxes = boxes_of(small)
    assert (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize(
    ("size_hw", "expected"),
    [((100, 200), (50, 100)), ((200, 100), (100, 50)), ((10, 200), (6, 120)), ((1, 1), (50, 50)), ((1, 900), (1, 120))],
)
def test_resized_size(size_hw: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized_hw(size_hw, 50, 120) == expected


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_flip_takes_masks_and_boxes_along(flip: float) -> None:
    mask = np.zeros((1, 64, 64), dtype=bool)
    mask[0, 10:20, 5:15] = True
    pixels = np.repeat(mask[0, :, :, None] * np.uint8(200), 3, axis=2)
    config = CONFIG.model_copy(update={"flip": flip, "color_jitter": 0.0})
    image, target = augment(pixels, mask, np.array([1], dtype=np.int32), config)
    assert torch.equal(image[0] > 100, target["masks"][0])
    left = 49 if flip else 5
    assert target["boxes_xyxy"].tolist() == [[left, 10, left + 10, 20]]
    assert target["clusters"].tolist() == [1]


def test_batches_of_one_shape() -> None:
    batches = list(batch_by_shape(["a", "bb", "c", "dd", "e", "ff"], len, 2))
    assert sorted(map(sorted, batches)) == [["a", "c"], ["bb", "dd"], ["e"], ["ff"]]
    assert list(batch_by_shape([], len, 2)) == []


class Thresholds:
    """Matches above 0.5, as torchvision's matcher does."""

    BELOW_LOW_THRESHOLD, BETWEEN_THRESHOLDS = -1, -2

    def __call__(self, iou: torch.Tensor) -> torch.Tensor:
        best, index = iou.max(dim=0)
        return torch.where(best >= 0.5, index, -1)


def test_boxes_far_from_every_mask_are_ignored() -> None:
    iou = torch.tensor([[0.9, 0.04, 0.0, 0.05, 0.3], [0.0, 0.02, 0.0, 0.0, 0.6]])
    assert Thresholds()(iou).tolist() == [0, -1, -1, -1, 1]
    assert UnmatchedIgnored(Thresholds(), 0.05)(iou).tolist() == [0, -2, -2, -1, 1]


def square(top: int, left: int, side: int = 4, size_hw: tuple[int, int] = (10, 12)) -> Mask:
    mask = np.zeros(size_hw, dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def store(*images: list[tuple[Mask, float, int]]) -> MaskStore:
    builder = MaskStoreBuilder()
    for number, found in enumerate(images):
        masks = np.stack([mask for mask, _, _ in found]) if found else np.zeros((0, 10, 12), dtype=bool)
        builder.add(f"image{number}", masks, [score for _, score, _ in found], [cluster for _, _, cluster in found])
    return builder.build()


def test_next_round_keeps_confident_candidates_and_the_masks_they_do_not_cover() -> None:
    targets = store([(square(0, 0), 1, 5), (square(6, 8), 1, 6)], [(square(2, 2), 1, 7)], [])
    candidates = store(
        [(square(0, 1), 0.9, 1), (square(6, 8), 0.3, 2)],  # the first has IoU 12 / 20 with its mask
        [(square(2, 4), 0.8, 3)],  # IoU 8 / 24
        [(square(1, 1), 0.7, 4)],
    )
    found = next_targets(candidates, targets, min_score=0.7)
    assert found.image_ids == targets.image_ids
    assert found.image.tolist() == [0, 0, 1, 1, 2]
    assert found.cluster.tolist() == [1, 6, 3, 7, 4]
    assert np.array_equal(found.decode(0), square(0, 1)) and np.array_equal(found.decode(1), square(6, 8))


def test_clusters_come_from_the_mask_that_is_covered() -> None:
    mined = store([(square(0, 0), 1, 5), (square(4, 4, 6), 1, 6)], [(square(2, 2), 1, 7)], [])
    candidates = store(
        [(square(1, 1, 2), 0.9, 0), (square(2, 2, 8), 0.8, 0), (square(0, 8), 0.7, 0), (square(3, 3), 0.6, 0)],
        [(square(2, 2), 0.5, 0)],
        [(square(2, 2), 0.4, 0)],
    )
    found = clusters_by_overlap(candidates, mined)
    # Inside the first; around most of the second; beside both; half in the second and a little in the first.
    assert found.score.tolist() == pytest.approx([0.9, 0.8, 0.6, 0.5])
    assert found.cluster.tolist() == [5, 6, 6, 7]


def test_paste_covers_what_is_below() -> None:
    pixels = np.full((10, 12, 3), 10, dtype=np.uint8)
    other = np.full((6, 20, 3), 200, dtype=np.uint8)
    masks = np.stack([square(0, 0), square(2, 2, 2), square(6, 6)])
    pasted = np.stack([square(1, 1, 4, (6, 20)), square(0, 14, 4, (6, 20))])
    image, joined, clusters = paste(pixels, masks, np.array([1, 2, 3]), other, pasted, np.array([4, 5]))
    assert np.array_equal(image[..., 0] == 200, square(1, 1))
    assert clusters.tolist() == [1, 3, 4], "the second is hidden, and the last lies outside"
    assert joined.sum(axis=(1, 2)).tolist() == [7, 16, 16]
    assert joined.sum(axis=0).max() == 1
    assert (pixels == 10).all(), "the image that was given stays as it is"


def detections(boxes: list[list[float]], scores: list[float], clusters: list[int]) -> Detections:
    masks = np.zeros((len(boxes), 10, 12), dtype=bool)
    for mask, (x1, y1, x2, y2) in zip(masks, np.asarray(boxes, dtype=int), strict=True):
        mask[y1:y2, x1:x2] = True
    return Detections(
        np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(scores, np.float32), np.asarray(clusters, np.int32),
        masks)  # fmt: skip


def test_unflip_is_the_inverse_of_a_flip() -> None:
    there = detections([[1, 2, 5, 6]], [0.5], [3])
    back = unflip(there, 12)
    assert back.boxes_xyxy.tolist() == [[7, 2, 11, 6]]
    assert np.array_equal(back.masks[0], there.masks[0][:, ::-1])
    twice = unflip(back, 12)
    assert np.array_equal(twice.boxes_xyxy, there.boxes_xyxy) and np.array_equal(twice.masks, there.masks)


def test_joined_detections_keep_the_best_of_each_object() -> None:
    one = detections([[0, 0, 4, 4], [6, 6, 9, 9]], [0.9, 0.4], [0, 1])
    other = detections([[0, 0, 4, 4], [0, 0, 4, 4], [6, 6, 9, 9]], [0.8, 0.7, 0.6], [0, 1, 1])
    found = join(one, other, nms=0.5, most=3)
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert found.clusters.tolist() == [0, 1, 1]
    assert found.masks.sum(axis=(1, 2)).tolist() == [16, 16, 9]
    assert len(join(one, other, nms=0.5, most=2).scores) == 2
    empty = detections([], [], [])
    assert len(join(empty, empty, nms=0.5, most=2).scores) == 0
