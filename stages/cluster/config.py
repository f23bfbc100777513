"""Settings of the clustering stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, field_validator

from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import Precision, TrainingPrecision
from maskdistill.stages.weights import VitWeights

Number = Annotated[int, Field(ge=2, le=254)]
"""So many clusters. Label maps hold cluster c as c + 1 in 8 bits, with 255 for ignored pixels."""
_NUMBER: TypeAdapter[int] = TypeAdapter(Number)
CODED = ("stego", "hidden_positives")
"""The `features` that are made by the method of that name of the correspond stage."""
_VIEWED = {"view", "model", "weights", "normalise", "max_side", "short_side", "max_patches", "precision"}


def _number_or_auto(value: Any) -> Any:
    """`auto` as it is, and anything else as a number: what is wrong is then said once, and not for each of the two."""
    return value if value == "auto" else _NUMBER.validate_python(value)


class ClusterConfig(StageSettings):
    """A class for every mask: K-means over what a ViT sees of it (paper section 3.2)."""

    k: Annotated[int | Literal["auto"], BeforeValidator(_number_or_auto)] = 20
    """Number of clusters; `auto` = the one that the masks agree on best, without labels (docs/clusters.md)."""
    k_range: tuple[Number, Number] | None = None
    """Smallest and largest number that `k: auto` tries, up to a quarter of the masks; None = 2 to 30, or to a tenth of
    the masks where those are fewer."""
    view: Literal["crop", "masked"] = "crop"
    """What the ViT sees of a mask: `crop` = its box at the image's own size (the published code); `masked` = the whole
    image, resized to `short_side`, with everything outside the mask set to zero (the paper)."""
    features: Literal["cls", "pooled", "both", "stego", "hidden_positives"] = "cls"
    """What masks are compared by. Of the view: `cls` = the class token (the paper); `pooled` = the mean of the patch
    tokens inside the mask; `both` = the two side by side, each of length 1. Without a view: `stego` and
    `hidden_positives` = the mean code inside the mask, of the correspond stage, whose `method` it has to be."""
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

    @field_validator("k_range")
    @classmethod
    def _ascends(cls, k_range: tuple[int, int] | None) -> tuple[int, int] | None:
        if k_range and k_range[0] > k_range[1]:
            raise ValueError("the smallest number comes first")
        return k_range

    @property
    def reads_codes(self) -> bool:
        """Whether masks are compared by codes, and no ViT looks at them."""
        return self.features in CODED

    def unused(self) -> set[str]:
        """The range where the number is set; the view where there is none; and `cls`, once the only choice."""
        fixed = set() if self.k == "auto" else {"k_range"}
        viewed = _VIEWED if self.reads_codes else set()
        return super().unused() | fixed | viewed | ({"features"} if self.features == "cls" else set())

    def computes_in(self) -> TrainingPrecision | None:
        """That of the network."""
        return None if self.reads_codes else self.precision

    def inputs(self) -> tuple[str, ...]:
        """The masks; and their codes, or the stage that trains the ViT, where one does."""
        if self.reads_codes:
            return ("mine", "correspond")
        return ("mine", *(self.weights.inputs() if self.weights else ()))

    def files(self) -> Mapping[str, Path]:
        """The ViT's checkpoint."""
        return self.weights.files("weights") if self.weights and not self.reads_codes else {}
