"""The head of DeepLab-v3 (arXiv 1706.05587), that of the paper."""

from torch import nn
from torchvision.models.segmentation.deeplabv3 import ASPP

from maskdistill.stages.registry import HEADS
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.heads.deeplab_config import DeepLabConfig

_DILATIONS = {16: (6, 12, 18), 8: (12, 24, 36)}
"""Of the pyramid pooling, by output stride: those of the paper."""
_VIT_STRIDE = 16


def deeplab_head(config: SegmentConfig, width: int, n_classes: int) -> nn.Module:
    """Pyramid pooling and two convolutions: (B, width, h, w) to logits (B, n_classes, h, w).

    torchvision's own has 256 channels, whatever the task.
    """
    own: DeepLabConfig = HEADS.settings(config)
    return nn.Sequential(
        ASPP(width, dilations_of(config, own), own.channels),
        nn.Conv2d(own.channels, own.channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(own.channels),
        nn.ReLU(),
        nn.Conv2d(own.channels, n_classes, 1),
    )


def dilations_of(config: SegmentConfig, own: DeepLabConfig) -> tuple[int, int, int]:
    """The dilations of the pooling: those that are set, or the paper's for the backbone's stride."""
    stride = _VIT_STRIDE if config.backbone == "vit" else config.output_stride
    return own.dilations or _DILATIONS[stride]
