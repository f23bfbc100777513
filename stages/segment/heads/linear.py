"""The linear head: each px of the features by itself."""

from torch import nn

from maskdistill.stages.segment.config import SegmentConfig


def linear_head(config: SegmentConfig, width: int, n_classes: int) -> nn.Module:
    """One 1 x 1 convolution: (B, width, h, w) to logits (B, n_classes, h, w)."""
    return nn.Conv2d(width, n_classes, kernel_size=1)
