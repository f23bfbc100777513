"""Prediction on an image and on its mirror image, joined."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import batched_nms

from maskdistill.stages.distill.detectors.detector import Detections, Detector


def detect_mirrored(detector: Detector, images: Sequence[Tensor], nms: float, most: int) -> list[Detections]:
    """Candidates of images, uint8 (3, H, W), found in them or in their mirror images.

    Args:
        detector: In eval mode.
        images: As `Detector.detect` takes them.
        nms: IoU of boxes above which the weaker of one cluster is removed.
        most: Largest number of candidates per image.
    """
    found = detector.detect(images)
    mirrored = detector.detect([image.flip(-1) for image in images])
    return [
        join(one, unflip(other, image.shape[2]), nms, most)
        for one, other, image in zip(found, mirrored, images, strict=True)
    ]


def unflip(detections: Detections, width: int) -> Detections:
    """The detections of a mirror image where they are in the image itself; `width` in px."""
    x1, y1, x2, y2 = detections.boxes_xyxy.T
    return Detections(
        boxes_xyxy=np.stack([width - x2, y1, width - x1, y2], axis=1),
        scores=detections.scores,
        clusters=detections.clusters,
        masks=detections.masks[:, :, ::-1],
    )


def join(one: Detections, other: Detections, nms: float, most: int) -> Detections:
    """The best of two sets of detections of one image, by descending score."""
    boxes, scores, clusters, masks = (
        np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("boxes_xyxy", "scores", "clusters", "masks")
    )
    keep = batched_nms(*(torch.from_numpy(column) for column in (boxes, scores, clusters)), nms)[:most].numpy()
    return Detections(boxes[keep], scores[keep], clusters[keep], masks[keep])
