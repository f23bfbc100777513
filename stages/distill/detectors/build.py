"""Which library the detector comes from."""

import logging
import warnings
from pathlib import Path

from maskdistill.data.errors import InputError
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Detector
from maskdistill.stages.networks.resnet import N_STAGES, stages_in
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.registry import DETECTORS


def create_detector(
    config: DistillConfig, n_clusters: int, weights: Path | None = None, vit: VisionBackbone | None = None
) -> Detector:
    """A detector for `n_clusters` clusters.

    Args:
        config: Of the stage.
        n_clusters: How many kinds of objects it tells apart.
        weights: File that a ResNet starts from; None = from nothing.
        vit: The backbone, with `backbone: vit`; it becomes a part of the detector.

    Raises:
        InputError: The back end is not installed, the weights do not fit, or the ViT is missing.
    """
    if weights is not None and config.freeze_norm and stages_in(weights) < N_STAGES:
        raise InputError(
            f"distill.weights: {weights} holds the first {stages_in(weights)} stages only, and the others have "
            "no statistics to keep: set distill.freeze_norm to false"
        )
    config = config.resolved()
    if config.backend == "detectron2":
        _silence_torch()
    detector: Detector = DETECTORS.chosen(config).load()(config, n_clusters, weights, vit)
    return detector


def _silence_torch() -> None:
    """Keep to itself what torch says of the calls of detectron2 that it will drop: a user can do nothing about it."""
    warnings.filterwarnings("ignore", r".*torch\.jit\.script", FutureWarning)
    warnings.filterwarnings("ignore", r"torch\.meshgrid", UserWarning)
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)
