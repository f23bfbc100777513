"""The tokens of images from the ViT, in parts.

Shapes: B images, h x w patches, D numbers a patch: the dimension of the ViT x number of blocks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.catalog import FEATURES
from maskdistill.data.errors import InputError
from maskdistill.data.stores.write_features import write_features
from maskdistill.stages.ahead import work_ahead
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.mine.methods.miner import Photo, read_photos
from maskdistill.stages.networks.resize import resize, short_side_size, whole_patches
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_inputs import Prepared, batches, grid_of, to_tensor
from maskdistill.stages.parts import Advance, PartReport
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast, float32_products

_LARGEST = float(np.finfo(np.float16).max)
Map = NDArray[np.float16]


@dataclass(frozen=True)
class FeaturesJob:
    """Keeping the tokens of some of the images."""

    config: FeaturesConfig
    inputs: StageInputs

    def open(self) -> "FeaturesWorker":
        """Load the ViT."""
        return FeaturesWorker(self.config, self.inputs)


class FeaturesWorker:
    """The loaded ViT.

    Attributes:
        dim: D.
        looks_at: Short side, px, at which the ViT sees an image, or less.
    """

    def __init__(self, config: FeaturesConfig, inputs: StageInputs) -> None:
        if config.model is None or config.weights is None:
            raise InputError("features.model, features.weights: must be set here; the pipeline fills in those of mine")
        self.config, self.inputs = config, inputs
        self.device = resolve_device(inputs.execution)
        vit = load_vit(
            config.model,
            config.weights,
            inputs.artifacts,
            seed=inputs.seed,
            section="features",
            normalise=config.normalise,
        )
        self.vit = vit.to(self.device)
        named = config.blocks_of(vit.n_blocks)
        self.blocks = tuple(vit.resolve_block(block, "features.blocks") for block in named)
        if len(set(self.blocks)) < len(self.blocks):
            raise InputError(f"features.blocks: {list(named)} names a block twice")
        self.dim = vit.dim * len(self.blocks)
        # To whole patches a side may grow by half a patch.
        self.looks_at = config.short_side + self.vit.patch_size // 2

    def description(self) -> dict[str, object]:
        """What the tokens are of, in JSON values."""
        return {
            "architecture": self.vit.architecture.described(),
            "blocks": list(self.blocks),
            "short_side": self.config.short_side,
            "max_patches": self.config.max_patches,
            "mirrored": self.config.mirror,
        }

    def resized_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width, px, of whole patches, at which the ViT sees an image."""
        config, side = self.config, self.vit.patch_size
        return whole_patches(short_side_size(size_hw, config.short_side, side, config.max_patches), side)

    def grid_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of patches of an image."""
        return grid_of(self.resized_hw(size_hw), self.vit.patch_size)

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the tokens of all readable ones of some images."""
        source, failures = self.inputs.source, dict[str, str]()
        path = folder / FEATURES.file
        with write_features(path, self.dim, self.description(), mirrored=self.config.mirror) as writer:
            for photo, tokens, mirrored in self.maps(read_photos(source, items, failures, self.looks_at)):
                counts = photo.index < source.n_train
                writer.add(photo.index, photo.image_id, photo.size_hw, tokens, mirrored, counts=counts)
                advance(1)
        advance(len(failures))
        return PartReport(len(items), failures)

    def maps(self, photos: Iterable[Photo]) -> Iterator[tuple[Photo, Map, Map | None]]:
        """The maps (h, w, D) of images and, where asked for, of their mirror images; in any order."""
        waiting: dict[int, Photo] = {}

        def prepared(photo: Photo) -> Prepared:
            waiting[photo.index] = photo
            return Prepared(photo.index, resize(photo.pixels, self.resized_hw(photo.size_hw)))

        resized = work_ahead(prepared, photos)
        for batch in batches(resized, self.vit.patch_size, self.inputs.execution.batch_size, self.device):
            with torch.inference_mode(), float32_products(tf32=False), autocast(self.device, self.config.precision):
                images = to_tensor(batch, self.vit, self.device)
                tokens = self._tokens(images)
                mirrored = self._tokens(images.flip(3)) if self.config.mirror else [None] * len(batch)
            for one, own, other in zip(batch, tokens, mirrored, strict=True):
                yield waiting.pop(one.item), own, other

    def _tokens(self, images: Tensor) -> NDArray[np.float16]:
        """Of normalised images (B, 3, h * S, w * S): (B, h, w, D)."""
        tokens = torch.cat(self.vit.patch_maps(images, self.blocks), dim=1).permute(0, 2, 3, 1)
        return tokens.clamp(-_LARGEST, _LARGEST).half().contiguous().cpu().numpy()
