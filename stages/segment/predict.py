"""Class scores of images of a source, and the label maps that they become."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.labels import write_labels
from maskdistill.stages.crf.dense_crf import refine_inner, refine_within
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.batching import batch_by_shape
from maskdistill.stages.parts import Advance
from maskdistill.stages.segment.bands import BandedScores
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import combine_views, view_scores, views_of
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.regions import unite_regions
from maskdistill.stages.training.precision import autocast


@dataclass(frozen=True, eq=False)
class Scored:
    """An image and its scores: its id, pixels uint8 (H, W, 3), and scores (C, h', w') of each of its views."""

    image_id: str
    pixels: UInt8Array
    scores: list[Tensor]


def score_images(
    model: Segmenter,
    source: ImageSource,
    image_ids: Sequence[str],
    config: SegmentConfig,
    batch_size: int,
    device: torch.device,
) -> Iterator[Scored]:
    """Scores of some images, in batches of those that have one size, so not always in order.

    The model is in eval mode. Raises MaskDistillError where an image changed since it was mined.
    """
    items = _read(source, image_ids, config)
    for batch in batch_by_shape(items, lambda item: tuple(view.shape for view in item.views), batch_size):
        views = [torch.stack(images).to(device) for images in zip(*(item.views for item in batch), strict=True)]
        with torch.inference_mode(), autocast(device, config.precision):
            scores = view_scores(model, views, config, batch_size)
        for number, item in enumerate(batch):
            yield Scored(item.image_id, item.pixels, [view[number] for view in scores])


def predict_part(
    model: Segmenter,
    source: ImageSource,
    image_ids: Sequence[str],
    config: SegmentConfig,
    batch_size: int,
    device: torch.device,
    advance: Advance,
    path: Path,
) -> None:
    """Write a LabelStore of some images at `path`, after the CRF where the run had one; as `score_images`."""
    scored = score_images(model, source, image_ids, config, batch_size, device)
    write_scored(scored, image_ids, config, advance, {path: config.crf.predictions})


def write_scored(
    scored: Iterable[Scored],
    image_ids: Sequence[str],
    config: SegmentConfig,
    advance: Advance,
    stores: Mapping[Path, bool],
) -> None:
    """Write LabelStores of images whose scores come in any order; of each store, whether the CRF refines its maps."""
    found: dict[Path, dict[str, UInt8Array]] = {path: {} for path in stores}
    for image in scored:
        for path, with_crf in stores.items():
            found[path][image.image_id] = to_labels(image.scores, image.pixels, config, with_crf=with_crf)
        advance(1)
    for path, labels in found.items():
        write_labels(path, [(image_id, labels[image_id]) for image_id in image_ids])


def to_labels(scores: list[Tensor], pixels: UInt8Array, config: SegmentConfig, *, with_crf: bool) -> UInt8Array:
    """Class of each pixel of an image, uint8 (H, W).

    Args:
        scores: Of each of its views, (C, h', w'); interpolated before the maximum.
        pixels: The image, (H, W, 3).
        config: The CRF, and what becomes of regions.
        with_crf: Whether the CRF refines the scores.
    """
    size_hw = (pixels.shape[0], pixels.shape[1])
    with torch.inference_mode():
        views = [refine_inner(partial(combine_views, scores), pixels, config.crf)] if with_crf else scores
        bands = BandedScores(views, size_hw)
        # The same as argmax, which takes five times as long on a CPU.
        found = [band.max(dim=0).indices.to(torch.uint8) for _, band in bands]
        labels: UInt8Array = torch.cat(found).cpu().numpy()
        if not config.whole_regions:
            return labels
        return unite_regions(labels, ((rows, band.cpu().numpy()) for rows, band in bands))


def full_scores(scores: list[Tensor], pixels: UInt8Array, config: SegmentConfig, *, with_crf: bool) -> Tensor:
    """Scores of each pixel of an image, float32 (C, H, W); their softmax is the probability. As `to_labels`."""
    at = partial(combine_views, scores)
    return refine_within(at, pixels, config.crf) if with_crf else at((pixels.shape[0], pixels.shape[1]))


@dataclass(frozen=True, eq=False)
class _Item:
    """An image to predict, and its views uint8 (3, h, w), one for each scale."""

    image_id: str
    pixels: UInt8Array
    views: tuple[Tensor, ...]


def _read(source: ImageSource, image_ids: Sequence[str], config: SegmentConfig) -> Iterator[_Item]:
    for image_id in image_ids:
        pixels = read_known(source, image_id)
        yield _Item(image_id, pixels, views_of(pixels, config))
