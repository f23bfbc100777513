"""Settings that all mining methods with a ViT share. No torch."""

from typing import ClassVar

from pydantic import Field

from maskdistill.stages.mine.methods.settings import MinerSettings
from maskdistill.stages.networks.projections import Projection


class VitMinerSettings(MinerSettings):
    """What a mining method looks at, and how its masks are tidied up."""

    looks_with_vit: ClassVar[bool] = True

    short_side: int = Field(640, ge=1)
    """Length that the short side of an image is resized to, px."""
    max_patches: int = Field(16384, ge=1)
    """Upper limit of patches per image; images of extreme aspect are made smaller until they keep it."""
    block: int | None = None
    """Block whose self-attention is read, from 0; negative counts from the end; None = the last."""
    fill_holes: bool = False
    """Whether what a mask encloses belongs to it; the papers leave holes."""
    opening: int = Field(0, ge=0)
    """Parts of a mask thinner than about twice as many patches are cut off; 0 = none (the papers)."""

    def reads(self) -> tuple[Projection, ...]:
        """What the method needs of the block."""
        return ("queries", "keys")


class PatchMinerSettings(VitMinerSettings):
    """What a mining method looks at that compares all patches of an image with all others."""

    max_patches: int = Field(4096, ge=1)
    """Upper limit of patches per image; images of extreme aspect are made smaller until they keep it. Time and memory
    grow with the square of the patches."""
    features: Projection = "keys"
    """What patches are compared by: their `queries`, `keys` or `values` in that block, all heads together."""

    def reads(self) -> tuple[Projection, ...]:
        """The features."""
        return (self.features,)
