"""Settings of the mining method `tokencut`."""

from maskdistill.stages.mine.methods.cut_settings import CutSettings


class TokenCutConfig(CutSettings):
    """One object per image: the patches are cut into two sides that resemble each other least (TokenCut, 2022)."""
