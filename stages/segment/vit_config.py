"""Settings of a segmenter on a Vision Transformer."""

from typing import Literal

from maskdistill.stages.features.config import default_blocks
from maskdistill.stages.vit_backbone_config import VitBackboneConfig


class SegmentVitConfig(VitBackboneConfig):
    """Of `backbone: vit`; its weights are `segment.weights`.

    With `freeze: all` the head learns from the tokens that the features stage has stored, and that section says what
    they are of: model, weights, pixels, blocks and size.
    """

    blocks: tuple[int, ...] | None = None
    """Blocks behind which tokens are taken, from 0, negative from the end; None = those of the features stage."""
    upsample: Literal["bilinear", "learnt"] = "bilinear"
    """How the map becomes finer than the patches: `bilinear` = the scores are interpolated; `learnt` = transposed
    convolutions before the head, up to 4 px."""

    def blocks_of(self, n_blocks: int) -> tuple[int, ...]:
        """The blocks, for a model of so many."""
        return self.blocks or default_blocks(n_blocks)
