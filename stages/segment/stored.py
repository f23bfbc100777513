"""Learning and predicting from stored tokens of a frozen ViT, so that no image passes through it twice.

D channels of the tokens, s px per label of the samples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import IGNORE
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.resize import resize_mask
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.predict import Scored
from maskdistill.stages.segment.trunks.vit import VitTrunk
from maskdistill.stages.training.precision import autocast
from maskdistill.stages.training.samples import Sample

_LABEL_STRIDE = 4
"""Px of the resized image per label that is learnt from: finer outlines than this the tokens cannot tell."""


@dataclass(frozen=True, eq=False)
class StoredData:
    """Loads the sample of one training image.

    Attributes:
        features: The tokens.
        labels: Pseudo-labels.
        images: Indices into `labels` of the training images, int64.
        config: Size of the crops, and the chance of the mirror image.
        patch_size: Of the ViT, px.
    """

    features: FeatureStore
    labels: LabelStore
    images: NDArray[np.int64]
    config: SegmentConfig
    patch_size: int

    def load(self, item: int) -> Sample:
        """Image id and (tokens, labels) of a random crop; draws from torch's generator.

        Tokens float16 (D, cells, cells), labels uint8 (n, n), 255 outside the image; the crop covers `config.crop` px.
        """
        index = int(self.images[item])
        image_id = self.labels.image_ids[index]
        mirrored = self.features.mirrored and float(torch.rand(())) < self.config.flip
        tokens = self.features.read(self.features.index(image_id), mirrored=mirrored)
        label_map = self.labels.read(index)
        return image_id, self._crop(tokens, label_map[:, ::-1] if mirrored else label_map)

    def _crop(self, tokens: NDArray[np.float16], label_map: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        cells, fine = max(1, self.config.crop // self.patch_size), self.patch_size // _LABEL_STRIDE
        grid_hw = tokens.shape[:2]
        labels = resize_mask(label_map, (grid_hw[0] * fine, grid_hw[1] * fine))
        crop = np.broadcast_to(self.features.mean.astype(np.float16), (cells, cells, tokens.shape[2])).copy()
        target = np.full((cells * fine, cells * fine), IGNORE, dtype=np.uint8)
        starts = [int(torch.randint(max(0, side - cells) + 1, ())) for side in grid_hw]
        taken, taken_fine = (tuple(slice(start * n, (start + cells) * n) for start in starts) for n in (1, fine))
        part, own = tokens[taken], labels[taken_fine]
        crop[: part.shape[0], : part.shape[1]] = part
        target[: own.shape[0], : own.shape[1]] = own
        return torch.from_numpy(crop).permute(2, 0, 1), torch.from_numpy(target)


def score_stored(
    model: Segmenter,
    features: FeatureStore,
    source: ImageSource,
    image_ids: Sequence[str],
    config: SegmentConfig,
    device: torch.device,
) -> Iterator[Scored]:
    """Scores of some images as `score_images` gives them, but from stored tokens, and in order."""
    for image_id in image_ids:
        views = [False, True] if config.inference_flip else [False]
        with torch.inference_mode(), autocast(device, config.precision):
            scores = [_scores(model, features, image_id, device, mirrored=mirrored) for mirrored in views]
        yield Scored(image_id, read_known(source, image_id), scores)


def _scores(
    model: Segmenter, features: FeatureStore, image_id: str, device: torch.device, *, mirrored: bool
) -> Tensor:
    """Scores (C, h, w) of an image, or of its mirror image turned back."""
    assert isinstance(model.backbone, VitTrunk)
    tokens = torch.from_numpy(features.read(features.index(image_id), mirrored=mirrored)).to(device)
    found: Tensor = model.head(model.backbone.neck(tokens.permute(2, 0, 1)[None]))[0]
    return found.flip(-1) if mirrored else found


def answers(features: FeatureStore, config: SegmentConfig) -> bool:
    """Whether the stored tokens are all that a prediction needs: of whole images, at one scale."""
    whole = config.window is None and tuple(config.inference_scales) == (1.0,)
    return whole and (features.mirrored or not config.inference_flip)
