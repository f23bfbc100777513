"""Settings that mining methods by normalised cuts share. No torch."""

from typing import Literal

from pydantic import Field

from maskdistill.stages.mine.methods.vit_settings import PatchMinerSettings
from maskdistill.stages.networks.projections import Projection


class CutSettings(PatchMinerSettings):
    """How patches are cut into two sides that resemble each other least, and which side is the object."""

    similarity: float = Field(0.2, gt=0, lt=1)
    """Cosine of two patches' features from which they count as similar, between 0 and 1. Where most patches are similar
    to most others, the cut means little: raise it for a ViT whose patches all resemble each other."""
    side: Literal["eigenvector", "attention"] = "eigenvector"
    """Which side of the cut is the object: `eigenvector` = that of the patch that the cut sets apart most clearly (the
    papers); `attention` = that of the patch that the class token attends to most."""

    def reads(self) -> tuple[Projection, ...]:
        """Queries and keys, too, where the class token's attention is asked for."""
        looked_at: tuple[Projection, ...] = ("queries", "keys") if self.side == "attention" else ()
        return (*looked_at, *(name for name in super().reads() if name not in looked_at))
