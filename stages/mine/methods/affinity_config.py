"""Settings of the mining method of the paper."""

from typing import Any, Literal

from pydantic import Field, field_validator

from maskdistill.stages.mine.methods.vit_settings import VitMinerSettings


class AffinityConfig(VitMinerSettings):
    """Object masks from the attention of a self-supervised ViT (paper section 3.1)."""

    center_keys: Literal["off", "image", "dataset"] = "off"
    """Mean patch key, per head, that is subtracted before patches are compared with each other: "off" = none (the
    paper), "image" = the image's own mean, "dataset" = the mean over the training images (a second pass)."""
    n_heads: int = Field(5, ge=1)
    """Heads, from the first, whose class attention is averaged; capped at the model's number of heads."""
    topk_fraction: float = Field(0.4, gt=0, le=1)
    """Fraction of the patches that are proposed, those of the highest class attention."""
    attention_mass: float = Field(0.5, gt=0, le=1)
    """Fraction of the class attention's total that is kept; patches outside it count as attention 0."""
    max_masks: int = Field(1, ge=1)
    """Most masks per image. 1 is the paper's rule; with more, other parts of the image that resemble the most prominent
    object, but do not touch it, become masks too, the largest ones first."""
    min_area: float = Field(0.03, ge=0, le=1)
    """Fraction of the image that such a further mask must cover."""

    @field_validator("center_keys", mode="before")
    @classmethod
    def _read_off(cls, value: Any) -> Any:
        # In YAML, off is another word for false.
        return "off" if value is False else value
