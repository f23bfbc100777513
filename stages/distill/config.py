"""Settings of the distill stage."""

from typing import Literal

from pydantic import Field, model_validator

from data.settings import Settings
from stages.recipe import OptimizerName, Precision, Recipe, ScheduleName


class DistillConfig(Settings):
    """The detector that learns from mined masks and their clusters (section 3 of the method)."""

    backend: Literal["torchvision"] = "torchvision"
    """Library that the Mask R-CNN comes from."""
    backbone: Literal["resnet18", "resnet50"] = "resnet50"
    """Depth of the ResNet under the feature pyramid."""
    weights: str | None = None
    """Self-supervised weights of the backbone, a .pth or .safetensors file; None = from nothing."""
    freeze_stages: int = Field(1, ge=0, le=4)
    """Stages of the backbone that stay fixed, with the stem; 0 = none. Only where `weights` are given."""
    heads: Literal["full", "slim"] = "full"
    """"full" is the standard Mask R-CNN; "slim" has a narrower pyramid and heads and learns from fewer boxes per
    image, for a CPU."""
    image_size: int = Field(640, ge=32)
    """Short side at which images are trained on and predicted, px."""
    max_size: int = Field(1067, ge=32)
    """Largest long side, px; images that would exceed it get a smaller short side."""
    scale: tuple[float, float] = (0.8, 1.25)
    """Range of the random factor on `image_size` in training; (1, 1) = none."""
    flip: float = Field(0.5, ge=0, le=1)
    """Chance of a left-right flip."""
    color_jitter: float = Field(0.2, ge=0, le=1)
    """Largest relative change of brightness, contrast and saturation; a fifth of it for hue; 0 = none."""
    iterations: int = Field(24_000, ge=1)
    """Optimiser steps."""
    batch_size: int = Field(8, ge=1)
    """Training images per step."""
    lr: float = Field(0.01, gt=0)
    """Learning rate after the warm-up; about 3e-4 for adamw."""
    optimizer: OptimizerName = "sgd"
    """"sgd" has momentum 0.9."""
    weight_decay: float = Field(1e-4, ge=0)
    """Decay of all weights."""
    warmup_iterations: int = Field(500, ge=0)
    """Steps over which the learning rate rises to `lr`."""
    schedule: ScheduleName = "step"
    """"step" multiplies the rate by 0.1 at each of `step_at`."""
    step_at: tuple[float, ...] = (2 / 3, 8 / 9)
    """Shares of the training, 0-1."""
    precision: Precision = "bf16"
    """Type of the forward pass, in training and prediction."""
    clip: float | None = Field(10.0, gt=0)
    """Largest L2 norm of the gradient; None = no clipping."""
    max_candidates: int = Field(20, ge=1)
    """Most candidates per image."""
    min_score: float = Field(0.05, ge=0, le=1)
    """Candidates below this score are not written."""
    mask_threshold: float = Field(0.5, gt=0, lt=1)
    """Probability from which a pixel belongs to a mask."""
    nms: float = Field(0.5, ge=0, le=1)
    """IoU of boxes above which the weaker of one cluster is removed."""

    @model_validator(mode="after")
    def _check(self) -> "DistillConfig":
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale: {list(self.scale)} must be two positive numbers, the smaller one first")
        if self.max_size < self.image_size:
            raise ValueError(f"max_size: {self.max_size} is below image_size {self.image_size}")
        return self

    def recipe(self) -> Recipe:
        """What the training loop needs to know."""
        return Recipe(
            iterations=self.iterations,
            batch_size=self.batch_size,
            lr=self.lr,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            warmup_iterations=self.warmup_iterations,
            schedule=self.schedule,
            step_at=self.step_at,
            precision=self.precision,
            clip_norm=self.clip,
            # Pooling boxes wants NCHW; the copies cost more than the faster convolutions gain.
            channels_last=False,
        )
