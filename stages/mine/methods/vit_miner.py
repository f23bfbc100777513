"""What mining methods with a ViT share: images in batches, what a block makes of them, and masks of the image's size.

Shapes: B images, H heads, N = h * w patches, d channels per head.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.stages.ahead import work_ahead
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.miner import Miner, Photo, Proposals
from maskdistill.stages.mine.methods.vit_settings import VitMinerSettings
from maskdistill.stages.networks.projections import Projection
from maskdistill.stages.networks.resize import grid_to_code, resize, short_side_size
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_inputs import Prepared, batches, grid_of, to_tensor
from maskdistill.stages.registry import MINING
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast

Seen = Mapping[Projection, Tensor]
"""What a block makes of one image: float (H, 1 + N, d) each, class token first."""


class VitMiner(Miner):
    """The loaded ViT; what is an object is up to `find`.

    Attributes:
        rule: The settings of the method.
    """

    rule: VitMinerSettings

    def __init__(self, config: MineConfig, inputs: StageInputs, prepared: Any = None) -> None:
        super().__init__(config, inputs, prepared)
        self.rule = MINING.settings(config)
        self.device = resolve_device(inputs.execution)
        vit = load_vit(
            config.model, config.weights, inputs.artifacts, seed=inputs.seed, section="mine", normalise=config.normalise
        )
        self.vit = vit.to(self.device)
        self.block = self.vit.resolve_block(self.rule.block, f"mine.{config.method}.block")

    @abstractmethod
    def find(self, seen: Seen, grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """Masks bool (n, h, w) of one image over its grid of patches, none empty."""

    def mine(self, photos: Iterable[Photo]) -> Iterator[tuple[int, Proposals]]:
        """Masks of images, in batches of those that have one size after resizing."""
        sizes: dict[int, tuple[int, int]] = {}
        for batch in self.batches(photos, sizes):
            seen = self.look(batch)
            for place, one in enumerate(batch):
                resized_hw = (one.pixels.shape[0], one.pixels.shape[1])
                found = self.find({name: of[place] for name, of in seen.items()}, self.grid(resized_hw))
                codes = [grid_to_code(mask, resized_hw, sizes[one.item], self.vit.patch_size) for mask in found]
                yield one.item, Proposals(codes)

    @property
    def looks_at(self) -> int:
        """Short side at which the ViT sees an image."""
        return self.rule.short_side

    def facts(self) -> dict[str, Any]:
        """What pixels were normalised with."""
        return {"normalise": {"mean": list(self.vit.mean), "std": list(self.vit.std)}}

    def batches(self, photos: Iterable[Photo], sizes: dict[int, tuple[int, int]]) -> Iterator[list[Prepared]]:
        """Resized images of equal padded size; the sizes before go into the dict, under the index of the photo."""
        size = self.inputs.execution.batch_size
        return batches(self._resized(photos, sizes), self.vit.patch_size, size, self.device)

    def look(self, batch: list[Prepared]) -> dict[Projection, Tensor]:
        """What the block makes of a batch, float32 (B, H, 1 + N, d) by name."""
        with torch.inference_mode(), autocast(self.device, self.config.precision):
            images = to_tensor(batch, self.vit, self.device)
            seen = self.vit.projections(images, self.rule.reads(), self.block)
        return {name: projected.float() for name, projected in seen.items()}

    def grid(self, resized_hw: tuple[int, int]) -> tuple[int, int]:
        """Patches (rows, columns) that cover a resized image."""
        return grid_of(resized_hw, self.vit.patch_size)

    def _resized(self, photos: Iterable[Photo], sizes: dict[int, tuple[int, int]]) -> Iterator[Prepared]:
        def resized(photo: Photo) -> Prepared:
            sizes[photo.index] = photo.size_hw
            size_hw = short_side_size(photo.size_hw, self.rule.short_side, self.vit.patch_size, self.rule.max_patches)
            return Prepared(photo.index, resize(photo.pixels, size_hw))

        return work_ahead(resized, photos)


def patch_features(projected: Tensor) -> Tensor:
    """One feature per patch, float (N, H * d), of what a block makes of an image, (H, 1 + N, d)."""
    return projected[:, 1:].transpose(0, 1).flatten(1)
