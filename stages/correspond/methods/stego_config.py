"""Settings of the method `stego`."""

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, TypeAdapter

from maskdistill.data.settings import Settings
from maskdistill.stages.correspond.methods.settings import PatchSettings


class PerPair(Settings):
    """A number for each kind of pair."""

    same: float
    """Of an image with itself."""
    similar: float
    """Of an image with one of those most similar to it."""
    other: float
    """Of an image with a random other one."""


ShiftRule = Literal["auto", "otsu", "below_mean"]
"""How shifts are chosen without labels."""

_PER_PAIR: TypeAdapter[PerPair] = TypeAdapter(PerPair)


def _rule_or_numbers(value: Any) -> Any:
    """A rule as it is, and anything else as numbers: what is wrong is then said once."""
    return value if value in get_args(ShiftRule) else _PER_PAIR.validate_python(value)


class StegoConfig(PatchSettings):
    """STEGO (arXiv 2203.08414): codes are alike where features are more alike than usual."""

    learns: ClassVar[bool] = True

    shifts: Annotated[PerPair | ShiftRule, BeforeValidator(_rule_or_numbers)] = "auto"
    """How much more alike than usual features must be for their codes to be drawn together; `auto` = so that as large
    a fraction of the pairs of patches is drawn together as falls into one cluster of K-means; `otsu` = Otsu's threshold
    on how alike they are, where most of all pixels are one class; `below_mean` = half a standard deviation below the
    mean of how alike they are, likewise. The paper tuned them on labels; of its ViT-S on
    COCO-Stuff: same 0.08, similar 0.02, other 0.66."""
    weights: PerPair = PerPair(same=0.67, similar=0.25, other=0.63)
    """Weight of the loss of each kind of pair."""
    points: int = Field(11, ge=2)
    """Points along each side at which two images are compared."""
    interpolate: Literal["codes", "tokens"] = "codes"
    """What is interpolated at points between patches: `codes` (the paper), for which the head sees all patches; or
    `tokens`, so that it sees the points alone, which is a third of its work at the usual sizes."""
    others: int = Field(5, ge=1)
    """Random other images that an image is compared with."""
    neighbours: int = Field(7, ge=1)
    """How many of the most similar images one is drawn from."""
    index: Literal["exact", "faiss"] = "exact"
    """How similar images are found: `exact` compares all with all; `faiss` = approximately, for some hundred thousand
    images, with the library of that name."""
    zero_clamp: bool = True
    """Whether codes that are already opposite are not pushed further apart."""
    stabilise: bool = False
    """Whether codes whose cosine is above 0.8 are not drawn closer."""
    colours: float = Field(0.0, ge=0)
    """Weight of a loss that makes the codes of near patches of one colour alike; 0 = without, as in all settings that
    the authors released."""
    centre: bool = True
    """Whether features count by how much more alike they are than the mean of their row."""
