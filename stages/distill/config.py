"""Settings of the distill stage."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from maskdistill.data.errors import InputError
from maskdistill.stages.distill.detectors.options import DetectorVitConfig, Detectron2Options
from maskdistill.stages.registry import DETECTORS
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import OptimizerName, Recipe, ScheduleName, TrainingPrecision, steps_of
from maskdistill.stages.weights import BackboneWeights


def has_detectron2() -> bool:
    """Whether detectron2 is installed."""
    spec = find_spec("detectron2")
    # Without an origin it is a mere folder of that name, such as its source lying about.
    return spec is not None and spec.origin is not None


_OF_BOXES = {"heads", "max_size", "scale", "color_jitter", "ignore_unmatched", "copy_paste", "nms", "mask_threshold"}
"""Settings of Mask R-CNN and of its images, which stored tokens do without."""


@DETECTORS.sections
class DistillConfig(StageSettings):
    """The detector that learns from mined masks and their clusters (section 3 of the paper)."""

    version: ClassVar[int] = 4
    trains: ClassVar[bool] = True

    backend: str = "auto"
    """Library that the Mask R-CNN comes from; "auto" = detectron2 where it is installed, else torchvision. `regions` =
    no Mask R-CNN, but a linear layer on the tokens of a frozen ViT, whose connected regions are the candidates."""
    backbone: Literal["resnet18", "resnet50", "vit", "auto"] = "resnet50"
    """The network under the feature pyramid: a ResNet, `vit` = the Vision Transformer of `vit` and `weights`,
    or `auto` = `vit` where no weights are given, else `resnet50`."""
    weights: BackboneWeights | None = None
    """Self-supervised weights of the backbone. Of a ResNet: a .pth or .safetensors file; `imitate` = the result of the
    imitate stage, which then runs first; None = from nothing. Of a ViT: as `mine.weights`; None = the same as there."""
    vit: DetectorVitConfig = Field(default_factory=DetectorVitConfig)
    """Of `backbone: vit`."""
    freeze_stages: int = Field(1, ge=0, le=4)
    """Stages of a ResNet that stay fixed, with the stem; 0 = none. Only where `weights` are given."""
    freeze_norm: bool = True
    """Whether a ResNet's batch norm keeps the statistics of its weights, which those of a few images would spoil. Only
    where `weights` are given."""
    heads: Literal["full", "slim"] = "full"
    """"full" is the standard Mask R-CNN; "slim" has a narrower pyramid and heads and learns from fewer boxes per
    image, for a CPU."""
    image_size: int = Field(640, ge=32)
    """Short side at which images are trained on and predicted, px; with `backend: regions` that of `features`."""
    max_size: int = Field(1067, ge=32)
    """Largest long side, px; images that would exceed it get a smaller short side."""
    scale: tuple[float, float] = (0.8, 1.25)
    """Range of the random factor on `image_size` in training; (1, 1) = none."""
    flip: float = Field(0.5, ge=0, le=1)
    """Chance of a left-right flip."""
    color_jitter: float = Field(0.2, ge=0, le=1)
    """Largest relative change of brightness, contrast and saturation; a fifth of it for hue; 0 = none."""
    iterations: int | None = Field(24_000, ge=1)
    """Optimiser steps; None = as many as `epochs` need, within `iterations_range`."""
    epochs: float = Field(12.0, gt=0)
    """Passes over the training images that have a mask, where `iterations` is None."""
    iterations_range: tuple[int, int] | None = None
    """Fewest and most steps that `epochs` may come to, for very few images and for very many; None = any number."""
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
    """Fractions of the training, 0-1."""
    precision: TrainingPrecision = "auto"
    """Type of the forward pass, in training and prediction; `auto` = bf16 where the hardware computes it, else fp32, or
    fp16 in training on a GPU with tensor cores."""
    clip: float | None = Field(10.0, gt=0)
    """Largest L2 norm of the gradient; None = no clipping."""
    ignore_unmatched: float = Field(0.0, ge=0, le=0.3)
    """Regions whose IoU with every mined box is below this have no loss, instead of being taught as background, for
    images with objects that have no mask; 0 = all are background. CutLER's value is 0.01."""
    copy_paste: float = Field(0.0, ge=0, le=1)
    """Chance that the masked objects of another training image are pasted into a training image."""
    class_agnostic: bool = False
    """Learn one class, object, instead of the clusters. A candidate then gets the cluster of the mined mask that it
    covers, or is left out where it covers none."""
    rounds: int = Field(1, ge=1)
    """Trainings of `iterations` each, one after the other; a later one goes on from the weights of the one before, and
    learns from its confident candidates and from the masks that these do not cover."""
    round_score: float = Field(0.7, ge=0, le=1)
    """Score from which a candidate is a mask of the next round."""
    max_candidates: int = Field(20, ge=1)
    """Most candidates per image."""
    min_score: float = Field(0.05, ge=0, le=1)
    """Candidates below this score are not written."""
    mask_threshold: float = Field(0.5, gt=0, lt=1)
    """Probability from which a pixel belongs to a mask."""
    nms: float = Field(0.5, ge=0, le=1)
    """IoU of boxes above which the weaker of one cluster is removed."""
    flip_prediction: bool = False
    """Predict on each image and on its mirror image, and join the candidates; takes twice the time."""

    @model_validator(mode="after")
    def _check(self) -> "DistillConfig":
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale: {list(self.scale)} must be two positive numbers, the smaller one first")
        if self.max_size < self.image_size and not self.learns_from_stored:
            raise ValueError(f"max_size: {self.max_size} is below image_size {self.image_size}")
        if self.backend == "regions" and self.backbone == "vit" and self.vit.freeze != "all":
            raise ValueError("backend: regions goes with vit.freeze: all")
        own = (self.backend, self.backbone, self.heads)
        if self.pools_from_c4 and own != ("detectron2", "resnet50", "full"):
            raise ValueError("detectron2.neck: c4 goes with backend: detectron2, backbone: resnet50 and heads: full")
        return self

    @property
    def resnet(self) -> Literal["resnet18", "resnet50"]:
        """Which ResNet the backbone is. Raises InputError where it is none."""
        if self.backbone in {"vit", "auto"}:
            raise InputError(f"distill.backbone: {self.backbone} is not a ResNet; a detector on a ViT starts from it")
        return "resnet18" if self.backbone == "resnet18" else "resnet50"

    @property
    def pools_from_c4(self) -> bool:
        """Whether boxes are pooled from the fourth stage, with detectron2, instead of from a pyramid."""
        options: Detectron2Options = getattr(self, "detectron2")  # noqa: B009 - a section that the registry adds
        return options.neck == "c4"

    def computes_in(self) -> TrainingPrecision | None:
        """That of the network."""
        return self.precision

    @property
    def learns_from_stored(self) -> bool:
        """Whether it learns from the tokens of the features stage."""
        return self.backend == "regions"

    def inputs(self) -> tuple[str, ...]:
        """The masks and their clusters; and what makes the backbone, or the tokens."""
        stored = ("features",) if self.learns_from_stored else ()
        return ("mine", "cluster", *(self.weights.inputs() if self.weights else ()), *stored)

    def files(self) -> Mapping[str, Path]:
        """The backbone's checkpoint."""
        return self.weights.files("weights") if self.weights else {}

    def unused(self) -> set[str]:
        """What is of another backbone or of weights that are not given, and the score for a round that there is not."""
        is_vit = self.backbone == "vit"
        frozen = {"freeze_stages", "freeze_norm"} if is_vit or self.weights is None else set()
        vit = set() if is_vit else {"vit"}
        boxes = _OF_BOXES if self.learns_from_stored else set()
        steps = {"epochs", "iterations_range"} if self.iterations else set()
        return super().unused() | steps | frozen | vit | boxes | ({"round_score"} if self.rounds == 1 else set())

    def resolved(self, installed: bool | None = None) -> "DistillConfig":
        """The same with the back end that "auto" stands for here.

        Args:
            installed: Whether detectron2 is; None = look.

        Raises:
            InputError: The back end that was asked for is not installed.
        """
        installed = has_detectron2() if installed is None else installed
        if self.backend == "detectron2" and not installed:
            raise InputError(
                "distill.backend: detectron2 was asked for and is not installed; it is not on PyPI: install it into "
                "this environment as its authors say "
                "(https://detectron2.readthedocs.io/en/latest/tutorials/install.html), "
                "or use -s distill.backend=torchvision"
            )
        if self.backend == "auto":
            return self.model_copy(update={"backend": "detectron2" if installed else "torchvision"})
        return self

    def recipe(self, n_images: int) -> Recipe:
        """What the training loop needs to know, for `n_images` training images."""
        return Recipe(
            iterations=self.iterations or steps_of(self.epochs, n_images, self.batch_size, self.iterations_range),
            batch_size=self.batch_size,
            lr=self.lr,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            warmup_iterations=self.warmup_iterations,
            schedule=self.schedule,
            step_at=self.step_at,
            precision=self.precision,
            clip_norm=self.clip,
            fixed_shapes=False,
            # Pooling boxes wants NCHW; the copies cost more than the faster convolutions gain.
            channels_last=False,
        )
