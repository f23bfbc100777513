"""Settings of the method `hidden_positives`."""

from typing import ClassVar

from pydantic import Field

from maskdistill.stages.correspond.methods.settings import PatchSettings


class HiddenPositivesConfig(PatchSettings):
    """Hidden Positives (arXiv 2303.15014): patches contrasted with those that are alike beyond doubt.

    The defaults are those of its authors for COCO-Stuff, the numbers of steps aside.
    """

    learns: ClassVar[bool] = True
    looks_again: ClassVar[bool] = True

    temperature: float = Field(0.8, gt=0)
    """Of the contrastive loss. The authors: 0.8 for COCO-Stuff, 0.6 for Cityscapes, 0.4 for Potsdam."""
    consistency: float = Field(0.05, ge=0)
    """Weight of the distance between codes of an image and those of it in other colours; 0 = without, and without that
    second look at all images."""
    drawn: float = Field(0.02, ge=0, le=1)
    """Fraction of all patches of a batch that each patch is told from, beside its positives."""
    pool: int = Field(2048, ge=1)
    """Patches, each of a random image, that say how alike is alike beyond doubt. The more there are, the fewer
    positives a patch has, so that a small batch needs a small pool."""
    renew_every: int = Field(100, ge=1)
    """Steps after which the pool of codes is made anew."""
    momentum: float = Field(0.99, ge=0, le=1)
    """Share that the averaged head keeps in a step."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Fraction of the training before positives by codes begin to count; from there they gain in weight up to the
    end."""
    reweigh: bool = True
    """Whether patches with more positives count more."""
