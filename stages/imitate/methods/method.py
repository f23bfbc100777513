"""What a way for a ResNet to learn from images alone must offer."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class ResNetMethod(ABC):
    """A network in training.

    Attributes:
        module: All that is trained; on the CPU until the trainer moves it.
        trunk: The ResNet in it, which is the result.
    """

    module: nn.Module
    trunk: Any

    @abstractmethod
    def losses(self, images: Tensor) -> dict[str, Tensor]:
        """Named losses of a batch of training images, uint8 (B, 3, S, S); their sum is minimised."""
