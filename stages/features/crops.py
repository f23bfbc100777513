"""Samples for whatever learns from stored tokens: a crop of the tokens of an image, and the labels below it.

D channels of the tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.networks.resize import resize_mask
from maskdistill.stages.training.samples import Sample

LABELS_PER_PATCH = 4
"""Along each side: finer outlines than this the tokens cannot tell."""


@dataclass(frozen=True, eq=False)
class TokenCrops:
    """Loads the sample of one training image.

    Attributes:
        features: The tokens.
        image_ids: Ids of the training images.
        labels: Gives the label map (H, W) of an image by its index into `image_ids`.
        patches: Side of the square crops, patches.
        flip: Chance of the mirror image, where its tokens are stored.
    """

    features: FeatureStore
    image_ids: Sequence[str]
    labels: Callable[[int], UInt8Array]
    patches: int
    flip: float

    def load(self, item: int) -> Sample:
        """Image id and (tokens, labels) of a random crop of one image; draws from torch's generator.

        Tokens float16 (D, patches, patches), beyond the image their mean; labels uint8 (n, n), 255 beyond the image,
        with n = patches x LABELS_PER_PATCH.
        """
        image_id, label_map = self.image_ids[item], self.labels(item)
        mirrored = self.features.mirrored and float(torch.rand(())) < self.flip
        tokens = self.features.read(self.features.index(image_id), mirrored=mirrored)
        return image_id, self._crop(tokens, label_map[:, ::-1] if mirrored else label_map)

    def _crop(self, tokens: NDArray[np.float16], label_map: UInt8Array) -> tuple[Tensor, Tensor]:
        side, fine = self.patches, LABELS_PER_PATCH
        grid_hw = tokens.shape[:2]
        labels = resize_mask(label_map, (grid_hw[0] * fine, grid_hw[1] * fine))
        starts = [int(torch.randint(max(0, length - side) + 1, ())) for length in grid_hw]
        part = tokens[tuple(slice(start, start + side) for start in starts)]
        own = labels[tuple(slice(start * fine, (start + side) * fine) for start in starts)]
        crop = np.empty((side, side, tokens.shape[2]), dtype=np.float16)
        crop[:] = self.features.mean
        crop[: part.shape[0], : part.shape[1]] = part
        target = np.full((side * fine, side * fine), IGNORE, dtype=np.uint8)
        target[: own.shape[0], : own.shape[1]] = own
        return torch.from_numpy(crop).permute(2, 0, 1), torch.from_numpy(target)


def collate(contents: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Tokens (B, D, patches, patches) and labels (B, n, n)."""
    return torch.stack([tokens for tokens, _ in contents]), torch.stack([labels for _, labels in contents])
