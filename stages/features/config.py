"""Settings of the features stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import Precision, TrainingPrecision
from maskdistill.stages.weights import VitWeights


def default_blocks(n_blocks: int) -> tuple[int, ...]:
    """Half way, three quarters, and the last of so many blocks: 6, 9 and 11 of 12; fewer of few."""
    return tuple(sorted({n_blocks // 2, 3 * n_blocks // 4, n_blocks - 1}))


class FeaturesConfig(StageSettings):
    """Keep what a frozen Vision Transformer sees in each image: its patch tokens, for heads that learn on them.

    Runs only where another stage learns from them.
    """

    version: ClassVar[int] = 2

    model: str | None = None
    """Name in timm of the Vision Transformer; None = `mine.model`."""
    weights: VitWeights | None = None
    """Its weights, as `mine.weights`; None = the same as there."""
    normalise: Normalise | None = None
    """As `mine.normalise`; None = the same as there."""
    blocks: tuple[int, ...] | None = Field(None, min_length=1)
    """Blocks behind which tokens are taken, from 0, negative from the end; None = half way, three quarters, and the
    last."""
    short_side: int = Field(320, ge=1)
    """Length that the short side of an image is resized to, px; both sides are then brought to whole patches."""
    max_patches: int = Field(16384, ge=1)
    """Upper limit of patches per image; images of extreme aspect are made smaller until they keep it."""
    mirror: bool = True
    """Whether the tokens of each image's mirror image are kept too, which takes twice the space and time."""
    precision: Precision = "auto"
    """Arithmetic of the ViT; `auto` = bf16 where the hardware computes it, else fp32. Tokens are kept in 16 bits."""

    def blocks_of(self, n_blocks: int) -> tuple[int, ...]:
        """The blocks, for a model of so many."""
        return self.blocks or default_blocks(n_blocks)

    def computes_in(self) -> TrainingPrecision | None:
        """That of the ViT."""
        return self.precision

    def inputs(self) -> tuple[str, ...]:
        """The stage that trains the ViT, where one does."""
        return self.weights.inputs() if self.weights else ()

    def files(self) -> Mapping[str, Path]:
        """The ViT's checkpoint."""
        return self.weights.files("weights") if self.weights else {}

    def uses_seed(self) -> bool:
        """Only an untrained ViT draws random numbers."""
        return self.weights is not None and self.weights.origin == "untrained"
