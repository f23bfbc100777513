"""Every figure of the evaluation: its name, what it says, and the stages it belongs to. The one place to look it up.

All figures are between 0 and 1, and higher is better, unless the meaning says otherwise.
"""

from dataclasses import dataclass

_MASKS = ("mine", "distill", "filter")
_CLUSTERED_MASKS = ("cluster", "distill", "filter")
_CLUSTERED = ("cluster", "distill", "filter", "segment")
_ALL = ("mine", *_CLUSTERED)


@dataclass(frozen=True)
class Figure:
    """One figure.

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


FIGURES = {
    "foreground_iou": Figure("foreground IoU", "IoU of all masks together with all that is not background", _ALL),
    "corloc": Figure("CorLoc", "share of images where the best mask's box has IoU >= 0.5 with some object's", _MASKS),
    "ap50_agnostic": Figure("AP50", "mask AP at IoU 0.5, whatever the class", _MASKS),
    "ap_agnostic": Figure("AP", "mask AP over IoU 0.5-0.95, whatever the class", _MASKS),
    "ap50_agnostic_single": Figure("AP50 single", "AP50 of each image's best mask, against one object", _MASKS),
    "ap_agnostic_single": Figure("AP single", "AP of each image's best mask, against one object", _MASKS),
    "ap50": Figure("class AP50", "mask AP at IoU 0.5 by class, after Hungarian matching", _CLUSTERED_MASKS),
    "ap": Figure("class AP", "mask AP over IoU 0.5-0.95 by class, after Hungarian matching", _CLUSTERED_MASKS),
    "ap50_single": Figure("class AP50 single", "class AP50 of each image's best mask", _CLUSTERED_MASKS),
    "ap_single": Figure("class AP single", "class AP of each image's best mask", _CLUSTERED_MASKS),
    "purity": Figure(
        "purity",
        "share of masks of the main class of their cluster; a mask's class is that of most of its pixels, background "
        "being one",
        _CLUSTERED_MASKS,
    ),
    "nmi": Figure("NMI", "normalised mutual information of clusters and these classes of masks", _CLUSTERED_MASKS),
    "ari": Figure("ARI", "adjusted Rand index of clusters and these classes of masks, 0 = chance", _CLUSTERED_MASKS),
    "miou": Figure("mIoU", "mean IoU of the classes, background too, after Hungarian matching", _CLUSTERED),
    "miou_majority": Figure("majority mIoU", "the same after many-to-one matching, for K > classes", _CLUSTERED),
    "pixel_accuracy": Figure("pixel accuracy", "share of pixels of the right class, Hungarian", _CLUSTERED),
    "boundary_iou": Figure("boundary IoU", "mean boundary IoU of the classes, Hungarian", _CLUSTERED),
    "miou_crf": Figure("mIoU with CRF", "mIoU of the predictions after the CRF", ("segment",)),
    "miou_majority_crf": Figure("majority mIoU with CRF", "majority mIoU of the same", ("segment",)),
    "pixel_accuracy_crf": Figure("pixel accuracy with CRF", "pixel accuracy of the same", ("segment",)),
    "boundary_iou_crf": Figure("boundary IoU with CRF", "boundary IoU of the same", ("segment",)),
    "calibration_error": Figure("calibration error", "distance of score and precision; lower is better", ("distill",)),
    "iou_per_class": Figure("IoU per class", "IoU by class name, Hungarian", _CLUSTERED, is_scalar=False),
    "class_of_cluster": Figure(
        "class of cluster", "Hungarian matching: class name by cluster, unmatched left out", _CLUSTERED, is_scalar=False
    ),
    "confusion": Figure(
        "confusion matrix",
        "px by true class (row) and predicted class, then unmatched",
        _CLUSTERED,
        is_scalar=False,
    ),
    "best_images": Figure("best images", "image ids of the highest mIoU in the image", _CLUSTERED, is_scalar=False),
    "worst_images": Figure("worst images", "image ids of the lowest", _CLUSTERED, is_scalar=False),
    "reliability": Figure("reliability", "quality of candidates by score bin", ("distill",), is_scalar=False),
}


def has_figure(stage: str, *names: str) -> bool:
    """Whether a stage has any of these figures."""
    return any(stage in FIGURES[name].stages for name in names)


def scalar_names() -> list[str]:
    """Names of the figures that are numbers, in the order of tables."""
    return [name for name, figure in FIGURES.items() if figure.is_scalar]
