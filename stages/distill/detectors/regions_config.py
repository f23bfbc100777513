"""Settings of the detector of connected regions."""

from pydantic import Field

from maskdistill.data.settings import Settings
from maskdistill.stages.features.config import default_blocks


class RegionsConfig(Settings):
    """Of `backend: regions`: a linear layer on the ViT's stored tokens, whose connected regions are the candidates.

    The quick way on a CPU: seconds of training where a Mask R-CNN takes many minutes. What touches is one candidate.
    """

    blocks: tuple[int, ...] | None = None
    """Blocks behind which tokens are taken; None = those of the features stage."""
    crop: int = Field(20, ge=1)
    """Side of the crops that are learnt from, patches."""
    keep_fraction: float = Field(0.5, gt=0, le=1)
    """Fraction of the pixels, the hardest ones, that the loss is taken from."""
    min_area: float = Field(0.005, ge=0, lt=1)
    """Fraction of its image that a candidate covers at least."""

    def blocks_of(self, n_blocks: int) -> tuple[int, ...]:
        """The blocks, for a model of so many."""
        return self.blocks or default_blocks(n_blocks)
