"""Settings of the mining method `maskcut`."""

from pydantic import Field

from maskdistill.stages.mine.methods.cut_settings import CutSettings


class MaskCutConfig(CutSettings):
    """Several objects per image: the patches are cut as by `tokencut`, and what was found is left out of the next cut
    (MaskCut, the first step of CutLER, 2023)."""

    fill_holes: bool = True
    """Whether what a mask encloses belongs to it."""
    similarity: float = Field(0.15, gt=0, lt=1)
    """Cosine of two patches' features from which they count as similar, between 0 and 1. Where most patches are similar
    to most others, the cut means little: raise it for a ViT whose patches all resemble each other."""
    max_masks: int = Field(3, ge=1)
    """Most masks per image; fewer where a cut brings nothing new."""
    max_corners: int = Field(1, ge=0, le=4)
    """How many of the four corners of the image the object's side of a cut may contain. A side with more of them is
    taken for the background, and the other one for the object. 4 = the corners do not count."""
    max_overlap: float = Field(0.5, ge=0, le=1)
    """IoU of a further object with what was found before above which it is nothing new, and the search ends."""
    min_area: float = Field(0.01, ge=0, le=1)
    """Fraction of the image that a further mask has to exceed; at a smaller one the search ends."""
