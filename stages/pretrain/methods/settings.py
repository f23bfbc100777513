"""What the settings of every method of pre-training have in common. No torch."""

from typing import ClassVar

from maskdistill.data.settings import Settings


class MethodSettings(Settings):
    """Settings of one method.

    Attributes:
        betas: AdamW's, where `pretrain.betas` does not say otherwise.
        clips_each: Whether the gradient of each parameter is clipped by itself, where `pretrain.clip` does not say
            otherwise.
        learns: Whether there is a training at all.
    """

    betas: ClassVar[tuple[float, float]] = (0.9, 0.95)
    clips_each: ClassVar[bool] = False
    learns: ClassVar[bool] = True
