"""What a way for a ResNet to learn from images alone must offer."""

from typing import Any

from torch import Tensor

from maskdistill.stages.training.fit import Fit, Losses
from maskdistill.stages.training.schedules import Step


class ResNetMethod(Fit):
    """A network in training.

    Attributes:
        module: All that is trained, and all that a resumed training needs; on the CPU until the trainer moves it.
        trunk: The ResNet in it, which is the result.
    """

    trunk: Any

    def losses(self, batch: Tensor, step: Step) -> Losses:
        """Named losses of a batch of training images, uint8 (B, 3, S, S); their sum is minimised."""
        raise NotImplementedError
