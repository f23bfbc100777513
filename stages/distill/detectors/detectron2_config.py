"""detectron2's configuration for the settings of the distill stage, from the files of its model zoo."""

from pathlib import Path
from typing import Any

import detectron2
from detectron2.config import get_cfg

from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.architecture import ANCHOR_SHARES, ASPECT_RATIOS, SIZES
from maskdistill.stages.networks.normalise import IMAGENET, PixelStatistics

_ZOO = {
    "fpn": "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x.yaml",
    "c4": "COCO-InstanceSegmentation/mask_rcnn_R_50_C4_3x.yaml",
}


def detectron2_config(config: DistillConfig, n_clusters: int, pixels: PixelStatistics = IMAGENET) -> Any:
    """A CfgNode for `n_clusters` clusters and images RGB, 0-255; on the CPU, from where the training loop moves it.

    `pixels` are what the backbone expects of pixels in 0-1.
    """
    cfg = get_cfg()
    # Not through `detectron2.model_zoo`: it imports pkg_resources, which current setuptools no longer has.
    zoo = Path(detectron2.__file__).parent / "model_zoo" / "configs"
    cfg.merge_from_file(str(zoo / _ZOO["c4" if config.pools_from_c4 else "fpn"]))
    cfg.MODEL.DEVICE = "cpu"
    cfg.MODEL.WEIGHTS = ""
    cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD = ([255 * value for value in values] for values in pixels)
    cfg.INPUT.FORMAT = "RGB"
    _set_backbone(cfg.MODEL, config)
    _set_heads(cfg.MODEL, config)
    _set_matching(cfg.MODEL, config.ignore_unmatched)
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = n_clusters
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = config.min_score
    cfg.MODEL.ROI_HEADS.NMS_THRESH_TEST = config.nms
    cfg.TEST.DETECTIONS_PER_IMAGE = config.max_candidates
    return cfg


def _set_backbone(model: Any, config: DistillConfig) -> None:
    """ResNet as torchvision lays it out; without weights its batch norm has to learn."""
    model.RESNETS.STRIDE_IN_1X1 = False
    if config.backbone == "resnet18":
        model.RESNETS.DEPTH = 18
        model.RESNETS.RES2_OUT_CHANNELS = 64
    model.RESNETS.NORM = "FrozenBN" if config.weights is not None and config.freeze_norm else "BN"
    # Counts the stem as the first stage.
    frozen = config.weights is not None and config.freeze_stages > 0
    model.BACKBONE.FREEZE_AT = config.freeze_stages + 1 if frozen else 0


def _set_heads(model: Any, config: DistillConfig) -> None:
    sides = [config.image_size * share for share in ANCHOR_SHARES]
    model.ANCHOR_GENERATOR.SIZES = [[side] for side in sides] if not config.pools_from_c4 else [sides]
    model.ANCHOR_GENERATOR.ASPECT_RATIOS = [list(ASPECT_RATIOS)]
    heads = SIZES[config.heads]
    model.ROI_HEADS.BATCH_SIZE_PER_IMAGE = heads.boxes_per_image
    model.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO = model.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO = heads.samples
    model.RPN.POST_NMS_TOPK_TRAIN = model.RPN.POST_NMS_TOPK_TEST = heads.proposals
    if config.pools_from_c4:
        return
    model.RPN.PRE_NMS_TOPK_TRAIN, model.RPN.PRE_NMS_TOPK_TEST = 2 * heads.proposals, heads.proposals
    model.FPN.OUT_CHANNELS = heads.fpn
    model.ROI_BOX_HEAD.FC_DIM = heads.box
    model.ROI_MASK_HEAD.NUM_CONV, model.ROI_MASK_HEAD.CONV_DIM = len(heads.mask), heads.mask[0]


def _set_matching(model: Any, ignore_unmatched: float) -> None:
    """Regions below the threshold get the label -1: neither object nor background."""
    if ignore_unmatched:
        for part in (model.RPN, model.ROI_HEADS):
            part.IOU_THRESHOLDS = [ignore_unmatched, *part.IOU_THRESHOLDS]
            part.IOU_LABELS = [-1, *part.IOU_LABELS]
