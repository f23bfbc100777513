"""Settings of the clustering stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import Precision, TrainingPrecision
from maskdistill.stages.weights import VitWeights


class ClusterConfig(StageSettings):
    """A class for every mask: K-means over class tokens (paper section 3.2)."""

    k: int = Field(20, ge=2, le=254)
    """Number of clusters. Label maps hold cluster c as c + 1 in 8 bits, with 255 for ignored pixels."""
    view: Literal["crop", "masked"] = "crop"
    """What the ViT sees of a mask: `crop` = its box at the image's own size (the published code); `masked` = the whole
    image, resized to `short_side`, with everything outside the mask set to zero (the paper)."""
    model: str | None = None
    """Name in timm of the Vision Transformer; None = the one of the mine stage."""
    weights: VitWeights | None = None
    """Weights of that model, as in the mine stage; None = those of the mine stage."""
    normalise: Normalise | None = None
    """As `mine.normalise`; None = the same as there."""
    max_side: int = Field(640, ge=1)
    """Crops whose long side exceeds this many px are shrunk to it; smaller ones are never resized."""
    short_side: int = Field(640, ge=1)
    """Length that the short side of an image is resized to under `view: masked`, px."""
    max_patches: int = Field(16384, ge=1)
    """Upper limit of patches per image under `view: masked`; images of extreme aspect are made smaller."""
    min_area: float = Field(0.0, ge=0, lt=1)
    """Fraction of its image that a mask must cover for K-means to be fitted on it; smaller ones, of which many are no
    object, only get the nearest cluster."""
    batch_size_kmeans: int | None = Field(1000, ge=1)
    """Masks per step of the mini-batch K-means; None = ordinary K-means, which finds tighter clusters, and takes
    seconds for some ten thousand masks."""
    n_init: int = Field(10, ge=1)
    """Random starts of K-means, of which the best is taken."""
    max_iter: int = Field(100, ge=1)
    """Passes over the training masks, at most."""
    precision: Precision = "auto"
    """Arithmetic of the ViT; `auto` = bf16 where the hardware computes it, else fp32."""

    def computes_in(self) -> TrainingPrecision | None:
        """That of the network."""
        return self.precision

    def inputs(self) -> tuple[str, ...]:
        """The masks; and the stage that trains the ViT, where one does."""
        return ("mine", *(self.weights.inputs() if self.weights else ()))

    def files(self) -> Mapping[str, Path]:
        """The ViT's checkpoint."""
        return self.weights.files("weights") if self.weights else {}
