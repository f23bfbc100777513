"""Settings of the segment stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from maskdistill.stages.registry import HEADS
from maskdistill.stages.segment.crf_config import SegmentCrfConfig
from maskdistill.stages.segment.vit_config import SegmentVitConfig
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import OptimizerName, Recipe, ScheduleName, TrainingPrecision, steps_of
from maskdistill.stages.weights import BackboneWeights

KeepOf = Literal["valid", "all"]


@HEADS.sections
class SegmentConfig(StageSettings):
    """The final model, trained on the pseudo-labels (section 5 of the paper)."""

    version: ClassVar[int] = 3
    trains: ClassVar[bool] = True

    backbone: Literal["resnet18", "resnet50", "vit", "auto"] = "resnet50"
    """The network under the head: a ResNet, `vit` = the Vision Transformer of `vit` and `weights`,
    or `auto` = `vit` where no weights are given, else `resnet50`."""
    weights: BackboneWeights | None = None
    """Self-supervised weights of the backbone. Of a ResNet: a .pth or .safetensors file; `imitate` = the result of the
    imitate stage, which then runs first; None = from nothing. Of a ViT: as `mine.weights`; None = the same as there."""
    vit: SegmentVitConfig = Field(default_factory=SegmentVitConfig)
    """Of `backbone: vit`."""
    labels: Literal["filter", "correspond"] = "filter"
    """Where the pseudo-labels come from: `filter` = masks and their clusters; `correspond` = the clusters of patches of
    that stage, without any masks."""
    freeze_stages: int = Field(2, ge=0, le=4)
    """Stages of a ResNet that stay fixed, with the stem; 0 = none. Only where `weights` are given."""
    output_stride: Literal[8, 16] = 8
    """Image px per px of a ResNet's features; 16 takes about a quarter of the time of 8."""
    stages: Literal[3, 4] = 4
    """Stages of a ResNet that the features come from; without the fourth, which holds three quarters of its weights, a
    ResNet-18 takes a third of the time."""
    head: str = "deeplab"
    """What turns features into classes: `deeplab` (the paper), `linear`, a single layer, or `mcibi`, which remembers
    what each class looks like in the whole data set."""
    image_size: int | None = Field(None, ge=16)
    """Short side to which images are brought before augmentation, and at prediction, px; None = their own size. Where
    stored tokens are learnt from, it is that of the features stage."""
    crop: int = Field(512, ge=32)
    """Side of the square training crops, px; what lies outside the image is ignored."""
    scale: tuple[float, float] = (0.75, 1.25)
    """Range of the random resize factor; (1, 1) = none."""
    rotation: float = Field(5.0, ge=0, le=180)
    """Largest rotation to either side, degrees."""
    flip: float = Field(0.5, ge=0, le=1)
    """Chance of a left-right flip."""
    epochs: float = Field(45.0, gt=0)
    """Passes over the training images; may be a fraction."""
    iterations: int | None = Field(None, ge=1)
    """Optimiser steps; None = as many as `epochs` need, within `iterations_range`."""
    iterations_range: tuple[int, int] | None = None
    """Fewest and most steps that `epochs` may come to, for very few images and for very many; None = any number."""
    batch_size: int = Field(16, ge=2)
    """Crops per step; at least 2, as batch norm sees one value per crop in the image-level branch."""
    lr: float = Field(0.002, gt=0)
    """Learning rate after the warm-up."""
    optimizer: OptimizerName = "sgd"
    """"sgd" uses `momentum`."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of sgd."""
    weight_decay: float = Field(1e-4, ge=0)
    """Decay of all weights."""
    warmup_iterations: int = Field(0, ge=0)
    """Steps over which the learning rate rises to `lr`."""
    schedule: ScheduleName = "step"
    """"step" multiplies the rate by 0.1 at each of `step_at`; "poly" by (share that is left) ** 0.9."""
    step_at: tuple[float, ...] = (40 / 45,)
    """Fractions of the training, 0-1."""
    keep_fraction: float = Field(0.2, gt=0, le=1)
    """Fraction of a batch's pixels, the hardest ones, that the loss is taken from; 1 = all."""
    keep_of: KeepOf = "valid"
    """What that is a fraction of: "valid" pixels, or "all", padding of crops included (the published code, where images
    fill the crop)."""
    ema: float | None = Field(None, gt=0, lt=1)
    """Decay per step of the moving average of the weights, which then predicts; None = no average."""
    clip: float | None = Field(None, gt=0)
    """Largest L2 norm of the gradient; None = no clipping."""
    precision: TrainingPrecision = "auto"
    """Type of the forward pass, in training and prediction; `auto` as in the distill stage."""
    rounds: int = Field(1, ge=1)
    """Trainings, one after the other and each from the start; a later one learns from what the one before predicts on
    the training images."""
    inference_scales: tuple[float, ...] = Field((1.0,), min_length=1)
    """Sizes, relative to `image_size`, at which an image is predicted; the probabilities are averaged."""
    inference_flip: bool = False
    """Whether each of these sees the image's mirror image too."""
    whole_regions: bool = False
    """Whether each connected region of objects in a prediction takes one class, that of the highest mean probability: a
    dog then is all dog. For images whose objects rarely touch."""
    window: int | None = Field(None, ge=32)
    """Side of the square windows in which a larger image is predicted, px; None = always the whole image."""
    stride: int | None = Field(None, ge=1)
    """Distance of two windows, px; where they overlap, the probabilities are averaged. None = half a window."""
    crf: SegmentCrfConfig = Field(default_factory=SegmentCrfConfig)
    """DenseCRF on label maps: where it applies, and how it works."""

    @model_validator(mode="after")
    def _check(self) -> "SegmentConfig":
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale: {list(self.scale)} must be two positive numbers, the smaller one first")
        if self.backbone != "vit" and self.weights is not None and self.freeze_stages > self.stages:
            raise ValueError(f"freeze_stages: {self.freeze_stages} is more than the {self.stages} stages that are used")
        if min(self.inference_scales) <= 0:
            raise ValueError(f"inference_scales: {list(self.inference_scales)} must be positive numbers")
        if self.stride is not None and (self.window is None or self.stride > self.window):
            raise ValueError(f"stride: {self.stride} must be at most the window, which is {self.window}")
        return self

    def computes_in(self) -> TrainingPrecision | None:
        """That of the network."""
        return self.precision

    @property
    def learns_from_stored(self) -> bool:
        """Whether it learns from the tokens of the features stage."""
        return self.backbone == "vit" and self.vit.freeze == "all"

    def inputs(self) -> tuple[str, ...]:
        """The pseudo-labels, the clusters, of which it needs the number, and what makes the backbone or the tokens."""
        stored = ("features",) if self.learns_from_stored else ()
        labels = ("cluster", "filter") if self.labels == "filter" else (self.labels,)
        return (*labels, *(self.weights.inputs() if self.weights else ()), *stored)

    def files(self) -> Mapping[str, Path]:
        """The backbone's checkpoint."""
        return self.weights.files("weights") if self.weights else {}

    def unused(self) -> set[str]:
        """What is of another backbone or of weights that are not given, and the CRF where it applies to nothing."""
        is_vit = self.backbone == "vit"
        other = {"output_stride", "stages", "freeze_stages"} if is_vit else {"vit"}
        frozen = {"freeze_stages"} if self.weights is None else set()
        stored = {"scale", "rotation"} if self.learns_from_stored else set()
        regions = set() if self.whole_regions else {"whole_regions"}
        with_crf = self.crf.predictions or (self.crf.rounds and self.rounds > 1)
        labels = {"labels"} if self.labels == "filter" else set()
        steps = {"iterations_range"} if self.iterations or self.iterations_range is None else set()
        return super().unused() | other | frozen | stored | regions | labels | steps | (set() if with_crf else {"crf"})

    def recipe(self, n_images: int) -> Recipe:
        """What the training loop needs to know, for `n_images` training images."""
        return Recipe(
            iterations=self.iterations or steps_of(self.epochs, n_images, self.batch_size, self.iterations_range),
            batch_size=self.batch_size,
            lr=self.lr,
            optimizer=self.optimizer,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            warmup_iterations=self.warmup_iterations,
            schedule=self.schedule,
            step_at=self.step_at,
            precision=self.precision,
            clip_norm=self.clip,
            ema_decay=self.ema,
        )
