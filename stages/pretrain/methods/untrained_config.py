"""Settings of the method `untrained`."""

from typing import ClassVar

from pydantic import field_validator

from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.pretrain.methods.settings import MethodSettings
from maskdistill.stages.weights import VitWeights, WeightsSource


class UntrainedConfig(MethodSettings):
    """A ViT that learns nothing, to set beside a trained one."""

    learns: ClassVar[bool] = False

    like: VitWeights | None = None
    """The trained one: architecture, pixel statistics, and whether the offset that keys share is taken out, are those
    of its file. None = as the settings of this stage say."""

    @field_validator("like")
    @classmethod
    def _no_stage(cls, like: WeightsSource | None) -> WeightsSource | None:
        if like is not None and like.origin == "stage":
            raise ValueError("must be a file, pretrained or random: this is the stage that it would come from")
        return like

    normalise: Normalise = "auto"
    """As `mine.normalise`, for a file that does not say it."""
