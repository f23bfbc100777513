"""Candidates of many images, in parts."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch import Tensor

from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import Rle
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Detections, Detector
from maskdistill.stages.distill.mirror import detect_mirrored
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.batching import batch_by_shape
from maskdistill.stages.parts import Advance
from maskdistill.stages.training.precision import autocast

Coded = tuple[list[Rle], NDArray[np.float32], NDArray[np.int32]]


def predict_part(
    detector: Detector,
    source: ImageSource,
    image_ids: list[str],
    config: DistillConfig,
    batch_size: int,
    device: torch.device,
    advance: Advance,
) -> MaskStore:
    """The candidates of some images, by descending score in each; the detector is in eval mode.

    Raises:
        MaskDistillError: An image changed since it was mined.
    """
    found: dict[str, Coded] = {}
    for batch in batch_by_shape(_read(source, image_ids), lambda pair: _padded(detector, pair[1]), batch_size):
        images = [pixels.to(device) for _, pixels in batch]
        with torch.inference_mode(), autocast(device, config.precision):
            if config.flip_prediction:
                results = detect_mirrored(detector, images, config.nms, config.max_candidates)
            else:
                results = detector.detect(images)
        found.update({image_id: encode(result) for (image_id, _), result in zip(batch, results, strict=True)})
        advance(len(batch))
    builder = MaskStoreBuilder()
    for image_id in image_ids:
        builder.add_rles(image_id, *found[image_id])
    return builder.build()


def _read(source: ImageSource, image_ids: list[str]) -> Iterator[tuple[str, Tensor]]:
    for image_id in image_ids:
        yield image_id, torch.from_numpy(read_known(source, image_id)).permute(2, 0, 1)


def _padded(detector: Detector, image: Tensor) -> tuple[int, int]:
    return detector.padded_hw((image.shape[1], image.shape[2]))


def encode(result: Detections) -> Coded:
    """Best candidate first, its mask as a run-length code: a whole part of full masks would not fit in memory."""
    order = np.argsort(-result.scores, kind="stable")
    rles = [coco_mask.encode(np.asfortranarray(result.masks[row], dtype=np.uint8)) for row in order]
    return rles, result.scores[order], result.clusters[order]
