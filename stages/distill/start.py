"""What the backbone of a detector starts from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.networks.vit import VisionBackbone, build_backbone, load_vit
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.weights import find_checkpoint

Start = Path | VisionBackbone | None
"""The file of a ResNet's weights, None = a ResNet from nothing; or the ViT itself, which becomes a part of it."""


def find_start(config: DistillConfig, artifacts: Mapping[str, Path], seed: int) -> Start:
    """The weights or the ViT that settings name.

    Args:
        config: The settings.
        artifacts: Folder of each artifact, by stage.
        seed: Of random weights.

    Raises:
        InputError: There is no such ViT, or its weights do not fit.
    """
    if config.backbone != "vit":
        return find_checkpoint(config.weights, artifacts)
    if config.vit.model is None or config.weights is None:
        raise InputError("distill.vit.model, distill.weights: must be set here; the pipeline fills in those of mine")
    return load_vit(
        config.vit.model,
        config.weights,
        artifacts,
        seed=seed,
        section="distill.vit",
        normalise=config.vit.normalise,
    )


def rebuild_start(config: DistillConfig, description: Mapping[str, Any]) -> Start:
    """The same for a trained detector, by the description of its file, which holds all weights.

    Raises:
        KeyError, TypeError, ValueError: The description lacks the architecture of a ViT.
    """
    return build_backbone(Architecture.of(description["vit"])) if config.backbone == "vit" else None


def describe_start(start: Start) -> dict[str, Any]:
    """What `rebuild_start` needs, for the description of a trained detector's file."""
    return {"vit": start.architecture.described()} if isinstance(start, VisionBackbone) else {}
