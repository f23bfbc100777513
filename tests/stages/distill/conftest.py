"""Fixtures that the tests of the distill stage share."""

from pathlib import Path

import pytest

from helpers.detection import SETTINGS, block_inputs, make_blocks
from helpers.sources import MemorySource
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.distill.config import DistillConfig


@pytest.fixture
def tiny(backend: str) -> DistillConfig:
    """Settings that learn in seconds, for each back end."""
    return SETTINGS.model_copy(update={"backend": backend})


@pytest.fixture
def blocks() -> MemorySource:
    """Six images of one block each, four of them for training."""
    return make_blocks()


@pytest.fixture
def inputs(tmp_path: Path, blocks: MemorySource) -> StageInputs:
    """These images with masks and clusters."""
    return block_inputs(tmp_path, blocks)
