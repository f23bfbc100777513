"""Settings of the detector libraries themselves."""

from typing import Literal

from maskdistill.data.settings import Settings


class Detectron2Options(Settings):
    """What only detectron2 offers."""

    neck: Literal["fpn", "c4"] = "fpn"
    """"fpn" is a feature pyramid; "c4" pools from the fourth stage of a ResNet-50 instead."""
