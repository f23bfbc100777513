"""detectron2's Mask R-CNN on a ViT.

The pyramid is the project's and not detectron2's `SimpleFeaturePyramid`, which has no interpolation, and ties the
strides of its levels to the patch size: so the two back ends differ in their library alone.
"""

from typing import Any

from detectron2.layers import ShapeSpec
from detectron2.modeling import Backbone, GeneralizedRCNN
from detectron2.modeling.proposal_generator import build_proposal_generator
from detectron2.modeling.roi_heads import build_roi_heads
from torch import Tensor

from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detectron2_config import detectron2_config
from maskdistill.stages.distill.detectors.vit_levels import LEVEL_STRIDES, VitLevels
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.networks.vit_pyramid import STRIDES

_NAMES = ("p2", "p3", "p4", "p5", "p6")


class VitBackbone(Backbone):  # type: ignore[misc]  # detectron2 has no types
    """The levels of a ViT under the names of detectron2's pyramid."""

    def __init__(self, levels: VitLevels) -> None:
        super().__init__()
        self.levels = levels

    @property
    def size_divisibility(self) -> int:
        """Sides of the images that it is given are multiples of this, px."""
        return STRIDES[-1]

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Channels and stride of each level."""
        shapes = (ShapeSpec(channels=self.levels.out_channels, stride=stride) for stride in LEVEL_STRIDES)
        return dict(zip(_NAMES, shapes, strict=True))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The levels of normalised images."""
        levels: dict[str, Tensor] = self.levels(images)
        return levels


def build_on_vit(config: DistillConfig, n_clusters: int, vit: VisionBackbone | None) -> Any:
    """Mask R-CNN for `n_clusters` clusters, with the same heads as on a ResNet."""
    backbone = VitBackbone(VitLevels(config, vit, _NAMES))
    cfg = detectron2_config(config, n_clusters, backbone.levels.pyramid.vit.pixels)
    return GeneralizedRCNN(
        backbone=backbone,
        proposal_generator=build_proposal_generator(cfg, backbone.output_shape()),
        roi_heads=build_roi_heads(cfg, backbone.output_shape()),
        pixel_mean=cfg.MODEL.PIXEL_MEAN,
        pixel_std=cfg.MODEL.PIXEL_STD,
        input_format=cfg.INPUT.FORMAT,
    )
