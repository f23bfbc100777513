"""Training samples of the segmenter: a square crop of a photo and of its pseudo-labels, augmented together."""

from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.recent import Recent
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.known_images import glance_known
from maskdistill.stages.networks.resize import resize_mask
from maskdistill.stages.networks.resnet import RGB_MEAN
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.training.samples import Sample

_MEAN_COLOR = [round(255 * value) for value in RGB_MEAN]


@dataclass(frozen=True, eq=False)
class SegmentationData:
    """Loads the sample of one training image.

    Attributes:
        source: The photos.
        labels: Pseudo-labels.
        images: Indices into `labels` of the training images, int64.
        config: Sizes and augmentation.
    """

    source: ImageSource
    labels: LabelStore
    images: NDArray[np.int64]
    config: SegmentConfig
    _maps: Recent[int, UInt8Array] = field(default_factory=lambda: Recent(_n_bytes))

    def load(self, item: int) -> Sample:
        """Image id and (crop, labels) of one training image; draws from torch's generator."""
        image = int(self.images[item])
        image_id = self.labels.image_ids[image]
        height, width = self.labels.size_hw[image].tolist()
        glance = glance_known(self.source, image_id, (height, width), self._looks_at)
        label_map = self._maps.get(image, lambda key: resize_mask(self.labels.read(key), glance.read_hw))
        return image_id, augment(glance.pixels, label_map, self.config)

    @property
    def _looks_at(self) -> int | None:
        """The longest short side, px, that an image is resized to."""
        side = self.config.image_size
        return None if side is None else ceil(side * self.config.scale[1])


def augment(pixels: UInt8Array, label_map: UInt8Array, config: SegmentConfig) -> tuple[Tensor, Tensor]:
    """Resize, rotate, crop and flip an image with its labels.

    Args:
        pixels: (H, W, 3) RGB.
        label_map: (H, W).
        config: What to do, and how strongly.

    Returns:
        Crop uint8 (3, crop, crop) and labels uint8 (crop, crop), 255 outside the image.
    """
    factor = float(torch.empty(()).uniform_(*config.scale))
    size_hw = scaled_hw((label_map.shape[0], label_map.shape[1]), config.image_size, factor)
    image = tv_tensors.Image(
        v2.functional.resize(torch.from_numpy(pixels).permute(2, 0, 1), list(size_hw), antialias=True)
    )
    # Not by torchvision, whose "nearest" shifts label maps by up to half a pixel against their image.
    labels = tv_tensors.Mask(torch.from_numpy(resize_mask(label_map, size_hw))[None])
    fill = {tv_tensors.Image: _MEAN_COLOR, tv_tensors.Mask: IGNORE}
    bilinear = v2.InterpolationMode.BILINEAR
    steps = v2.Compose([
        v2.RandomRotation((-config.rotation, config.rotation), interpolation=bilinear, fill=fill),
        v2.RandomCrop(config.crop, pad_if_needed=True, fill=fill),
        v2.RandomHorizontalFlip(config.flip),
    ])  # fmt: skip
    image, labels = steps(image, labels)
    return image.as_subclass(Tensor), labels[0].as_subclass(Tensor)


def scaled_hw(size_hw: tuple[int, int], short_side: int | None, factor: float = 1.0) -> tuple[int, int]:
    """Size, px, of an image brought to `short_side` (None = left at its own size), times `factor`; at least 1 x 1."""
    total = factor * (1.0 if short_side is None else short_side / min(size_hw))
    return max(1, round(size_hw[0] * total)), max(1, round(size_hw[1] * total))


def collate(contents: list[Any]) -> tuple[Tensor, Tensor]:
    """Crops uint8 (B, 3, crop, crop) and labels uint8 (B, crop, crop)."""
    return torch.stack([image for image, _ in contents]), torch.stack([labels for _, labels in contents])


def _n_bytes(label_map: UInt8Array) -> int:
    return label_map.nbytes
