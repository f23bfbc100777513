"""Settings of the imitate stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from maskdistill.stages.area import AreaRange
from maskdistill.stages.imitate.methods.settings import ResNetSettings
from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.registry import IMITATION
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import Recipe, TrainingPrecision
from maskdistill.stages.weights import VitWeights

_OF_IMITATE = {"model", "weights", "normalise", "area", "rotation", "lr", "warmup_iterations", "weight_decay"}


@IMITATION.sections
class ImitateConfig(StageSettings):
    """Train a ResNet on the training images, without any label: to see what a Vision Transformer sees, or without one.

    Detector and segmenter start from it where their `weights` are `imitate`.
    """

    version: ClassVar[int] = 2
    trains: ClassVar[bool] = True

    method: str = "imitate"
    """`imitate` = the ResNet predicts the tokens of a ViT; `slotcon` = it sorts the px of two views of an image into
    the same groups, and needs no ViT. `model`, `weights`, `normalise`, `area`, `rotation`, `lr`, `warmup_iterations`
    and `weight_decay` are of `imitate` alone."""
    backbone: Literal["resnet18", "resnet50"] = "resnet50"
    """Depth of the ResNet; that of the network which starts from it."""
    model: str | None = None
    """Name in timm of the Vision Transformer that is imitated; None = `mine.model`."""
    weights: VitWeights | None = None
    """Its weights, as `mine.weights`; None = the same as there."""
    normalise: Normalise | None = None
    """As `mine.normalise`; None = the same as there."""
    stages: int = Field(4, ge=1, le=4)
    """How many of the ResNet's stages are written; a network that starts from them begins the others from nothing.
    `slotcon` learns from the features of the last one of them."""
    image_size: int = Field(224, ge=32)
    """Images are cut to their central square and resized to this side, px; with `imitate` a multiple of the ViT's
    patch size."""
    area: AreaRange = (0.35, 1.0)
    """Smallest and largest fraction of that square that is looked at."""
    rotation: float = Field(0.0, ge=0, le=180)
    """Largest turn to either side, degrees; 180 where the images have no up and down."""
    samples: int = Field(1_000_000, ge=1)
    """Images to train on, repetitions counted."""
    batch_size: int = Field(64, ge=2)
    """Images per step."""
    lr: float = Field(2e-3, gt=0)
    """Learning rate (AdamW) after the warm-up; falls to 0 along a cosine."""
    warmup_iterations: int = Field(50, ge=0)
    """Steps over which the learning rate rises."""
    weight_decay: float = Field(0.02, ge=0)
    """Decay of all weights."""
    precision: TrainingPrecision = "auto"
    """Arithmetic of all networks; `auto` = bf16 where the hardware computes it, else fp32, or fp16 on a GPU with
    tensor cores."""

    @property
    def looks_with_vit(self) -> bool:
        """Whether the method needs a Vision Transformer."""
        return self.method == "imitate"

    def recipe(self) -> Recipe:
        """What the training loop needs to know."""
        iterations = max(1, self.samples // self.batch_size)
        if not self.looks_with_vit:
            own: ResNetSettings = IMITATION.settings(self)
            return own.recipe(iterations, self.batch_size, self.precision)
        return Recipe(
            iterations=iterations,
            batch_size=self.batch_size,
            lr=self.lr,
            optimizer="adamw",
            weight_decay=self.weight_decay,
            warmup_iterations=self.warmup_iterations,
            schedule="cosine",
            precision=self.precision,
        )

    def computes_in(self) -> TrainingPrecision | None:
        """That of the network."""
        return self.precision

    def inputs(self) -> tuple[str, ...]:
        """The stage that trains the ViT, where there is one and a stage trains it."""
        return self.weights.inputs() if self.weights and self.looks_with_vit else ()

    def files(self) -> Mapping[str, Path]:
        """The ViT's checkpoint."""
        return self.weights.files("weights") if self.weights and self.looks_with_vit else {}

    def unused(self) -> set[str]:
        """What is of `imitate`, where another method learns."""
        return super().unused() | (set() if self.looks_with_vit else _OF_IMITATE)
