"""Plans over a few photos without ground truth, with stages that take no time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.recorded_stages import RecordedStages, writing_stage
from helpers.runs import photo_config, write_photos
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.plan import Plan


@pytest.fixture
def quiet() -> Console:
    return Console(quiet=True)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """Four photos."""
    write_photos(tmp_path, {f"photo{i}.png": (32, 32) for i in range(4)})
    (path,) = photo_config(tmp_path).paths
    return path


@pytest.fixture
def recorded() -> RecordedStages:
    """Stages that only write a file."""
    return RecordedStages(writing_stage)


@pytest.fixture
def calls(recorded: RecordedStages) -> list[str]:
    """The name of each stage that ran."""
    return recorded.calls


@pytest.fixture
def make_plan(config_file: Path, recorded: RecordedStages) -> Callable[..., Plan]:
    """Makes plans of those photos, settings changed as given, with those stages."""
    return lambda *overrides: Plan(ConfigSource((config_file,), overrides), recorded.specs)
