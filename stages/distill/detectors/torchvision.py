"""Mask R-CNN of torchvision behind the `Detector` interface.

Its parts are used one by one, because its own forward pastes all masks as float32 at the image's full size: 20
candidates of a 12-megapixel photo would take 1 GB.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops import MultiScaleRoIAlign

from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.architecture import ANCHOR_SHARES, ASPECT_RATIOS, SIZES
from maskdistill.stages.distill.detectors.detector import Detections, Target
from maskdistill.stages.distill.detectors.float32_parts import keep_float32
from maskdistill.stages.distill.detectors.paste import paste
from maskdistill.stages.distill.detectors.vit_levels import VitLevels
from maskdistill.stages.distill.geometry import resize_image, resized_hw
from maskdistill.stages.distill.start import Start
from maskdistill.stages.distill.unmatched import ignore_unmatched
from maskdistill.stages.networks.normalise import IMAGENET
from maskdistill.stages.networks.resnet import build_resnet, freeze_norm, freeze_stages
from maskdistill.stages.networks.vit import VisionBackbone

_DIVISOR = 32
_POOLED = {"0": 4, "1": 8, "2": 16, "3": 32}
"""Stride, px, of the levels of the pyramid that boxes are pooled from."""


class TorchvisionDetector:
    """Mask R-CNN with a feature pyramid."""

    def __init__(self, config: DistillConfig, n_clusters: int, start: Start) -> None:
        self.config = config
        self.pixels = start.pixels if isinstance(start, VisionBackbone) else IMAGENET
        self.module: nn.Module = build_mask_rcnn(config, n_clusters, start)
        self._model: Any = self.module

    def losses(self, images: Sequence[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The five losses of Mask R-CNN."""
        named = [
            # Label 0 is torchvision's background.
            {"boxes": target["boxes_xyxy"], "labels": target["clusters"] + 1, "masks": target["masks"].byte()}
            for target in targets
        ]
        batch = _batch([self.normalise(image) for image in images])
        features = self._model.backbone(batch.tensors)
        proposals, rpn_losses = self._model.rpn(batch, features, named)
        _, box_losses = self._model.roi_heads(features, proposals, batch.image_sizes, named)
        return {**rpn_losses, **box_losses}

    def detect(self, images: Sequence[Tensor]) -> list[Detections]:
        """Candidates of a batch; the images must share their padded size for their results not to depend on it."""
        batch = _batch([self._resize(self.normalise(image)) for image in images])
        return [
            self._to_image(result, inner_hw, (image.shape[1], image.shape[2]))
            for result, inner_hw, image in zip(self.find(batch), batch.image_sizes, images, strict=True)
        ]

    def find(self, batch: ImageList) -> list[dict[str, Tensor]]:
        """Boxes, labels, scores and small masks of images that are normalised, resized and padded, as torchvision has
        them: label 0 is background."""
        features = self._model.backbone(batch.tensors)
        proposals, _ = self._model.rpn(batch, features)
        found: list[dict[str, Tensor]] = self._model.roi_heads(features, proposals, batch.image_sizes)[0]
        return found

    def padded_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Size after resizing and padding."""
        height, width = resized_hw(size_hw, self.config.image_size, self.config.max_size)
        return ceil(height / _DIVISOR) * _DIVISOR, ceil(width / _DIVISOR) * _DIVISOR

    def normalise(self, image: Tensor) -> Tensor:
        """uint8 (3, H, W) to float32 with zero mean and unit deviation."""
        mean, std = (image.new_tensor(values, dtype=torch.float32)[:, None, None] for values in self.pixels)
        return (image.float() / 255 - mean) / std

    def _resize(self, image: Tensor) -> Tensor:
        size_hw = (image.shape[1], image.shape[2])
        return resize_image(image, resized_hw(size_hw, self.config.image_size, self.config.max_size))

    def _to_image(self, result: dict[str, Tensor], inner_hw: tuple[int, int], size_hw: tuple[int, int]) -> Detections:
        """Bring one image's result to the image's own size."""
        boxes = resize_boxes(result["boxes"].float(), list(inner_hw), list(size_hw))
        masks = paste(result["masks"].float(), boxes, size_hw, self.config.mask_threshold)
        return Detections(
            boxes_xyxy=boxes.cpu().numpy(),
            scores=result["scores"].float().cpu().numpy(),
            clusters=(result["labels"] - 1).int().cpu().numpy(),
            masks=masks.numpy(),
        )


def build_mask_rcnn(config: DistillConfig, n_clusters: int, start: Start) -> Any:
    """torchvision's Mask R-CNN for `n_clusters` clusters.

    A ResNet that starts from nothing has to learn the statistics of its batch norm, whatever `freeze_norm` says.
    """
    heads = SIZES[config.heads]
    backbone = _pyramid(config, heads.fpn, start)
    sides = tuple((config.image_size * share,) for share in ANCHOR_SHARES)
    model = MaskRCNN(
        backbone,
        rpn_anchor_generator=AnchorGenerator(sides, (ASPECT_RATIOS,) * len(sides)),
        box_roi_pool=_pooling(7, heads.samples),
        mask_roi_pool=_pooling(14, heads.samples),
        box_head=TwoMLPHead(heads.fpn * 7**2, heads.box),
        box_predictor=FastRCNNPredictor(heads.box, n_clusters + 1),
        mask_head=MaskRCNNHeads(heads.fpn, heads.mask, 1),
        mask_predictor=MaskRCNNPredictor(heads.mask[-1], heads.mask[-1], n_clusters + 1),
        rpn_pre_nms_top_n_train=2 * heads.proposals,
        rpn_post_nms_top_n_train=heads.proposals,
        rpn_pre_nms_top_n_test=heads.proposals,
        rpn_post_nms_top_n_test=heads.proposals,
        box_batch_size_per_image=heads.boxes_per_image,
        box_score_thresh=config.min_score,
        box_nms_thresh=config.nms,
        box_detections_per_img=config.max_candidates,
    )
    # The backbone too: torchvision rounds the anchors to the type of the features.
    keep_float32(backbone, model.rpn.head, model.roi_heads.box_predictor, model.roi_heads.mask_predictor)
    ignore_unmatched(model, config.ignore_unmatched)
    return model


def _pooling(side: int, samples: int) -> MultiScaleRoIAlign:
    """Pooling of boxes to `side` x `side` cells.

    It estimates the strides from the first images that it sees, wrongly where these are small and padded, and keeps
    them: so it sees one here that says them exactly.
    """
    pooling = MultiScaleRoIAlign(list(_POOLED), side, samples)
    image_side = max(_POOLED.values())
    levels = {name: torch.zeros(1, 1, image_side // stride, image_side // stride) for name, stride in _POOLED.items()}
    pooling(levels, [torch.tensor([[0.0, 0.0, 1.0, 1.0]])], [(image_side, image_side)])
    return pooling


def _pyramid(config: DistillConfig, channels: int, start: Start) -> Any:
    """Backbone and feature pyramid with `channels` channels on each level."""
    if isinstance(start, VisionBackbone):
        return VitLevels(config, start, (*_POOLED, "pool"))
    body = build_resnet(config.resnet, start, "distill.weights")
    if config.weights is not None:
        body = freeze_norm(body) if config.freeze_norm else body
        freeze_stages(body, config.freeze_stages)
    widths = [body.inplanes // 8 * 2**level for level in range(4)]
    layers = {f"layer{level + 1}": str(level) for level in range(4)}
    return BackboneWithFPN(body, layers, widths, channels)


def _batch(images: list[Tensor]) -> ImageList:
    """Pad images with zeros, right and below, to a common size."""
    sizes = [(image.shape[1], image.shape[2]) for image in images]
    height, width = (ceil(max(sides) / _DIVISOR) * _DIVISOR for sides in zip(*sizes, strict=True))
    padded = [
        nn.functional.pad(image, (0, width - w, 0, height - h)) for image, (h, w) in zip(images, sizes, strict=True)
    ]
    return ImageList(torch.stack(padded), sizes)
