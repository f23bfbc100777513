"""Settings of the mining stage."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from maskdistill.data.settings import Settings
from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.training.recipe import Precision


class MineConfig(Settings):
    """Object masks from the attention of a self-supervised ViT (paper section 3.1)."""

    model_config = ConfigDict(serialize_by_alias=True)  # `import` is a word of Python

    model: str = "vit_small_patch16_224.dino"
    """Name in timm of a Vision Transformer with class token and standard attention."""
    weights: str = "pretrained"
    """`pretrained` = timm's own for the model's tag; `pretrain` = the result of the pretrain stage, which then runs
    first; `random` = untrained, seeded; else the path of a .safetensors, .pth or .pt file. A file that the pretrain
    stage wrote brings its own model, and `model` is not used."""
    normalise: Normalise = "auto"
    """Mean and standard deviation of pixels that a file of weights expects which brings none: `imagenet`, or `half`
    (0.5 each); `auto` knows the files of DINO, DINOv2 and MAE, and asks for the others. Without effect where they are
    known: with a tag in `model`, with weights of the pretrain stage, and without a file."""
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
    """Share of the patches that are proposed, those of the highest class attention."""
    attention_mass: float = Field(0.5, gt=0, le=1)
    """Share of the class attention's total that is kept; patches outside it count as attention 0."""
    max_masks: int = Field(1, ge=1)
    """Most masks per image. 1 is the paper's rule; with more, other parts of the image that resemble the most prominent
    object, but do not touch it, become masks too, the largest ones first."""
    min_area: float = Field(0.03, ge=0, le=1)
    """Share of the image that such a further mask must cover."""
    fill_holes: bool = False
    """Whether what a mask encloses belongs to it; the paper leaves holes."""
    opening: int = Field(0, ge=0)
    """Parts of a mask thinner than about twice as many patches are cut off; 0 = none (the paper)."""
    precision: Precision = "auto"
    """Arithmetic of the ViT, `auto` = bf16 where the hardware computes it, else fp32; the masks themselves are always
    computed in fp32 and fp64."""
    import_from: Path | None = Field(None, alias="import")
    """COCO annotation file, written as `mine.import`: its masks and scores are taken for the images it names, by file
    name, and nothing is mined; all other settings of this section are then without effect on the masks. None = mine."""

    @field_validator("center_keys", mode="before")
    @classmethod
    def _read_off(cls, value: Any) -> Any:
        # In YAML, off is another word for false.
        return "off" if value is False else value

    def unused(self) -> set[str]:
        """No other setting where masks are imported."""
        return {"import_from"} if self.import_from is None else set(type(self).model_fields) - {"import_from"}
