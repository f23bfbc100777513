"""The mining method of the paper (section 3.1): a ViT's last attention layer, and the mask rule applied to it.

Shapes: B images, H heads, N patches, d channels per head.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.affinity_config import AffinityConfig
from maskdistill.stages.mine.methods.affinity_rule import affinity_map, object_masks
from maskdistill.stages.mine.methods.key_mean import KeySum, dataset_key_mean
from maskdistill.stages.mine.methods.miner import Miner, Photo, Proposals, read_photos
from maskdistill.stages.networks.resize import grid_to_image, resize, short_side_size
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_inputs import Prepared, batches, grid_of, to_tensor
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import MINING
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast


class AffinityMiner(Miner):
    """The loaded ViT and the rule.

    Args:
        config, inputs: As those of the stage.
        prepared: float (H, d), the mean patch key of the training images; None = not needed.
    """

    def __init__(self, config: MineConfig, inputs: StageInputs, prepared: Tensor | None = None) -> None:
        super().__init__(config, inputs, prepared)
        self.rule: AffinityConfig = MINING.settings(config)
        self.device = resolve_device(inputs.execution)
        vit = load_vit(
            config.model, config.weights, inputs.artifacts, seed=inputs.seed, section="mine", normalise=config.normalise
        )
        self.vit = vit.to(self.device)
        self.block = self.vit.resolve_block(self.rule.block)
        self.key_mean = prepared

    @classmethod
    def prepare(cls, config: MineConfig, inputs: StageInputs, folder: Path, progress: Progress) -> Tensor | None:
        """The mean patch key of the training images, where keys are centred by it."""
        if MINING.settings(config).center_keys != "dataset":
            return None
        progress.start("mean key", inputs.source.n_train, "images")
        return dataset_key_mean(KeySumJob(config, inputs), inputs, folder, progress.advance)

    def mine(self, photos: Iterable[Photo]) -> Iterator[tuple[int, Proposals]]:
        """Masks of images, in batches of those that have one size after resizing."""
        sizes: dict[int, tuple[int, int]] = {}
        for batch in self._batches(photos, sizes):
            for one, queries, keys in zip(batch, *self._queries_keys(batch), strict=True):
                yield one.item, Proposals.of_masks(self._masks(queries, keys, one.pixels, sizes[one.item]))

    def facts(self) -> dict[str, Any]:
        """What pixels were normalised with."""
        return {"normalise": {"mean": list(self.vit.mean), "std": list(self.vit.std)}}

    def patch_keys(self, items: range) -> Iterator[Tensor]:
        """Patch keys (B, H, N, d) of the readable ones of some images."""
        # What cannot be read is named where its masks are looked for.
        for batch in self._batches(read_photos(self.inputs.source, items, {}), {}):
            yield self._queries_keys(batch)[1][:, :, 1:]

    def affinity(self, pixels: UInt8Array) -> tuple[NDArray[np.float32], tuple[float, float]]:
        """How much each patch of an image resembles the sources of its mask: what the mask is cut from.

        Args:
            pixels: uint8 (height, width, 3).

        Returns:
            float32 (rows, columns) of patches; and how many rows and columns of them the image covers, as the last
            ones may reach beyond it.
        """
        (batch,) = self._batches([Photo(0, "", pixels)], {})
        queries, keys = (found[0] for found in self._queries_keys(batch))
        size_hw, side = batch[0].pixels.shape[:2], self.vit.patch_size
        affinity, _ = affinity_map(
            queries,
            keys,
            n_heads=self.rule.n_heads,
            topk_fraction=self.rule.topk_fraction,
            attention_mass=self.rule.attention_mass,
            key_mean=self._mean_of(keys),
        )
        grid = affinity.reshape(grid_of(size_hw, side)).cpu().numpy().astype(np.float32)
        return grid, (size_hw[0] / side, size_hw[1] / side)

    def _batches(self, photos: Iterable[Photo], sizes: dict[int, tuple[int, int]]) -> Iterator[list[Prepared]]:
        """Resized images of equal padded size; the sizes before go into the dict."""

        def prepared() -> Iterator[Prepared]:
            for photo in photos:
                sizes[photo.index] = photo.size_hw
                size_hw = short_side_size(
                    photo.size_hw, self.rule.short_side, self.vit.patch_size, self.rule.max_patches
                )
                yield Prepared(photo.index, resize(photo.pixels, size_hw))

        return batches(prepared(), self.vit.patch_size, self.inputs.execution.batch_size)

    def _queries_keys(self, batch: list[Prepared]) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(), autocast(self.device, self.config.precision):
            images = to_tensor(batch, self.vit, self.device)
            queries, keys = self.vit.queries_keys(images, self.block)
        return queries.float(), keys.float()

    def _masks(self, queries: Tensor, keys: Tensor, pixels: UInt8Array, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """Masks bool (n, *size_hw) of an image that was resized to `pixels`."""
        rule, side = self.rule, self.vit.patch_size
        resized_hw = (pixels.shape[0], pixels.shape[1])
        found = object_masks(
            queries,
            keys,
            grid_of(resized_hw, side),
            n_heads=rule.n_heads,
            topk_fraction=rule.topk_fraction,
            attention_mass=rule.attention_mass,
            key_mean=self._mean_of(keys),
            max_masks=rule.max_masks,
            min_area=rule.min_area,
            fill_holes=rule.fill_holes,
            opening=rule.opening,
        )
        return np.stack([grid_to_image(mask, resized_hw, size_hw, side) for mask in found])

    def _mean_of(self, keys: Tensor) -> Tensor | None:
        """The mean key that is subtracted from those of an image, (H, d)."""
        if self.rule.center_keys == "image":
            return keys[:, 1:].mean(dim=1)
        return None if self.key_mean is None else self.key_mean.to(keys)


@dataclass(frozen=True)
class KeySumJob:
    """Adding up the patch keys of some images."""

    config: MineConfig
    inputs: StageInputs

    def open(self) -> KeySum:
        """Load the ViT."""
        return KeySum(AffinityMiner(self.config, self.inputs).patch_keys)
