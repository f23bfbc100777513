"""Settings of pre-training."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from maskdistill.data.settings import Settings
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import TrainingPrecision

Override = Literal["img_size", "patch_size", "embed_dim", "depth", "num_heads"]
"""Argument of timm that shapes a Vision Transformer."""

Beta = Annotated[float, Field(ge=0, lt=1)]

Share = tuple[float, float]
"""Two shares of the training, 0 to 1: where something starts to rise from 0, and where it has reached 1."""


class ViewsConfig(Settings):
    """The crops that one image gives, and how far they are changed."""

    global_size: int = Field(64, ge=8)
    """Side of a large view, px; there are two of them."""
    global_area: tuple[float, float] = (0.35, 0.9)
    """Smallest and largest share of the image that a large view shows."""
    local_size: int = Field(32, ge=8)
    """Side of a small view, px."""
    local_area: tuple[float, float] = (0.1, 0.3)
    """Smallest and largest share of the image that a small view shows."""
    n_local: int = Field(4, ge=0)
    """Number of small views."""
    colours: Literal["erased", "jittered"] = "erased"
    """What views keep of an image's colours: "erased" = nothing, nor its contrast, where shape and texture tell the
    classes apart; "jittered" = most of it, for photos."""
    rotation: float = Field(180.0, ge=0, le=180)
    """Largest turn to either side, degrees; 180 where the images have no up and down."""
    curriculum: Share = (0.045, 0.16)
    """When the changes set in: before the first share views are mild crops, from the second on they are full."""


class PrototypesConfig(Settings):
    """Instance discrimination and balanced assignments to prototypes, for a few tens of thousands of images."""

    counts: tuple[int, ...] = Field((16, 64), min_length=1)
    """Number of prototypes of each set, about 2 and 8 times the expected number of classes."""
    nce_temperature: float = Field(0.2, gt=0)
    """Temperature of the instance discrimination."""
    assignment_temperature: float = Field(0.05, gt=0)
    """Temperature of the Sinkhorn assignments: the targets."""
    student_temperature: float = Field(0.1, gt=0)
    """Temperature of the predicted assignments."""
    weight: float = Field(4.0, ge=0)
    """Weight of the class token's prediction of assignments; of instance discrimination it is 1."""
    dense_weight: float = Field(2.0, ge=0)
    """Weight of the patches' prediction of assignments."""
    dense_patches: int = Field(8, ge=1)
    """Patches per large view that predict, drawn by the class token's attention."""
    ramp: Share = (0.2, 0.36)
    """When the weight of the assignments rises."""
    scrub_at: float = Field(0.33, ge=0, le=1)
    """Share of the training after which the unread part of the last keys is shrunk, and patches start to predict."""
    scrub: float = Field(0.2, ge=0, le=1)
    """What that part is multiplied by; 1 = nothing is shrunk."""
    late_until: float = Field(0.85, ge=0, le=1)
    """Share of the training for which the class token joins the last block only."""


class DinoConfig(Settings):
    """Self-distillation without labels (DINO, arXiv 2104.14294), for many images; with `patch_weight`, of patches as
    well (iBOT, arXiv 2111.07832)."""

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
    """Share of the old centre in the new one."""
    frozen_until: float = Field(0.01, ge=0, le=1)
    """Share of the training for which the head's last layer stays as it is."""
    patch_weight: float = Field(0.0, ge=0)
    """Weight of the patch loss, that of the class token being 1; 0 = no patch is hidden, 1 = iBOT."""
    shared_head: bool = True
    """Whether patches go through the head of the class token; else they have one of the same size."""
    masking: Literal["blocks", "random"] = "blocks"
    """How patches are hidden: in rectangles, or each by itself."""
    masked_views: float = Field(0.5, ge=0, le=1)
    """Share of the large views of which patches are hidden."""
    mask_ratio: tuple[float, float] = (0.1, 0.5)
    """Smallest and largest share of the patches of such a view that are hidden."""

    @model_validator(mode="after")
    def _ratios_are_in_order(self) -> "DinoConfig":
        if not 0 <= self.mask_ratio[0] <= self.mask_ratio[1] <= 1:
            raise ValueError(f"mask_ratio must be two numbers with 0 <= first <= second <= 1, not {self.mask_ratio}")
        return self


