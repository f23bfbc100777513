"""Settings of the mining method `lost`."""

from pydantic import Field

from maskdistill.stages.mine.methods.vit_settings import PatchMinerSettings


class LostConfig(PatchMinerSettings):
    """One object per image, grown from the patch that resembles the fewest others (LOST, 2021)."""

    n_candidates: int = Field(100, ge=1)
    """How many patches, those that resemble the fewest others, may help to find the object. Those of them that resemble
    the very first one do, and the object is what resembles them."""
