"""Settings that one stage takes over from another: which ViT looks at the images, and how photos were annotated."""

from collections.abc import Sequence
from typing import Any, TypeVar

from maskdistill.data.errors import InputError
from maskdistill.data.settings import Settings
from maskdistill.data.sources.frames import AnnotationFrame
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.mine.config import IMPORT, MineConfig
from maskdistill.stages.segment.config import SegmentConfig

S = TypeVar("S", bound=Settings)
B = TypeVar("B", DistillConfig, SegmentConfig)
"""A section with `backbone`, `weights` and `vit`."""


def on_stored(section: B, features: FeaturesConfig, name: str) -> B:
    """The same section with what the stored tokens are of, where it learns from them: their size and their ViT.

    Raises:
        InputError: It names another ViT or other blocks itself.
    """
    section = _with_backbone(section)
    if not section.learns_from_stored:
        return section
    taken_by = "regions" if isinstance(section, DistillConfig) else "vit"
    theirs = {
        "weights": features.weights,
        "vit.model": features.model,
        "vit.normalise": features.normalise,
        f"{taken_by}.blocks": features.blocks,
    }
    for place, value in theirs.items():
        section = _taken_over(section, place.split("."), value, f"{name}.{place}")
    return section.model_copy(update={"backbone": "vit", "image_size": features.short_side})


def _taken_over(section: S, place: list[str], value: Any, name: str) -> S:
    """The same section with a value of the features stage at a place that is open, or has it already."""
    field, *inner = place
    own = getattr(section, field)
    if inner:
        return section.model_copy(update={field: _taken_over(own, inner, value, name)})
    if own not in (None, value):
        raise InputError(
            f"{name}: {own}: what learns from stored tokens has the ViT and the blocks of the features stage; leave it "
            f"out, and set features.{field}"
        )
    return section.model_copy(update={field: value})


def _with_backbone(section: B) -> B:
    """The same section with the backbone that `auto` stands for."""
    if section.backbone != "auto":
        return section
    return section.model_copy(update={"backbone": "vit" if section.weights is None else "resnet50"})


def filled(section: S, other: Settings, fields: Sequence[str]) -> S:
    """The same section, with what some of its fields leave open taken from another, such as `mine`."""
    return section.model_copy(update={field: getattr(section, field) or getattr(other, field) for field in fields})


def for_clusters(section: CorrespondConfig, cluster: ClusterConfig) -> CorrespondConfig:
    """The same section, with a number of clusters: that of the masks and one for the background, where it has none.

    Raises:
        InputError: Masks are clustered by codes of another method.
    """
    if cluster.reads_codes and cluster.features != section.method:
        raise InputError(
            f"cluster.features: {cluster.features} are codes of that method, but correspond.method is "
            f"{section.method}; set both to the same"
        )
    if section.k is not None or cluster.k == "auto":
        return section
    return section.model_copy(update={"k": cluster.k + 1})


def with_vit(section: B, mine: MineConfig) -> B:
    """The same section, with what it leaves open of a backbone that is a ViT taken from `mine`."""
    section = _with_backbone(section)
    if section.backbone != "vit":
        return section
    vit = filled(section.vit, mine, ("model", "normalise"))
    return filled(section, mine, ("weights",)).model_copy(update={"vit": vit})


def annotated_alike(mine: MineConfig, frame: AnnotationFrame) -> MineConfig:
    """The same section; imported masks are in the frame that the data's annotations are in, where they name none."""
    own = getattr(mine, IMPORT)
    frame = own.annotation_frame or frame
    return mine.model_copy(update={IMPORT: own.model_copy(update={"annotation_frame": frame})})
