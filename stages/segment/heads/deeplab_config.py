"""Settings of the DeepLab-v3 head."""

from pydantic import Field, field_validator

from maskdistill.data.settings import Settings


class DeepLabConfig(Settings):
    """Pooling at several distances (DeepLab-v3, arXiv 1706.05587)."""

    channels: int = Field(256, ge=1)
    """Width of the head."""
    dilations: tuple[int, int, int] | None = None
    """Distances, px of the features, at which the head looks around; None = the paper's: 12, 24 and 36 at output stride
    8, half of that at 16. One that exceeds the features' side sees nothing but the padding."""

    @field_validator("dilations")
    @classmethod
    def _positive(cls, dilations: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        if dilations is not None and min(dilations) < 1:
            raise ValueError("must be at least 1 each")
        return dilations
