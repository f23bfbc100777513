"""Label maps of many images at their own sizes, in parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.labels import write_labels
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.batching import batch_by_shape
from maskdistill.stages.networks.resize import limit_long_side, resize
from maskdistill.stages.parts import Advance
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.crf.config import CrfConfig
from maskdistill.stages.segment.crf.dense_crf import refine
from maskdistill.stages.segment.inference import combine_views, view_scores, views_of
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.training.precision import autocast


@dataclass(frozen=True, eq=False)
class Item:
    """An image to predict: its id, pixels uint8 (H, W, 3), and views uint8 (3, h, w), one for each scale."""

    image_id: str
    pixels: UInt8Array
    views: tuple[Tensor, ...]


def predict_part(
    model: Segmenter,
    source: ImageSource,
    image_ids: list[str],
    config: SegmentConfig,
    batch_size: int,
    device: torch.device,
    advance: Advance,
    path: Path,
    *,
    with_crf: bool = False,
) -> None:
    """Write a LabelStore of some images at `path`; the model is in eval mode.

    Raises:
        MaskDistillError: An image changed since it was mined.
    """
    found: dict[str, UInt8Array] = {}
    items = _read(source, image_ids, config)
    for batch in batch_by_shape(items, lambda item: tuple(view.shape for view in item.views), batch_size):
        views = [torch.stack(images).to(device) for images in zip(*(item.views for item in batch), strict=True)]
        with torch.inference_mode(), autocast(device, config.precision):
            scores = view_scores(model, views, config)
        for number, item in enumerate(batch):
            own = [view[number] for view in scores]
            with torch.inference_mode():
                found[item.image_id] = to_labels(own, item.pixels, config.crf if with_crf else None)
        advance(len(batch))
    write_labels(path, [(image_id, found[image_id]) for image_id in image_ids])


def to_labels(scores: list[Tensor], pixels: UInt8Array, crf: CrfConfig | None) -> UInt8Array:
    """Class of each pixel of an image, uint8 (H, W).

    Args:
        scores: Of each of its views, (C, h', w'); interpolated before the maximum.
        pixels: The image, (H, W, 3).
        crf: How to refine them; None = not at all.
    """
    size_hw = (pixels.shape[0], pixels.shape[1])
    if crf is None:
        return _maximum(combine_views(scores, size_hw))
    inner_hw = limit_long_side(size_hw, crf.max_side)
    refined = refine(combine_views(scores, inner_hw), resize(pixels, inner_hw), crf)
    return _maximum(F.interpolate(refined[None], size=size_hw, mode="bilinear", align_corners=False)[0])


def _maximum(scores: Tensor) -> UInt8Array:
    return scores.argmax(dim=0).to(torch.uint8).cpu().numpy()


def _read(source: ImageSource, image_ids: list[str], config: SegmentConfig) -> Iterator[Item]:
    for image_id in image_ids:
        pixels = read_known(source, image_id)
        yield Item(image_id, pixels, views_of(pixels, config))
