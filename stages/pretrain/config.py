"""Settings of pre-training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from maskdistill.data.settings import Settings
from maskdistill.stages.area import AreaRange
from maskdistill.stages.networks.timm_arguments import Override
from maskdistill.stages.pretrain.methods.settings import MethodSettings
from maskdistill.stages.pretrain.methods.shares import Share
from maskdistill.stages.registry import PRETRAINING
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import TrainingPrecision
from maskdistill.stages.weights import WeightsSource

Beta = Annotated[float, Field(ge=0, lt=1)]


class ViewsConfig(Settings):
    """The crops that one image gives, and how far they are changed."""

    global_size: int = Field(64, ge=8)
    """Side of a large view, px; there are two of them."""
    global_area: AreaRange = (0.35, 0.9)
    """Smallest and largest fraction of the image that a large view shows."""
    local_size: int = Field(32, ge=8)
    """Side of a small view, px."""
    local_area: AreaRange = (0.1, 0.3)
    """Smallest and largest fraction of the image that a small view shows."""
    n_local: int = Field(4, ge=0)
    """Number of small views."""
    colours: Literal["erased", "jittered"] = "erased"
    """What views keep of an image's colours: "erased" = nothing, nor its contrast, where shape and texture tell the
    classes apart; "jittered" = most of it, for photos."""
    rotation: float = Field(180.0, ge=0, le=180)
    """Largest turn to either side, degrees; 180 where the images have no up and down."""
    curriculum: Share = (0.045, 0.16)
    """When the changes set in: before the first share views are mild crops, from the second on they are full."""


@PRETRAINING.sections
class PretrainConfig(StageSettings):
    """Train a Vision Transformer on the training images alone, without any label."""

    version: ClassVar[int] = 2
    trains: ClassVar[bool] = True

    method: str = "prototypes"
    """`prototypes` = instance discrimination with balanced prototypes, for small worlds and small machines; `dino` =
    self-distillation, for many images and a GPU; `untrained` = no training, to compare with."""
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

    @property
    def own(self) -> MethodSettings:
        """The settings of the chosen method."""
        settings: MethodSettings = PRETRAINING.settings(self)
        return settings

    def computes_in(self) -> TrainingPrecision | None:
        """That of the network."""
        return self.precision

    def files(self) -> Mapping[str, Path]:
        """The ViT that an untrained one stands beside."""
        like: WeightsSource | None = getattr(self.own, "like", None)
        return like.files("untrained.like") if like else {}

    @property
    def iterations(self) -> int:
        """Optimiser steps."""
        return max(1, self.samples // self.batch_size)

    @property
    def adam_betas(self) -> tuple[float, float]:
        """`betas`, or those of the method."""
        return self.betas or self.own.betas

    @property
    def clips_each(self) -> bool:
        """Whether the gradient of each parameter is clipped by itself."""
        return self.own.clips_each if self.clip is None else self.clip == "each"

    @model_validator(mode="after")
    def _views_fit(self) -> "PretrainConfig":
        side = self.overrides.get("img_size", 224)
        if max(self.views.global_size, self.views.local_size) > side:
            raise ValueError(f"views may not be larger than the model's image, {side} px")
        return self
