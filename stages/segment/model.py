"""The segmenter: a trunk that gives features, and a head that turns them into classes.

B images of H x W px, C classes, s px per px of the features: (B, 3, H, W) uint8 -> logits (B, C, H / s, W / s),
rounded.
"""

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.registry import HEADS
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.trunks.resnet import ResNetTrunk
from maskdistill.stages.segment.trunks.vit import VitTrunk


class Segmenter(nn.Module):
    """From pixels to logits.

    Attributes:
        width: Channels of the features, D.

    Args:
        config: Backbone, what is frozen, and the head.
        n_classes: Clusters + 1.
        weights: Weights of a ResNet; None = from nothing.
        vit: The backbone, with `backbone: vit`; it becomes a part of the segmenter.
    """

    def __init__(
        self, config: SegmentConfig, n_classes: int, weights: Path | None = None, vit: VisionBackbone | None = None
    ) -> None:
        super().__init__()
        self.backbone = _trunk(config, weights, vit)
        self.width = self.backbone.width
        self.head: nn.Module = HEADS.chosen(config).load()(config, self.width, n_classes)

    def features(self, images: Tensor) -> Tensor:
        """Output of the backbone, (B, D, H / s, W / s), of images uint8 (B, 3, H, W) RGB."""
        features: Tensor = self.backbone(images)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Logits at the resolution of the features, of images uint8 (B, 3, H, W) RGB."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def full_logits(self, images: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """float32 logits (B, C, *size_hw)."""
        return F.interpolate(self(images).float(), size=size_hw, mode="bilinear", align_corners=False)


def _trunk(config: SegmentConfig, weights: Path | None, vit: VisionBackbone | None) -> ResNetTrunk | VitTrunk:
    if config.backbone == "auto":
        raise InputError("segment.backbone: must be set here; the pipeline fills in what `auto` stands for")
    if config.backbone != "vit":
        return ResNetTrunk(config.backbone, config, weights)
    if vit is None:
        raise InputError("segment.backbone: vit has to be given the network itself")
    return VitTrunk(config.vit, vit)