class PretrainConfig(StageSettings):
    """Train a Vision Transformer on the training images alone, without any label."""

    version: ClassVar[int] = 2

    method: Literal["prototypes", "dino"] = "prototypes"
    """`prototypes` = instance discrimination with balanced prototypes, for small worlds and small machines; `dino` =
    self-distillation, for many images and a GPU."""
    model: str = "vit_tiny_patch16_224"
    """Name in timm of a Vision Transformer with class token and standard attention."""
    overrides: dict[Override, PositiveInt] = Field(
        {"img_size": 128, "patch_size": 8, "depth": 4}, validate_default=True
    )
    """Arguments of that model that differ from timm's."""
    image_size: int = Field(96, ge=16)
    """Images are cut to their central square and resized to this side before views are drawn from them, px."""
    samples: int = Field(250_000, ge=1)
    """Images to train on, repetitions counted."""
    batch_size: int = Field(128, ge=2)
    """Images per step, over all devices."""
    views: ViewsConfig = ViewsConfig()
    prototypes: PrototypesConfig = PrototypesConfig()
    """Used by `method: prototypes`."""
    dino: DinoConfig = DinoConfig()
    """Used by `method: dino`."""
    lr: float = Field(1e-3, gt=0)
    """Learning rate (AdamW) after the warm-up; falls to a fiftieth along a cosine."""
    warmup_iterations: int = Field(60, ge=0)
    """Steps over which the learning rate rises."""
    weight_decay: tuple[float, float] = (0.04, 0.04)
    """Decay of matrices at the start and at the end, along a cosine; vectors have none. DINO: 0.04 to 0.4."""
    betas: tuple[Beta, Beta] | None = None
    """AdamW's decay of its averages of the gradient and of its square; None = the method's own: 0.9 and 0.95 for
    prototypes, 0.9 and 0.999 for dino."""
    clip_norm: float = Field(3.0, gt=0)
    """Largest L2 norm of the gradient."""
    clip: Literal["whole", "each"] | None = None
    """Whether that is the norm over all parameters together or of each one by itself; None = the method's own: whole
    for prototypes, each for dino."""
    ema_decay: tuple[float, float] = (0.98, 0.998)
    """Decay of the averaged weights, which are the result, along a cosine from the first number to 1 that is cut off
    at the second. DINO: 0.996 to 1; its average is the teacher."""
    key_offset: float | None = 1.0
    """How the offset that all keys share is taken out: 0 = their mean, 1 = midway between the keys that the class
    token attends to and the others; None = it stays in."""
    precision: TrainingPrecision = "auto"
    """Arithmetic of the ViT in training; `auto` = bf16 where the hardware computes it, else fp32, or fp16 on a GPU
    with tensor cores."""

    def unused(self) -> set[str]:
        """The settings of the other method."""
        return {"dino", "prototypes"} - {self.method}

    @property
    def iterations(self) -> int:
        """Optimiser steps."""
        return max(1, self.samples // self.batch_size)

    @property
    def adam_betas(self) -> tuple[float, float]:
        """`betas`, or those of the method."""
        return self.betas or ((0.9, 0.999) if self.method == "dino" else (0.9, 0.95))

    @property
    def clips_each(self) -> bool:
        """Whether the gradient of each parameter is clipped by itself."""
        return (self.clip or ("each" if self.method == "dino" else "whole")) == "each"

    @model_validator(mode="after")
    def _views_fit(self) -> "PretrainConfig":
        side = self.overrides.get("img_size", 224)
        if max(self.views.global_size, self.views.local_size) > side:
            raise ValueError(f"views may not be larger than the model's image, {side} px")
        return self
