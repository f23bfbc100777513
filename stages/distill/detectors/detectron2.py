"""Mask R-CNN of detectron2 behind the `Detector` interface.

Network, zoo configuration, matching, structures, event storage and postprocessing are detectron2's own. Reading
images, training loop and checkpoints are the project's: both back ends see the same augmented samples from any image
source, and a killed training resumes bit for bit, which detectron2's sampler, random state and trainer do not do.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import torch
from detectron2.modeling import build_model
from detectron2.modeling.postprocessing import detector_postprocess
from detectron2.structures import BitMasks, Boxes, Instances
from detectron2.utils.events import EventStorage
from torch import Tensor, nn

from maskdistill.stages.distill.config import DistillConfig, resnet_name
from maskdistill.stages.distill.detectors.detector import Detections, Target
from maskdistill.stages.distill.detectors.detectron2_config import detectron2_config
from maskdistill.stages.distill.detectors.detectron2_vit import build_on_vit
from maskdistill.stages.distill.detectors.detectron2_weights import load_backbone
from maskdistill.stages.distill.detectors.float32_parts import keep_float32
from maskdistill.stages.distill.geometry import resize_image, resized_hw
from maskdistill.stages.networks.vit import VisionBackbone

_LOSSES = {
    "loss_cls": "loss_classifier",
    "loss_box_reg": "loss_box_reg",
    "loss_mask": "loss_mask",
    "loss_rpn_cls": "loss_objectness",
    "loss_rpn_loc": "loss_rpn_box_reg",
}
"""torchvision's name of each loss."""


class Detectron2Detector:
    """Mask R-CNN with a feature pyramid, or on the fourth stage of a ResNet-50."""

    def __init__(
        self, config: DistillConfig, n_clusters: int, weights: Path | None, vit: VisionBackbone | None = None
    ) -> None:
        self.config = config
        if config.backbone == "vit":
            self._model: Any = build_on_vit(config, n_clusters, vit)
        else:
            self._model = build_model(detectron2_config(config, n_clusters))
            if weights is not None:
                load_backbone(self._model, resnet_name(config), weights)
        heads = self._model.roi_heads
        # The backbone too: detectron2 rounds the boxes that it pools to the type of the features.
        keep_float32(
            self._model.backbone,
            self._model.proposal_generator.rpn_head,
            heads.box_predictor,
            heads.mask_head.predictor,
        )
        self.module: nn.Module = self._model

    def losses(self, images: Sequence[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The five losses of Mask R-CNN."""
        batch = [
            {"image": image, "instances": _instances(image, target)}
            for image, target in zip(images, targets, strict=True)
        ]
        try:
            with EventStorage():  # its heads write metrics in training, and need a place for them
                found = self._model(batch)
        except FloatingPointError:
            # It stops where boxes are not finite; the training loop stops too, and names the images.
            return dict.fromkeys(_LOSSES.values(), torch.full((), torch.nan, device=images[0].device))
        return {_LOSSES[name]: loss for name, loss in found.items()}

    def detect(self, images: Sequence[Tensor]) -> list[Detections]:
        """Candidates of a batch; the images must share their padded size for their results not to depend on it."""
        batch = [{"image": resize_image(image.float(), self._inner_hw(image))} for image in images]
        found = self._model.inference(batch, do_postprocess=False)
        return [
            _to_detections(detector_postprocess(result, *image.shape[1:], self.config.mask_threshold))
            for result, image in zip(found, images, strict=True)
        ]

    def padded_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Size after resizing and padding."""
        divisor = max(1, self._model.backbone.size_divisibility)
        height, width = resized_hw(size_hw, self.config.image_size, self.config.max_size)
        return ceil(height / divisor) * divisor, ceil(width / divisor) * divisor

    def _inner_hw(self, image: Tensor) -> tuple[int, int]:
        return resized_hw((image.shape[1], image.shape[2]), self.config.image_size, self.config.max_size)


def _instances(image: Tensor, target: Target) -> Instances:
    return Instances(
        (image.shape[1], image.shape[2]),
        gt_boxes=Boxes(target["boxes_xyxy"]),
        gt_classes=target["clusters"],
        gt_masks=BitMasks(target["masks"]),
    )


def _to_detections(result: Instances) -> Detections:
    return Detections(
        boxes_xyxy=result.pred_boxes.tensor.float().cpu().numpy(),
        scores=result.scores.float().cpu().numpy(),
        clusters=result.pred_classes.to(torch.int32).cpu().numpy(),
        masks=result.pred_masks.bool().cpu().numpy(),
    )
