"""Settings that one stage takes over from another: which ViT looks at the images."""

from collections.abc import Sequence
from typing import TypeVar

from maskdistill.data.errors import InputError
from maskdistill.data.settings import Settings
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.segment.config import SegmentConfig

S = TypeVar("S", bound=Settings)
B = TypeVar("B", DistillConfig, SegmentConfig)
"""A section with `backbone`, `weights` and `vit`."""


def on_stored(segment: SegmentConfig, features: FeaturesConfig) -> SegmentConfig:
    """The same section with what the stored tokens are of, where it learns from them.

    Raises:
        InputError: It says something else itself.
    """
    segment = _with_backbone(segment)
    if not segment.learns_from_stored:
        return segment
    own = {"weights": features.weights, "image_size": features.short_side}
    of_vit = {"model": features.model, "normalise": features.normalise, "blocks": features.blocks}
    for section, values, name in ((segment, own, "segment"), (segment.vit, of_vit, "segment.vit")):
        for field, value in values.items():
            if getattr(section, field) not in (None, value):
                there = "short_side" if field == "image_size" else field
                raise InputError(
                    f"{name}.{field}: with segment.vit.freeze: all the segmenter learns from stored tokens, and "
                    f"features.{there} is {value}; leave {name}.{field} out and set features.{there}"
                )
    return segment.model_copy(update={**own, "vit": segment.vit.model_copy(update=of_vit)})


def _with_backbone(section: B) -> B:
    """The same section with the backbone that `auto` stands for."""
    if section.backbone != "auto":
        return section
    return section.model_copy(update={"backbone": "vit" if section.weights is None else "resnet50"})


def filled(section: S, mine: MineConfig, fields: Sequence[str]) -> S:
    """The same section, with what some of its fields leave open taken from `mine`."""
    return section.model_copy(update={field: getattr(section, field) or getattr(mine, field) for field in fields})


def with_vit(section: B, mine: MineConfig) -> B:
    """The same section, with what it leaves open of a backbone that is a ViT taken from `mine`."""
    section = _with_backbone(section)
    if section.backbone != "vit":
        return section
    vit = filled(section.vit, mine, ("model", "normalise"))
    return filled(section, mine, ("weights",)).model_copy(update={"vit": vit})
