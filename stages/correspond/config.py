"""Settings of the correspond stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from maskdistill.stages.correspond.methods.settings import PatchSettings
from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.registry import CORRESPONDENCE
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import Recipe, TrainingPrecision
from maskdistill.stages.weights import VitWeights

_LOOKING = {"model", "weights", "normalise"}
_LEARNING = {
    *("code_dim", "dropout", "iterations", "batch_size", "crop", "five_crop"),
    *("lr", "probe_lr", "weight_decay", "clip", "centres"),
}


@CORRESPONDENCE.sections
class CorrespondConfig(StageSettings):
    """Sort the patches of all images into clusters without masks: a small head on the stored tokens of a frozen ViT.

    Runs only where another stage reads its result, or where it is asked for.
    """

    trains: ClassVar[bool] = True
    version: ClassVar[int] = 3

    method: str = "stego"
    """`stego`, `hidden_positives`, or one that clusters the tokens as they are, to compare with: `kmeans` or `linkage`,
    see `centres`."""
    k: int | None = Field(None, ge=2, le=254)
    """Number of clusters, that of the background included; None = `cluster.k` and one more."""
    background: bool = True
    """Whether the cluster that covers most of the images' borders is the background, 0 in label maps. Where there is no
    background: false."""
    model: str | None = None
    """Name in timm of the ViT, for a method that looks at the images again; None = that of the features stage."""
    weights: VitWeights | None = None
    """Its weights; None = as there."""
    normalise: Normalise | None = None
    """How pixels are normalised; None = as there."""
    centre: float = Field(0.0, ge=0, le=1)
    """Fraction of the mean token of an image that is taken from its tokens first: what all patches of an image share
    tells images apart, and not what is in them. 0 = nothing (the papers)."""
    keep_mean: bool = False
    """Whether the mean of all tokens, which bringing them to one scale takes out, stays in them, as in the papers. All
    tokens are then alike by as much as they share, and what stands out from a plain background is least alike."""
    code_dim: int = Field(70, ge=2)
    """Length of the codes. STEGO: 70; Hidden Positives: 512 or 256."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Chance of a channel of the tokens to be left out in training."""
    iterations: int = Field(5000, ge=1)
    """Optimiser steps."""
    batch_size: int = Field(16, ge=2)
    """Images per step. Hidden Positives: 64."""
    crop: int | None = Field(None, ge=2)
    """Side of the square that is cut from an image in training and resized, patches; None = the short side of the
    first image's map, so that nothing is resized."""
    five_crop: bool = False
    """Whether the four quarters of an image and its middle are taken for images of their own, as the authors do for
    scenes of many objects."""
    lr: float = Field(5e-4, gt=0)
    """Learning rate of the head (AdamW)."""
    probe_lr: float = Field(5e-3, gt=0)
    """Learning rate of the centres of the clusters."""
    weight_decay: float = Field(0.0, ge=0)
    """Decay of all weights. Hidden Positives: 0.1, of the head alone."""
    clip: float | None = Field(None, gt=0)
    """Largest L2 norm of the gradient; None = no clipping. Hidden Positives: 10, of the head alone."""
    centres: Literal["probe", "kmeans", "linkage"] = "probe"
    """Where the clusters come from: `probe` = centres learnt beside the head (the papers); `kmeans` = K-means of the
    codes at the end, of which no cluster stays empty; `linkage` = average linkage of codes, whose clusters are of
    almost any size: a background that fills most of all images is not split, and a few odd patches are no cluster."""
    mirror: bool = True
    """Whether the codes of an image are the mean of its own and of its mirror image's, where those are stored."""
    crf: bool = False
    """Whether the label maps pass through a DenseCRF, with the constants that both papers took from MaskDistill."""
    precision: TrainingPrecision = "auto"
    """Arithmetic; `auto` = bf16 where the hardware computes it, else fp32, or fp16 on a GPU with tensor cores."""

    @property
    def own(self) -> PatchSettings:
        """The settings of the chosen method."""
        settings: PatchSettings = CORRESPONDENCE.settings(self)
        return settings

    @property
    def clusterer(self) -> str:
        """Where the clusters come from: `probe`, `kmeans` or `linkage`."""
        return self.centres if self.own.learns else self.method

    def recipe(self) -> Recipe:
        """What the training loop needs to know."""
        return Recipe(
            iterations=self.iterations,
            batch_size=self.batch_size,
            lr=self.lr,
            optimizer="adamw",
            weight_decay=self.weight_decay,
            clip_norm=self.clip,
            precision=self.precision,
            channels_last=False,
        )

    def computes_in(self) -> TrainingPrecision | None:
        """That of the head."""
        return self.precision

    def inputs(self) -> tuple[str, ...]:
        """The tokens; and the stage that trains the ViT, where images pass through it again."""
        again = self.weights.inputs() if self.weights and self.own.looks_again else ()
        return ("features", *again)

    def files(self) -> Mapping[str, Path]:
        """The ViT's checkpoint, where images pass through it again."""
        return self.weights.files("weights") if self.weights and self.own.looks_again else {}

    def unused(self) -> set[str]:
        """What is of the training where there is none, of the ViT where it is not looked through, and what is off."""
        looking = set() if self.own.looks_again else _LOOKING
        learning = set() if self.own.learns else _LEARNING
        return super().unused() | looking | learning | (set() if self.keep_mean else {"keep_mean"})
