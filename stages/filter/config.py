"""Settings of the filter stage."""

from typing import Literal

from pydantic import Field

from data.settings import Settings


class FilterConfig(Settings):
    """Which of the detector's candidates become pseudo-labels (section 4 of the method)."""

    threshold: float = Field(0.9, ge=0, le=1)
    """Lowest score that is kept. The best candidate of each image is kept whatever its score."""
    overlap: Literal["drop", "occlude"] = "occlude"
    """Where candidates overlap: "drop" removes the weaker one, "occlude" leaves it the pixels that are free."""
    max_per_image: int | None = Field(None, ge=1)
    """Most candidates kept per image, the best ones; None = no limit."""
