"""Label maps of many images at their own sizes, in parts."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms import v2

from data.images import ImageSource, UInt8Array
from data.labels import write_labels
from stages.batching import batch_by_shape
from stages.device import autocast
from stages.known_images import read_known
from stages.progress import Progress
from stages.segment.augment import scaled_hw
from stages.segment.config import SegmentConfig
from stages.segment.model import Segmenter

Item = tuple[str, tuple[int, int], Tensor]
"""Image id, own size (height, width), pixels uint8 (3, h, w) at the size of prediction."""


def predict_part(
    model: Segmenter,
    source: ImageSource,
    image_ids: list[str],
    config: SegmentConfig,
    batch_size: int,
    device: torch.device,
    progress: Progress,
    path: Path,
) -> None:
    """Write a LabelStore of some images at `path`; the model is in eval mode.

    Raises:
        MaskDistillError: An image changed since it was mined.
    """
    found: dict[str, UInt8Array] = {}
    for batch in batch_by_shape(_read(source, image_ids, config), lambda item: item[2].shape, batch_size):
        images = torch.stack([pixels for _, _, pixels in batch]).to(device)
        with torch.inference_mode(), autocast(device, config.precision):
            logits = model(images)
        for (image_id, size_hw, _), own in zip(batch, logits, strict=True):
            found[image_id] = to_labels(own, size_hw)
        progress.advance(len(batch))
    write_labels(path, [(image_id, found[image_id]) for image_id in image_ids])


def to_labels(logits: Tensor, size_hw: tuple[int, int]) -> UInt8Array:
    """Class of each pixel, uint8 `size_hw`, of one image's logits (C, h, w), interpolated before the maximum."""
    full = torch.nn.functional.interpolate(logits[None].float(), size=size_hw, mode="bilinear", align_corners=False)
    return full[0].argmax(dim=0).to(torch.uint8).cpu().numpy()


def _read(source: ImageSource, image_ids: list[str], config: SegmentConfig) -> Iterator[Item]:
    for image_id in image_ids:
        pixels = torch.from_numpy(read_known(source, image_id)).permute(2, 0, 1)
        size_hw = (pixels.shape[1], pixels.shape[2])
        inner_hw = list(scaled_hw(size_hw, config.image_size))
        yield image_id, size_hw, v2.functional.resize(pixels, inner_hw, antialias=True)
