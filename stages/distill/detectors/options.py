"""Settings of the detector that are of one library, or of one kind of backbone."""

from typing import Literal

from maskdistill.data.settings import Settings
from maskdistill.stages.vit_backbone_config import Upsample, VitBackboneConfig


class DetectorVitConfig(VitBackboneConfig):
    """Of `backbone: vit`, whose weights are `distill.weights`."""

    upsample: Upsample = "deconvolve"
    """How the levels of the pyramid that are finer than the patches come from them: `deconvolve` = transposed
    convolutions (the authors of ViTDet); `interpolate` takes up to a fifth less time."""


class Detectron2Options(Settings):
    """What only detectron2 offers."""

    neck: Literal["fpn", "c4"] = "fpn"
    """"fpn" is a feature pyramid; "c4" pools from the fourth stage of a ResNet-50 instead."""
