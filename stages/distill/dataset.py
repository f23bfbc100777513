"""Training samples of the detector: a photo at its training size and the mined masks in it, augmented."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.copy_paste import paste
from maskdistill.stages.distill.detectors.detector import Target
from maskdistill.stages.distill.geometry import boxes_of, resize_masks, resized_hw
from maskdistill.stages.known_images import glance_known
from maskdistill.stages.training.samples import Sample

Batch = tuple[list[Tensor], list[Target]]


@dataclass(frozen=True, eq=False)
class DetectionData:
    """Loads the sample of one training image; use `training_data` to make one.

    Attributes:
        source: The photos.
        masks: The mined masks, their clusters in the column `cluster`.
        images: Indices into `masks.image_ids`: the training images that have a mask.
        config: Sizes and augmentation.
    """

    source: ImageSource
    masks: MaskStore
    images: NDArray[np.int64]
    config: DistillConfig

    def __len__(self) -> int:
        return len(self.images)

    def load(self, item: int) -> Sample:
        """Image id and (image, target) of one training image; draws from torch's generator."""
        contents = self._read(item)
        # No number is drawn where nothing is pasted, as that would change the ones that follow.
        if self.config.copy_paste and float(torch.rand(())) < self.config.copy_paste:
            other = int(torch.randint(len(self), ()))
            contents = paste(*contents, *self._read(other))
        return self.masks.image_ids[int(self.images[item])], augment(*contents, self.config)

    def _read(self, item: int) -> tuple[UInt8Array, NDArray[np.bool_], NDArray[np.int32]]:
        """Pixels, masks and clusters of one training image."""
        image = int(self.images[item])
        rows = self.masks.rows_of(image)
        height, width = self.masks.size_hw[rows.start].tolist()
        # Objects are pasted at their own size, so that all images have to be read at theirs.
        looks_at = None if self.config.copy_paste else ceil(self.config.image_size * self.config.scale[1])
        glance = glance_known(self.source, self.masks.image_ids[image], (height, width), looks_at)
        masks = self.masks.decode_image(image)
        if glance.read_hw != glance.size_hw:
            masks = resize_masks(masks, glance.read_hw).numpy()
        return glance.pixels, masks, self.masks.cluster[rows.start : rows.stop]


def training_data(source: ImageSource, masks: MaskStore, config: DistillConfig) -> DetectionData:
    """The training images that have at least one mask. Raises InputError where there is none."""
    with_mask = np.unique(masks.image).astype(np.int64)
    images = with_mask[source.are_train(masks.image_ids)[with_mask]]
    if not len(images):
        raise InputError(f"none of the {source.n_train} training images has a mask, so there is nothing to learn from")
    return DetectionData(source, masks, images, config)


def augment(
    pixels: UInt8Array, masks: NDArray[np.bool_], clusters: NDArray[np.int32], config: DistillConfig
) -> tuple[Tensor, Target]:
    """Resize, flip and recolour one image with its masks.

    Args:
        pixels: (H, W, 3) RGB.
        masks: (n, H, W), none of them empty.
        clusters: (n,)
        config: What to do, and how strongly.

    Returns:
        The image, uint8 (3, h, w), and its target.
    """
    factor = float(torch.empty(()).uniform_(*config.scale))
    size_hw = resized_hw(masks.shape[1:], config.image_size * factor, config.max_size * factor)
    image = v2.functional.resize(torch.from_numpy(pixels).permute(2, 0, 1), list(size_hw), antialias=True)
    resized = resize_masks(masks, size_hw)
    if float(torch.rand(())) < config.flip:
        image, resized = image.flip(-1), resized.flip(-1)
    if config.color_jitter:
        strength = config.color_jitter
        image = v2.ColorJitter(strength, strength, strength, strength / 5)(image)
    target = Target(boxes_xyxy=boxes_of(resized), clusters=torch.from_numpy(clusters.astype(np.int64)), masks=resized)
    return image, target


def collate(contents: list[Any]) -> Batch:
    """Images of different sizes stay a list."""
    return [image for image, _ in contents], [target for _, target in contents]
