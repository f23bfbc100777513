"""A head that has losses of its own, and learns more from a batch than gradients."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from maskdistill.stages.training.fit import Losses
from maskdistill.stages.training.schedules import Step

ScoreLoss = Callable[[Tensor, Tensor], Tensor]
"""Loss of logits (B, C, h, w) at labels (B, H, W), as the stage's settings have it."""


class LearningHead(nn.Module, ABC):
    """A head whose `forward` gives logits like that of any other."""

    @abstractmethod
    def losses(self, features: Tensor, labels: Tensor, step: Step, loss_of: ScoreLoss) -> Losses:
        """Named losses of features (B, D, h, w) at labels (B, H, W); called once in each step of the training."""
