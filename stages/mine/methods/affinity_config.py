"""Settings of the mining method of the paper."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from maskdistill.stages.mine.methods.settings import MinerSettings


class AffinityConfig(MinerSettings):
    """Object masks from the attention of a self-supervised ViT (paper section 3.1)."""

    looks_with_vit: ClassVar[bool] = True

    short_side: int = Field(640, ge=1)
    """Length that the short side of an image is resized to, px."""
    max_patches: int = Field(16384, ge=1)
    """Upper limit of patches per image; images of extreme aspect are made smaller until they keep it."""
    block: int | None = None
    """Block whose self-attention is read, from 0; negative counts from the end; None = the last."""
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
    fill_holes: bool = False
    """Whether what a mask encloses belongs to it; the paper leaves holes."""
    opening: int = Field(0, ge=0)
    """Parts of a mask thinner than about twice as many patches are cut off; 0 = none (the paper)."""

    @field_validator("center_keys", mode="before")
    @classmethod
    def _read_off(cls, value: Any) -> Any:
        # In YAML, off is another word for false.
        return "off" if value is False else value
