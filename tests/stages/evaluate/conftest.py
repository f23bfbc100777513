"""Artifacts that hold the truth."""

from pathlib import Path

import pytest

from helpers.sources import BlobSource
from helpers.true_artifacts import save_truth


@pytest.fixture
def perfect(tiny_source: BlobSource, tmp_path: Path) -> dict[str, Path]:
    """Folders of the artifacts of all stages, with the two classes swapped in every stage after mining."""
    return save_truth(tmp_path, tiny_source)
