"""Images of many sizes in batches for a ViT: normalised on the device, padded with zeros to whole patches.

Shapes: B images of the batch, H x W the padded size (px), S = patch size (px).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.networks.batching import batch_by_shape
from maskdistill.stages.networks.vit import VisionBackbone

_CPU = torch.device("cpu")
_ON_CPU = 2


@dataclass(frozen=True, eq=False)
class Prepared:
    """One input of the ViT before normalisation.

    Attributes:
        item: What the caller knows it by.
        pixels: uint8 (height, width, 3).
        keep: bool (height, width), False where pixels are set to zero after normalisation; None = keep all.
    """

    item: int
    pixels: UInt8Array
    keep: NDArray[np.bool_] | None = None


View = TypeVar("View", bound=Prepared)


def grid_of(size_hw: tuple[int, ...], patch_size: int) -> tuple[int, int]:
    """Patches (rows, columns) that cover an image of `size_hw` px."""
    return -(-size_hw[0] // patch_size), -(-size_hw[1] // patch_size)


def batches(
    prepared: Iterable[View], patch_size: int, batch_size: int, device: torch.device = _CPU
) -> Iterator[list[View]]:
    """Group inputs of equal padded size, at most `batch_size` together; the order among sizes is not kept.

    On a CPU no more than two are together, which its caches hold: of eight, each takes 13 % longer.
    """
    size = min(batch_size, _ON_CPU) if device.type == "cpu" else batch_size
    return batch_by_shape(prepared, lambda one: grid_of(one.pixels.shape, patch_size), size)


def to_tensor(batch: Sequence[Prepared], backbone: VisionBackbone, device: torch.device) -> Tensor:
    """Normalised float32 (B, 3, H, W) on the device, zero at the bottom and right where there is no image."""
    side = backbone.patch_size
    rows, columns = grid_of(batch[0].pixels.shape, side)
    images = torch.zeros(len(batch), 3, rows * side, columns * side, device=device)
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (backbone.mean, backbone.std))
    for image, one in zip(images, batch, strict=True):
        height, width = one.pixels.shape[:2]
        pixels = _transfer(one.pixels, device).permute(2, 0, 1)
        normalised = (pixels.float() / 255 - mean) / std
        if one.keep is not None:
            normalised = normalised * _transfer(one.keep, device)
        image[:, :height, :width] = normalised
    return images


def _transfer(array: NDArray[np.generic], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
