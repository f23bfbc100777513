"""Settings of the method `dino`."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from maskdistill.stages.pretrain.methods.settings import MethodSettings
from maskdistill.stages.pretrain.methods.shares import Share


class DinoConfig(MethodSettings):
    """Self-distillation without labels (DINO, arXiv 2104.14294), for many images; with `patch_weight`, of patches as
    well (iBOT, arXiv 2111.07832)."""

    betas: ClassVar[tuple[float, float]] = (0.9, 0.999)
    clips_each: ClassVar[bool] = True

    outputs: int = Field(4096, ge=2)
    """Width of the head's output; 65536 in the paper."""
    hidden: int = Field(1024, ge=1)
    """Width of the head's hidden layers; 2048 in the paper."""
    bottleneck: int = Field(256, ge=1)
    """Width of the head before its last layer."""
    student_temperature: float = Field(0.1, gt=0)
    """Temperature of the student."""
    teacher_temperature: tuple[float, float] = (0.04, 0.07)
    """Temperature of the teacher at the start and after its warm-up."""
    teacher_warmup: Share = (0.0, 0.1)
    """When the teacher's temperature rises."""
    centre_momentum: float = Field(0.9, ge=0, lt=1)
    """Fraction of the old centre in the new one."""
    frozen_until: float = Field(0.01, ge=0, le=1)
    """Fraction of the training for which the head's last layer stays as it is."""
    patch_weight: float = Field(0.0, ge=0)
    """Weight of the patch loss, that of the class token being 1; 0 = no patch is hidden, 1 = iBOT."""
    shared_head: bool = True
    """Whether patches go through the head of the class token; else they have one of the same size."""
    masking: Literal["blocks", "random"] = "blocks"
    """How patches are hidden: in rectangles, or each by itself."""
    masked_views: float = Field(0.5, ge=0, le=1)
    """Fraction of the large views of which patches are hidden."""
    mask_ratio: tuple[float, float] = (0.1, 0.5)
    """Smallest and largest fraction of the patches of such a view that are hidden."""

    @model_validator(mode="after")
    def _ratios_are_in_order(self) -> "DinoConfig":
        if not 0 <= self.mask_ratio[0] <= self.mask_ratio[1] <= 1:
            raise ValueError(f"mask_ratio must be two numbers with 0 <= first <= second <= 1, not {self.mask_ratio}")
        return self
