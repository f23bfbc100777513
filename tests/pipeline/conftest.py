"""Plans over a few photos without ground truth, with stages that take no time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.blob_run import blob_config
from helpers.drawn_stages import drawn_stage
from helpers.recorded_stages import RecordedStages, writing_stage
from helpers.runs import photo_config, write_photos
from helpers.sources import BlobSource
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


@pytest.fixture
def drawn() -> RecordedStages:
    """Stages that draw what they are to find."""
    return RecordedStages(drawn_stage)


@pytest.fixture
def plan(tmp_path: Path, drawn: RecordedStages) -> Plan:
    """A run over blob images with ground truth."""
    blobs = BlobSource()
    path = blob_config(tmp_path / "scored", blobs, class_names=blobs.class_names)
    return Plan(ConfigSource((path,)), drawn.specs)
