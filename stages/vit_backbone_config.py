"""Settings of a network whose backbone is a Vision Transformer: which one, and how much of it learns. No torch."""

from typing import Annotated, Literal

from pydantic import Field

from maskdistill.data.settings import Settings
from maskdistill.stages.networks.normalise import Normalise

Freeze = Literal["all", "none"] | Annotated[int, Field(ge=1)]
"""What of a ViT stays as its weights are: all, its patch embedding and so many blocks, or nothing."""

Upsample = Literal["interpolate", "deconvolve"]
"""How maps finer than the patches come from theirs: between them, or by transposed convolutions, which learn how."""


class VitBackboneConfig(Settings):
    """Of `backbone: vit`; its weights are the `weights` of the section around it."""

    model: str | None = None
    """Name in timm of the Vision Transformer; None = the one of the mine stage."""
    normalise: Normalise | None = None
    """As `mine.normalise`; None = the same as there."""
    freeze: Freeze = "all"
    """What stays as the weights are: `all`; a number N = the patch embedding and the first N blocks; `none`."""
    lr_decay: float = Field(0.75, gt=0, le=1)
    """Factor of the learning rate from each block to the one below it, where some of them learn."""

    def unused(self) -> set[str]:
        """The rates of blocks of which none learns."""
        return super().unused() | ({"lr_decay"} if self.freeze == "all" else set())
