"""Fixtures that the tests of the distill stage share."""

from pathlib import Path

import pytest

from helpers.detection import SETTINGS, block_inputs, make_blocks
from helpers.small_vit import save_small_vit
from helpers.sources import MemorySource
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.distill.config import DistillConfig


@pytest.fixture
def vit_settings(tmp_path: Path) -> DistillConfig:
    """Settings that learn in seconds on a small ViT, which learns too, and takes longer from nothing."""
    # As in a trained ViT, what a patch shows outweighs where it lies: else the classes are told apart by luck.
    weights = save_small_vit(tmp_path / "vit.safetensors", contrast=5)
    own = {
        "backbone": "vit",
        "weights": weights,
        "vit": {"model": "-", "freeze": "none", "lr_decay": 0.9},
        "iterations": 150,
        "lr": 2e-3,
    }
    return DistillConfig.model_validate(SETTINGS.model_dump() | own)


@pytest.fixture(params=["resnet18", "vit"])
def settings(request: pytest.FixtureRequest, vit_settings: DistillConfig) -> DistillConfig:
    """Settings that learn in seconds, for each kind of backbone."""
    return SETTINGS if request.param == "resnet18" else vit_settings


@pytest.fixture
def tiny(settings: DistillConfig, backend: str) -> DistillConfig:
    """The same for each back end."""
    return settings.model_copy(update={"backend": backend})


@pytest.fixture
def blocks() -> MemorySource:
    """Six images of one block each, four of them for training."""
    return make_blocks()


@pytest.fixture
def inputs(tmp_path: Path, blocks: MemorySource) -> StageInputs:
    """These images with masks and clusters."""
    return block_inputs(tmp_path, blocks)
