"""What the segmenter learns from a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.heads.learning_head import LearningHead
from maskdistill.stages.training.fit import Fit, Losses
from maskdistill.stages.training.ohem import ohem_cross_entropy
from maskdistill.stages.training.schedules import Step


@dataclass(frozen=True, eq=False)
class SegmenterFit(Fit):
    """A head, and as much of what is before it as learns.

    Attributes:
        module: Both of them together.
        trunk: From what a batch brings to the features (B, D, h, w).
        head: From the features to logits.
        config: Which pixels count.
        rate_factors: What the learning rate is multiplied by for some parameters.
    """

    module: nn.Module
    trunk: nn.Module
    head: nn.Module
    config: SegmentConfig
    rate_factors: Mapping[nn.Parameter, float] = field(default_factory=dict)

    @property
    def compilable(self) -> Sequence[nn.Module]:
        """Both: crops are of one size."""
        return self.trunk, self.head

    def losses(self, batch: Any, step: Step) -> Losses:
        """The loss of the hardest pixels, or what the head makes of it; of a batch of inputs and labels (B, H, W)."""
        inputs, labels = batch
        features = self.trunk(inputs)
        if isinstance(self.head, LearningHead):
            return self.head.losses(features, labels, step, self.loss_of)
        return {"loss": self.loss_of(self.head(features), labels)}

    def loss_of(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss of logits (B, K, h, w), interpolated to the labels (B, H, W)."""
        full = F.interpolate(logits.float(), size=labels.shape[1:], mode="bilinear", align_corners=False)
        return ohem_cross_entropy(full, labels, self.config.keep_fraction, keep_of=self.config.keep_of)
