"""Samples for whatever learns from stored tokens: a crop of the tokens of an image, and the labels below it.

D channels of the tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.sources.recent import Recent
from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.networks.resize import resize_mask
from maskdistill.stages.training.samples import Sample

LABELS_PER_PATCH = 4
"""Along each side: finer outlines than this the tokens cannot tell."""
_TOKEN_BYTES = 2**29


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
    _tokens: Recent[int, NDArray[np.float16]] = field(default_factory=lambda: Recent(_n_bytes, _TOKEN_BYTES))
    _labels: Recent[int, UInt8Array] = field(default_factory=lambda: Recent(_n_bytes))

    def load(self, item: int) -> Sample:
        """Image id and (tokens, labels) of a random crop of one image; draws from torch's generator.

        Tokens float16 (D, patches, patches), beyond the image their mean; labels uint8 (n, n), 255 beyond the image,
        with n = patches x LABELS_PER_PATCH.
        """
        mirrored = self.features.mirrored and float(torch.rand(())) < self.flip
        number = 2 * item + mirrored
        tokens = self._tokens.get(number, self._read_tokens)
        return self.image_ids[item], self._crop(tokens, self._labels.get(number, self._read_labels))

    def _read_tokens(self, number: int) -> NDArray[np.float16]:
        """Of image `number // 2`; of its mirror image where the number is odd."""
        return self.features.read(self._index(number), mirrored=bool(number % 2))

    def _read_labels(self, number: int) -> UInt8Array:
        """Labels as fine as they are learnt; as small as they are then, those of thousands of images can be kept."""
        label_map = self.labels(number // 2)
        height, width = self.features.grid_hw[self._index(number)].tolist()
        size_hw = height * LABELS_PER_PATCH, width * LABELS_PER_PATCH
        return resize_mask(label_map[:, ::-1] if number % 2 else label_map, size_hw)

    def _index(self, number: int) -> int:
        return self.features.index(self.image_ids[number // 2])

    def _crop(self, tokens: NDArray[np.float16], labels: UInt8Array) -> tuple[Tensor, Tensor]:
        side, fine = self.patches, LABELS_PER_PATCH
        starts = [int(torch.randint(max(0, length - side) + 1, ())) for length in tokens.shape[:2]]
        part = tokens[tuple(slice(start, start + side) for start in starts)]
        own = labels[tuple(slice(start * fine, (start + side) * fine) for start in starts)]
        crop = np.empty((side, side, tokens.shape[2]), dtype=np.float16)
        if part.shape[:2] != (side, side):
            crop[:] = self.features.mean
        crop[: part.shape[0], : part.shape[1]] = part
        target = np.full((side * fine, side * fine), IGNORE, dtype=np.uint8)
        target[: own.shape[0], : own.shape[1]] = own
        return torch.from_numpy(crop).permute(2, 0, 1), torch.from_numpy(target)


def collate(contents: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Tokens (B, D, patches, patches) and labels (B, n, n)."""
    return torch.stack([tokens for tokens, _ in contents]), torch.stack([labels for _, labels in contents])


def _n_bytes(array: NDArray[np.generic]) -> int:
    return array.nbytes
