"""The segmenter: a dilated ResNet, and a head on its features.

B images of H x W px, C classes, output stride s: (B, 3, H, W) uint8 -> logits (B, C, H / s, W / s), rounded up.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.stages.networks.resnet import N_STAGES, RGB_MEAN, RGB_STD, build_resnet, freeze_stages
from maskdistill.stages.registry import HEADS
from maskdistill.stages.segment.config import SegmentConfig


class Segmenter(nn.Module):
    """From pixels to logits.

    Attributes:
        width: Channels of the features, D.

    Args:
        config: Backbone, output stride, what is frozen, and the head.
        n_classes: Clusters + 1.
        weights: Weights of the backbone; None = from nothing.
    """

    def __init__(self, config: SegmentConfig, n_classes: int, weights: Path | None) -> None:
        super().__init__()
        backbone = build_resnet(config.backbone, weights)
        dilate(backbone, config.output_stride)
        if config.weights is not None:
            freeze_stages(backbone, config.freeze_stages)
        for left_out in range(config.stages + 1, N_STAGES + 1):
            setattr(backbone, f"layer{left_out}", nn.Identity())
        self.backbone = backbone
        self.width = int(backbone.inplanes) >> (N_STAGES - config.stages)
        self.head: nn.Module = HEADS.chosen(config).load()(config, self.width, n_classes)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(RGB_STD).view(1, 3, 1, 1), persistent=False)

    def features(self, images: Tensor) -> Tensor:
        """Output of the backbone, (B, D, H / s, W / s), of images uint8 (B, 3, H, W) RGB."""
        net: Any = self.backbone
        x = (images.float() / 255 - self.mean) / self.std
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        features: Tensor = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Logits at the resolution of the features, of images uint8 (B, 3, H, W) RGB."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def full_logits(self, images: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """float32 logits (B, C, *size_hw)."""
        return F.interpolate(self(images).float(), size=size_hw, mode="bilinear", align_corners=False)


def dilate(resnet: Any, output_stride: int) -> None:
    """Trade the strides of the last stages for dilation, in place.

    Done here because torchvision's constructor refuses it for the blocks of a ResNet-18. As there, the block that
    loses its stride keeps the dilation of the stage before it.
    """
    dilation = 1
    for stage in (resnet.layer3, resnet.layer4):
        keeps_stride = stage is resnet.layer3 and output_stride == 16
        before = dilation
        dilation = dilation if keeps_stride else 2 * dilation
        for number, block in enumerate(stage):
            for conv in (module for module in block.modules() if isinstance(module, nn.Conv2d)):
                if not keeps_stride:
                    conv.stride = (1, 1)
                if conv.kernel_size == (3, 3):
                    rate = before if number == 0 else dilation
                    conv.dilation = conv.padding = (rate, rate)
