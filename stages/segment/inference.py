"""Class scores of images at their own sizes: in windows, at several scales, mirrored, and averaged.

B images, C classes. Scores are logits: their softmax is the probability.
"""

from collections.abc import Sequence
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.segment.augment import scaled_hw
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.model import Segmenter

_LEAST = 1e-30


def views_of(pixels: UInt8Array, config: SegmentConfig) -> tuple[Tensor, ...]:
    """An image (H, W, 3) at each of the inference scales, uint8 (3, h, w)."""
    image = torch.from_numpy(pixels).permute(2, 0, 1)
    size_hw = (pixels.shape[0], pixels.shape[1])
    sizes = [list(scaled_hw(size_hw, config.image_size, scale)) for scale in config.inference_scales]
    return tuple(v2.functional.resize(image, size, antialias=True) for size in sizes)


def view_scores(model: Segmenter, views: Sequence[Tensor], config: SegmentConfig, batch_size: int = 1) -> list[Tensor]:
    """Scores of every view and, where so configured, of its mirror image turned back.

    Args:
        model: In eval mode.
        views: uint8 (B, 3, h, w) each; sizes differ between views.
        config: Windows and mirror images.
        batch_size: Most images or windows that pass through the network together on a GPU; a CPU takes the windows of
            an image one by one, which is no slower there and needs the least memory.

    Returns:
        Scores (B, C, h', w') each, at the model's resolution, or that of the view where it was cut into windows.
    """
    scores = []
    for images in views:
        at_once = max(1, batch_size // len(images)) if images.is_cuda else 1
        scores.append(window_scores(model, images, config, at_once))
        if config.inference_flip:
            scores.append(window_scores(model, images.flip(-1), config, at_once).flip(-1))
    return scores


def window_scores(model: Segmenter, images: Tensor, config: SegmentConfig, at_once: int = 1) -> Tensor:
    """Scores (B, C, h', w') of images uint8 (B, 3, h, w): in one go, or averaged over windows where they are larger.

    `at_once` windows of each image pass through the network together.
    """
    size_hw = (images.shape[2], images.shape[3])
    if config.window is None or max(size_hw) <= config.window:
        logits: Tensor = model(images)
        return logits
    stride = config.stride or max(1, config.window // 2)
    tops, lefts = (window_starts(side, config.window, stride) for side in size_hw)
    total, count = images.new_zeros(0), images.new_zeros(size_hw, dtype=torch.float32)
    places = [
        (..., slice(top, top + config.window), slice(left, left + config.window)) for top in tops for left in lefts
    ]
    for start in range(0, len(places), at_once):
        some = places[start : start + at_once]
        inside = torch.cat([images[place] for place in some])
        found = model.full_logits(inside, (inside.shape[2], inside.shape[3])).softmax(dim=1)
        if not total.numel():
            total = found.new_zeros((len(images), found.shape[1], *size_hw))
        for place, own in zip(some, found.reshape(len(some), len(images), *found.shape[1:]), strict=True):
            total[place] += own
            count[place] += 1
    return (total / count).clamp_min(_LEAST).log()


def window_starts(side: int, window: int, stride: int) -> list[int]:
    """Where the windows begin along one side, px: they cover it, and the last one ends with it."""
    last = max(0, side - window)
    return [*range(0, last, stride), last]


def combine_views(scores: Sequence[Tensor], size_hw: tuple[int, int]) -> Tensor:
    """Scores float32 (C, *size_hw) of one image from those of its views, (C, h', w') each; as `combine_batches`."""
    return combine_batches([own[None] for own in scores], size_hw)[0]


def combine_batches(scores: Sequence[Tensor], size_hw: tuple[int, int]) -> Tensor:
    """Scores float32 (B, C, *size_hw) of images of one size from those of their views, (B, C, h', w') each.

    One view is merely interpolated; of several, the probabilities are averaged.
    """
    return average_views(
        [F.interpolate(own.float(), size=size_hw, mode="bilinear", align_corners=False) for own in scores]
    )


def average_views(scores: Sequence[Tensor]) -> Tensor:
    """Scores (B, C, H, W) of several views of one size as those of one: their probabilities are averaged."""
    if len(scores) == 1:
        return scores[0]
    total = scores[0].log_softmax(dim=1)
    for own in scores[1:]:
        total = torch.logaddexp(total, own.log_softmax(dim=1))
    return total - log(len(scores))
