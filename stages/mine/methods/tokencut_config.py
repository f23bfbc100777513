"""Settings of the mining method `tokencut`."""

from pydantic import Field

from maskdistill.stages.mine.methods.vit_settings import PatchMinerSettings


class TokenCutConfig(PatchMinerSettings):
    """One object per image: the patches are cut into two sides that resemble each other least (TokenCut, 2022)."""

    similarity: float = Field(0.2, gt=0, lt=1)
    """Cosine of two patches' features from which they count as similar, between 0 and 1. Where most patches are similar
    to most others, the cut finds nothing: raise it for a ViT whose patches all resemble each other."""
