"""Stored tokens of a small untrained ViT, made by the features stage itself."""

from dataclasses import replace
from pathlib import Path

from maskdistill.stages.contract import StageInputs
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.features.stage import run
from maskdistill.stages.progress import Silent
from maskdistill.stages.weights import UNTRAINED

MODEL = "vit_tiny_patch16_224"
CONFIG = FeaturesConfig.model_validate(
    {"model": MODEL, "weights": UNTRAINED, "normalise": "half", "blocks": (1, -1), "short_side": 96}
)


def with_features(inputs: StageInputs, folder: Path, config: FeaturesConfig = CONFIG) -> StageInputs:
    """The same inputs, and the artifact of the features stage in a folder."""
    folder.mkdir(parents=True)
    run(config, inputs, folder, Silent())
    return replace(inputs, artifacts={**inputs.artifacts, "features": folder})
