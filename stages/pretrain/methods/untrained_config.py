"""Settings of the method `untrained`."""

from typing import ClassVar

from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.pretrain.methods.settings import MethodSettings
from maskdistill.stages.weights import VitWeights


class UntrainedConfig(MethodSettings):
    """A ViT that learns nothing, to set beside a trained one."""

    learns: ClassVar[bool] = False

    like: VitWeights | None = None
    """The trained one: architecture, pixel statistics, and whether the offset that keys share is taken out, are those
    of its file. None = as the settings of this stage say."""
    normalise: Normalise = "auto"
    """As `mine.normalise`, for a file that does not say it."""
