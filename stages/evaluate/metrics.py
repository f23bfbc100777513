"""Every metric of the evaluation: its name, what it says, and the stages it belongs to. The one place to look it up.

All metrics are between 0 and 1, and higher is better, unless the meaning says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MASKS = ("mine", "distill", "filter")
_CLUSTERED_MASKS = ("cluster", "curate", "distill", "filter")
_CLUSTERED = ("correspond", "cluster", "curate", "distill", "filter", "segment")
_ALL = ("mine", *_CLUSTERED)


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        title: Heading in tables.
        meaning: What it is.
        stages: Stages that have it.
        is_scalar: Whether it is a number; else it is a list or dict.
    """

    title: str
    meaning: str
    stages: tuple[str, ...]
    is_scalar: bool = True


METRICS = {
    "foreground_iou": Metric("foreground IoU", "IoU of all masks together with all that is not background", _ALL),
    "corloc": Metric(
        "CorLoc", "fraction of images where the best mask's box has IoU >= 0.5 with some object's", _MASKS
    ),
    "ap50_agnostic": Metric("AP50", "mask AP at IoU 0.5, whatever the class", _MASKS),
    "ap_agnostic": Metric("AP", "mask AP over IoU 0.5-0.95, whatever the class", _MASKS),
    "ap50_agnostic_single": Metric("AP50 single", "AP50 of each image's best mask, against one object", _MASKS),
    "ap_agnostic_single": Metric("AP single", "AP of each image's best mask, against one object", _MASKS),
    "ap50": Metric("class AP50", "mask AP at IoU 0.5 by class, after Hungarian matching", _CLUSTERED_MASKS),
    "ap": Metric("class AP", "mask AP over IoU 0.5-0.95 by class, after Hungarian matching", _CLUSTERED_MASKS),
    "ap50_single": Metric("class AP50 single", "class AP50 of each image's best mask", _CLUSTERED_MASKS),
    "ap_single": Metric("class AP single", "class AP of each image's best mask", _CLUSTERED_MASKS),
    "purity": Metric(
        "purity",
        "fraction of masks of the main class of their cluster; a mask's class is that of most of its pixels, "
        "background being one",
        _CLUSTERED_MASKS,
    ),
    "nmi": Metric("NMI", "normalised mutual information of clusters and these classes of masks", _CLUSTERED_MASKS),
    "ari": Metric("ARI", "adjusted Rand index of clusters and these classes of masks, 0 = chance", _CLUSTERED_MASKS),
    "miou": Metric("mIoU", "mean IoU of the classes, background too, after Hungarian matching", _CLUSTERED),
    "miou_majority": Metric("majority mIoU", "the same after many-to-one matching, for K > classes", _CLUSTERED),
    "pixel_accuracy": Metric("pixel accuracy", "fraction of pixels of the right class, Hungarian", _CLUSTERED),
    "boundary_iou": Metric("boundary IoU", "mean boundary IoU of the classes, Hungarian", _CLUSTERED),
    "miou_crf": Metric("mIoU with CRF", "mIoU of the predictions after the CRF", ("segment",)),
    "miou_majority_crf": Metric("majority mIoU with CRF", "majority mIoU of the same", ("segment",)),
    "pixel_accuracy_crf": Metric("pixel accuracy with CRF", "pixel accuracy of the same", ("segment",)),
    "boundary_iou_crf": Metric("boundary IoU with CRF", "boundary IoU of the same", ("segment",)),
    "calibration_error": Metric("calibration error", "distance of score and precision; lower is better", ("distill",)),
    "iou_per_class": Metric("IoU per class", "IoU by class name, Hungarian", _CLUSTERED, is_scalar=False),
    "class_of_cluster": Metric(
        "class of cluster", "Hungarian matching: class name by cluster, unmatched left out", _CLUSTERED, is_scalar=False
    ),
    "confusion": Metric(
        "confusion matrix",
        "px by true class (row) and predicted class, then unmatched",
        _CLUSTERED,
        is_scalar=False,
    ),
    "best_images": Metric("best images", "image ids of the highest mIoU in the image", _CLUSTERED, is_scalar=False),
    "worst_images": Metric("worst images", "image ids of the lowest", _CLUSTERED, is_scalar=False),
    "reliability": Metric("reliability", "quality of candidates by score bin", ("distill",), is_scalar=False),
}


NO_TRUTH = {"status": "no ground truth"}
"""What stands in place of scores where there is nothing to compare with."""


def is_scored(scores: Mapping[str, Any]) -> bool:
    """Whether these are scores, by split, and neither NO_TRUTH nor nothing."""
    return bool(scores) and "status" not in scores


def has_metric(stage: str, *names: str) -> bool:
    """Whether a stage has any of these metrics."""
    return any(stage in METRICS[name].stages for name in names)


def scalar_names() -> list[str]:
    """Names of the metrics that are numbers, in the order of tables."""
    return [name for name, metric in METRICS.items() if metric.is_scalar]
