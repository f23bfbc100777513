"""Where the filter stage has a DenseCRF."""

from pydantic import Field

from maskdistill.stages.crf.config import CrfConfig


class FilterCrfConfig(CrfConfig):
    """DenseCRF on the masks that are kept, so that they follow the edges of the image. Each mask is a label."""

    masks: bool = False
    """Whether the masks pass through it."""
    certainty: float = Field(0.7, gt=0.5, lt=1)
    """Probability that a pixel is of the mask that it lies in, or of none where it lies in none, before the CRF."""
    max_side: int = Field(320, ge=16)
    """Long side of images, px, above which it works on a smaller copy: candidates are no finer than the patches."""
