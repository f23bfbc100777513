"""A ViT under a detector: the levels that boxes are pooled from, and a fifth for proposals, by the library's names."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.data.errors import InputError
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.architecture import SIZES
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.networks.vit_pyramid import STRIDES, VitPyramid

LEVEL_STRIDES = (*STRIDES, 2 * STRIDES[-1])


class VitLevels(nn.Module):
    """The simple pyramid on a ViT as a detector's backbone.

    Args:
        config: Of the stage.
        vit: The ViT.
        names: Of the five levels, finest first.

    Attributes:
        out_channels: Channels of each level.
    """

    def __init__(self, config: DistillConfig, vit: VisionBackbone | None, names: Sequence[str]) -> None:
        super().__init__()
        if vit is None:
            raise InputError("distill.backbone: vit has to be given the network itself")
        self.out_channels = SIZES[config.heads].fpn
        self.pyramid = VitPyramid(vit, self.out_channels, config.vit.upsample)
        self.names = tuple(names)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Levels of normalised images (B, 3, H, W); H and W are multiples of 32."""
        levels = self.pyramid(images)
        # As in the pyramids of both libraries.
        levels.append(F.max_pool2d(levels[-1], kernel_size=1, stride=2))
        return dict(zip(self.names, levels, strict=True))
