"""A detector whose candidates are connected regions: a linear layer on a frozen ViT says which patch is what.

B images of H x W px, D channels of the tokens, C classes = clusters + 1, background first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from maskdistill.data.arrays import IGNORE
from maskdistill.data.errors import InputError
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Detections, Target
from maskdistill.stages.distill.detectors.regions_config import RegionsConfig
from maskdistill.stages.distill.geometry import boxes_of, resized_hw
from maskdistill.stages.distill.start import Start
from maskdistill.stages.networks.resize import whole_patches
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.networks.vit_tokens import VitTokens
from maskdistill.stages.registry import DETECTORS
from maskdistill.stages.training.ohem import ohem_cross_entropy

_NEVER_REACHED = 10**9


class RegionDetector:
    """The ViT, the layer, and what is made of its scores.

    Attributes:
        layer: From tokens (B, D, h, w) of any float type to logits (B, C, h, w): all that is trained.
    """

    def __init__(self, config: DistillConfig, n_clusters: int, start: Start) -> None:
        if not isinstance(start, VisionBackbone):
            raise InputError("distill.backend: regions needs backbone: vit")
        self.config, self.own = config, _own(config)
        self.tokens = VitTokens(start, self.own.blocks_of(start.n_blocks))
        self.layer = nn.Sequential(self.tokens.standard, nn.Conv2d(self.tokens.dim, n_clusters + 1, kernel_size=1))
        self.module: nn.Module = nn.ModuleDict({"tokens": self.tokens, "layer": self.layer[1]})

    def losses(self, images: Sequence[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The loss of images of any sizes, one by one."""
        found = [
            self.stored_losses((self.tokens(image[None]), _painted(target)[None]))["loss"]
            for image, target in zip(images, targets, strict=True)
        ]
        return {"loss": torch.stack(found).mean()}

    def stored_losses(self, batch: Any) -> dict[str, Tensor]:
        """The loss of tokens (B, D, h, w) and label maps (B, H, W): of the hardest pixels."""
        tokens, labels = batch
        full = F.interpolate(self.layer(tokens).float(), size=labels.shape[1:], mode="bilinear", align_corners=False)
        return {"loss": ohem_cross_entropy(full, labels, self.own.keep_fraction, keep_of="valid")}

    def detect(self, images: Sequence[Tensor]) -> list[Detections]:
        """Candidates of images of any size."""
        sizes = [(image.shape[1], image.shape[2]) for image in images]
        tokens = [self.tokens(self.resize(image[None], size)) for image, size in zip(images, sizes, strict=True)]
        return [self.of_tokens(own, size_hw) for own, size_hw in zip(tokens, sizes, strict=True)]

    def of_tokens(self, tokens: Tensor, size_hw: Sequence[int], mirrored: Tensor | None = None) -> Detections:
        """Candidates of an image from its tokens (1, D, h, w) and, where given, from those of its mirror image."""
        full = self.probabilities(tokens, size_hw, mirrored)[0]
        return candidates_of(full.cpu().numpy(), self.own.min_area, self.config.min_score, self.config.max_candidates)

    def probabilities(self, tokens: Tensor, size_hw: Sequence[int], mirrored: Tensor | None = None) -> Tensor:
        """Probability of each class at each pixel, float32 (B, C, *size_hw); as `of_tokens`."""
        probability = self.layer(tokens).float().softmax(dim=1)
        if mirrored is not None:
            probability = (probability + self.layer(mirrored).float().softmax(dim=1).flip(-1)) / 2
        return F.interpolate(probability, size=tuple(size_hw), mode="bilinear", align_corners=False)

    def padded_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Size after resizing, in whole patches."""
        resized = resized_hw(size_hw, self.config.image_size, _NEVER_REACHED)
        return whole_patches(resized, self.tokens.vit.patch_size)

    def resize(self, images: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Images (B, 3, H, W) at the size that one of `size_hw` gets, float32."""
        return F.interpolate(images.float(), size=self.padded_hw(size_hw), mode="bilinear", antialias=True)


def candidates_of(
    probability: NDArray[np.float32], min_area: float, min_score: float, max_candidates: int
) -> Detections:
    """The connected regions that are likelier one of the clusters than background, by descending score.

    Args:
        probability: (C, H, W), background first.
        min_area: Fraction of the image that a candidate covers at least.
        min_score: Lowest score.
        max_candidates: Most candidates.

    Returns:
        The cluster of a region is that of the highest mean probability over it, which is its score.
    """
    inside = probability.argmax(axis=0) > 0
    labelled, count = ndimage.label(inside)
    of_pixel = labelled[inside] - 1
    sizes = np.bincount(of_pixel, minlength=count)
    totals = [np.bincount(of_pixel, weights=own[inside], minlength=count) for own in probability[1:]]
    means = np.stack(totals) / np.maximum(sizes, 1)
    scores = means.max(axis=0, initial=0).astype(np.float32)
    kept = np.flatnonzero((sizes >= min_area * inside.size) & (scores >= min_score))
    kept = kept[np.argsort(-scores[kept], kind="stable")][:max_candidates]
    masks = np.stack([labelled == 1 + region for region in kept]) if len(kept) else np.zeros((0, *inside.shape), bool)
    return Detections(
        boxes_xyxy=boxes_of(torch.from_numpy(masks)).numpy(),
        scores=scores[kept],
        clusters=means.argmax(axis=0)[kept].astype(np.int32) if count else np.zeros(0, dtype=np.int32),
        masks=masks,
    )


def _painted(target: Target) -> Tensor:
    """The masks of an image as one label map (H, W); of masks that overlap the later one shows."""
    labels = torch.zeros(target["masks"].shape[1:], dtype=torch.int64, device=target["masks"].device)
    for mask, cluster in zip(target["masks"], target["clusters"], strict=True):
        labels[mask] = cluster + 1
    assert int(labels.max()) < IGNORE
    return labels


def _own(config: DistillConfig) -> RegionsConfig:
    own: RegionsConfig = DETECTORS.settings(config)
    return own
