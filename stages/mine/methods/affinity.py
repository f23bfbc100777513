"""The mining method of the paper (section 3.1): a ViT's last attention layer, and the mask rule applied to it.

Shapes: B images, H heads, N patches, d channels per head.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.image_source import own_size
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.affinity_config import AffinityConfig
from maskdistill.stages.mine.methods.affinity_rule import affinity_map, object_masks
from maskdistill.stages.mine.methods.key_mean import KeySum, dataset_key_mean
from maskdistill.stages.mine.methods.miner import Photo, read_photos
from maskdistill.stages.mine.methods.vit_miner import Seen, VitMiner
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import MINING


class AffinityMiner(VitMiner):
    """The rule of the paper.

    Args:
        config, inputs: As those of the stage.
        prepared: float (H, d), the mean patch key of the training images; None = not needed.
    """

    rule: AffinityConfig

    def __init__(self, config: MineConfig, inputs: StageInputs, prepared: Tensor | None = None) -> None:
        super().__init__(config, inputs, prepared)
        self.key_mean = prepared

    @classmethod
    def prepare(cls, config: MineConfig, inputs: StageInputs, folder: Path, progress: Progress) -> Tensor | None:
        """The mean patch key of the training images, where keys are centred by it."""
        if MINING.settings(config).center_keys != "dataset":
            return None
        progress.start("mean key", inputs.source.n_train, "images")
        return dataset_key_mean(KeySumJob(config, inputs), inputs, folder, progress.advance)

    def find(self, seen: Seen, grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """Masks of one image."""
        rule = self.rule
        return object_masks(
            seen["queries"],
            seen["keys"],
            grid_hw,
            n_heads=rule.n_heads,
            topk_fraction=rule.topk_fraction,
            attention_mass=rule.attention_mass,
            key_mean=self._mean_of(seen["keys"]),
            max_masks=rule.max_masks,
            min_area=rule.min_area,
            fill_holes=rule.fill_holes,
            opening=rule.opening,
        )

    def patch_keys(self, items: range) -> Iterator[Tensor]:
        """Patch keys (B, H, N, d) of the readable ones of some images."""
        # What cannot be read is named where its masks are looked for.
        photos = read_photos(self.inputs.source, items, {}, self.looks_at)
        for batch in self.batches(photos, {}):
            yield self.look(batch)["keys"][:, :, 1:]

    def affinity(self, pixels: UInt8Array) -> tuple[NDArray[np.float32], tuple[float, float]]:
        """How much each patch of an image resembles the sources of its mask: what the mask is cut from.

        Args:
            pixels: uint8 (height, width, 3).

        Returns:
            float32 (rows, columns) of patches; and how many rows and columns of them the image covers, as the last
            ones may reach beyond it.
        """
        (batch,) = self.batches([Photo(0, "", own_size(pixels))], {})
        seen = self.look(batch)
        queries, keys = seen["queries"][0], seen["keys"][0]
        affinity, _ = affinity_map(
            queries,
            keys,
            n_heads=self.rule.n_heads,
            topk_fraction=self.rule.topk_fraction,
            attention_mass=self.rule.attention_mass,
            key_mean=self._mean_of(keys),
        )
        height, width, _ = batch[0].pixels.shape
        grid = affinity.reshape(self.grid((height, width))).cpu().numpy().astype(np.float32)
        return grid, (height / self.vit.patch_size, width / self.vit.patch_size)

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
