"""The head with a memory of the data set: "Mining Contextual Information Beyond Image" (MCIBI, arXiv 2108.11819).

B images, D channels of the backbone, C of the head, K classes. Unlike the authors', the memory sees the whole batch at
once where several processes share it, and leaves no trace in the statistics of batch norms; there is no auxiliary head
on the backbone's third stage.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP

from maskdistill.data.arrays import IGNORE
from maskdistill.stages.registry import HEADS
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.heads.class_memory import known_slots, recall, updated
from maskdistill.stages.segment.heads.context import Fusion, convolution
from maskdistill.stages.segment.heads.deeplab import dilations_of
from maskdistill.stages.segment.heads.learning_head import LearningHead, ScoreLoss
from maskdistill.stages.segment.heads.mcibi_config import McibiConfig
from maskdistill.stages.training.fit import Losses
from maskdistill.stages.training.schedules import Step, polynomial

_DROPOUT = 0.1
_LAST_MOMENTUM = 0.01
"""Fraction of the first momentum that the last one is."""


class McibiHead(LearningHead):
    """Two classifiers: the first says what a pixel is reminded of, the second decides.

    Attributes:
        memory: float32 (K, slots, C), a buffer; zeros where nothing was seen.

    Args:
        own: The settings of the head.
        width: D.
        n_classes: K.
        dilations: Of the context within the image.
    """

    memory: Tensor

    def __init__(self, own: McibiConfig, width: int, n_classes: int, dilations: tuple[int, int, int]) -> None:
        super().__init__()
        channels, slots = own.channels, own.slots if own.memory else 0
        self.own = own
        self.reduce = convolution(width, channels, kernel_size=3)
        self.first, self.second = _classifier(channels, n_classes), _classifier(channels, n_classes)
        self.pooling = ASPP(width, dilations, channels) if own.image_context else None
        self.fusion = Fusion(channels, channels // 2, channels, slots, image_context=own.image_context)
        self.register_buffer("memory", torch.zeros(n_classes, slots, channels))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, K, h, w) of features (B, D, h, w)."""
        reduced = self.reduce(features)
        return self._decide(features, reduced, self.first(reduced))

    def losses(self, features: Tensor, labels: Tensor, step: Step, loss_of: ScoreLoss) -> Losses:
        """Losses of both classifiers and of the memory, which learns from the batch in between."""
        own, reduced = self.own, self.reduce(features)
        first = self.first(reduced)
        losses = {
            "final": loss_of(self._decide(features, reduced, first), labels),
            "first": own.first_weight * loss_of(first, labels),
        }
        if own.memory:
            kept = confident(first, labels, own.min_confidence) if own.min_confidence else labels
            momentum = polynomial(step.share, own.momentum, _LAST_MOMENTUM * own.momentum)
            # Another tensor: the gradient of this step still needs the old one.
            self.memory = updated(self.memory, reduced, kept, momentum, own.update)
            if own.consistency:
                losses["consistency"] = own.consistency * consistency_loss(self._recognise, self.memory)
        return losses

    def _decide(self, features: Tensor, reduced: Tensor, first: Tensor) -> Tensor:
        pooled = None if self.pooling is None else self.pooling(features)
        recalled = recall(first, self.memory, hard=self.own.hard).to(reduced.dtype) if self.own.memory else None
        logits: Tensor = self.second(self.fusion(reduced, recalled, pooled))
        return logits

    def _recognise(self, vectors: Tensor) -> Tensor:
        """The second classifier as it will be used: a few vectors of the memory are no batch to take statistics of."""
        self.second.eval()
        logits: Tensor = self.second(vectors)
        self.second.train(self.training)
        return logits


def mcibi_head(config: SegmentConfig, width: int, n_classes: int) -> McibiHead:
    """Context from the data set and from the image: (B, width, h, w) to logits (B, n_classes, h, w)."""
    own: McibiConfig = HEADS.settings(config)
    return McibiHead(own, width, n_classes, dilations_of(config, own))


def confident(scores: Tensor, labels: Tensor, least: float) -> Tensor:
    """The labels (B, H, W) of pixels that are given at least this probability of theirs, and 255 for the others.

    Scores are logits (B, K, h, w).
    """
    full = F.interpolate(scores.float(), size=labels.shape[1:], mode="bilinear", align_corners=False).softmax(dim=1)
    own = torch.where(labels == IGNORE, 0, labels).long()
    return torch.where(full.gather(1, own[:, None])[:, 0] >= least, labels, IGNORE)


def consistency_loss(classify: Callable[[Tensor], Tensor], memory: Tensor) -> Tensor:
    """Mean cross-entropy of the known slots of a memory (K, S, C), each of which is to be taken for its class.

    Args:
        classify: Gives logits (N, K, 1, 1) of vectors (N, C, 1, 1).
        memory: Gets no gradient.
    """
    logits = classify(memory.detach().flatten(0, 1)[:, :, None, None]).flatten(1)
    classes = torch.arange(len(memory), device=memory.device).repeat_interleave(memory.shape[1])
    losses = F.cross_entropy(logits.float(), classes, reduction="none")
    known = known_slots(memory).flatten()
    return (losses * known).sum() / known.sum().clamp(min=1)


def _classifier(channels: int, n_classes: int) -> nn.Sequential:
    return nn.Sequential(
        *convolution(channels, channels), nn.Dropout2d(_DROPOUT), nn.Conv2d(channels, n_classes, kernel_size=1)
    )
