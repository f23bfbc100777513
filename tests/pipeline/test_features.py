"""The optional stage of features among the commands: made on its own, shown, verified, and left out where unused."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from helpers.runs import photo_plan, write_photos
from maskdistill.data.catalog import FEATURES
from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.apps.drawing.sheet import save_sheet
from maskdistill.pipeline.apps.inspect.statistics import as_json, summarise
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.apps.tables.summary import print_summary
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.upkeep.gc import find_garbage
from maskdistill.pipeline.upkeep.status import collect_status
from maskdistill.pipeline.upkeep.verify import verify_artifact

SETTINGS = ("features.short_side=32", "features.blocks=[3]", "execution.device=cpu")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Two photos of 2 x 3 patches of 16 px."""
    rng = np.random.default_rng(0)
    write_photos(tmp_path, {f"{i}.png": rng.integers(0, 255, (32, 48, 3), dtype=np.uint8) for i in range(2)})
    return photo_plan(tmp_path, *SETTINGS)


def test_features_are_made_shown_and_verified(plan: Plan, tmp_path: Path) -> None:
    assert FEATURES.stage not in [row["stage"] for row in collect_status(plan)]
    lines = io.StringIO()
    manifest = run_stage(plan, FEATURES.stage, Console(file=lines, width=200))
    assert "features: 2 images, 0.01 MB, about" in lines.getvalue()
    assert (manifest.items, manifest.unit, manifest.metrics["blocks"]) == (2, "images", [3])
    folder = plan.path(FEATURES.stage)
    assert verify_artifact(folder, manifest) == []
    assert find_garbage(plan) == []
    assert find_garbage(photo_plan(tmp_path, *SETTINGS, "features.mirror=false")) == [folder]
    chunk = next((folder / FEATURES.file / "tokens").rglob("0"))
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    assert len(verify_artifact(folder, manifest)) == 1


def test_inspect_tells_how_many_and_how_large(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(MissingArtifact, match="maskdistill stage features -c"):
        summarise(Run(plan), FEATURES.stage)
    run_stage(plan, FEATURES.stage, Console(quiet=True))
    found = json.loads(json.dumps(as_json(summarise(Run(plan), FEATURES.stage))))
    assert (found["images"], found["patches"], found["numbers_per_patch"]) == (2, 12, 192)
    assert found["patches_per_image"]["median"] == 6
    assert found["std"]["min"] > 0
    printed = io.StringIO()
    print_summary("features", summarise(Run(plan), FEATURES.stage), Console(file=printed, width=100))
    assert "12 patches" in printed.getvalue()
    assert "patches per image" in printed.getvalue()
    with pytest.raises(InputError, match="features leaves no masks"):
        save_sheet(Run(plan), FEATURES.stage, tmp_path / "sheet.png")


def test_the_settings_left_open_are_those_of_mine(plan: Plan) -> None:
    features, mine = plan.config.features, plan.config.mine
    assert (features.model, features.weights, features.normalise) == (mine.model, mine.weights, mine.normalise)
