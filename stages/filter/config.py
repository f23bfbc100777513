"""Settings of the filter stage."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from maskdistill.stages.filter.crf_config import FilterCrfConfig
from maskdistill.stages.settings import StageSettings

_SCORE: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(ge=0, le=1)])


def _number_or_auto(value: Any) -> Any:
    """`auto` as it is, and anything else as a score: what is wrong is then said once, and not for each of the two."""
    return value if value == "auto" else _SCORE.validate_python(value)


class FilterConfig(StageSettings):
    """Which masks become pseudo-labels (section 4 of the paper)."""

    masks: Literal["initial", "candidates", "confident"] = "confident"
    """The set of masks: "confident" = the detector's candidates of which it is sure; "candidates" = all of them;
    "initial" = the mined masks with their clusters, without any detector. The others are there to compare with."""
    threshold: Annotated[float | Literal["auto"], BeforeValidator(_number_or_auto)] = 0.9
    """Lowest score of a confident mask; `auto` = where the scores of all candidates part best into high and low ones
    (Otsu's threshold). The best candidate of each image is kept whatever its score."""
    overlap: Literal["drop", "occlude"] = "occlude"
    """Where masks overlap: "drop" removes the weaker one, "occlude" leaves it the pixels that are free."""
    crf: FilterCrfConfig = Field(default_factory=FilterCrfConfig)
    """DenseCRF on the masks that are left."""
    max_per_image: int | None = Field(None, ge=1)
    """Most masks kept per image, the best ones; None = no limit."""

    def unused(self) -> set[str]:
        """No threshold where all masks are kept, and no CRF where they do not pass through it."""
        return (set() if self.masks == "confident" else {"threshold"}) | (set() if self.crf.masks else {"crf"})

    def inputs(self) -> tuple[str, ...]:
        """What the detector found; or, without a detector, the mined masks and their clusters."""
        return ("mine", "cluster") if self.masks == "initial" else ("distill",)

    def uses_seed(self) -> bool:
        """Nothing is drawn at random."""
        return False
