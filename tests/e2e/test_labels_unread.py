"""No stage's result depends on labels: all five on the same images with labels, with wrong ones and without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from helpers.sources import write_image
from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.scenes.source import SceneSource
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage

CONFIG = """
data: {kind: folder, root: ROOT/images, val: val}
mine: {model: vit_tiny_patch16_224, weights: random, affinity: {short_side: 48}}
cluster: {k: 2, max_side: 48}
distill: {backbone: resnet18, heads: slim, image_size: 48, max_size: 48, iterations: 2, batch_size: 2,
          max_candidates: 3, min_score: 0.0}
filter: {threshold: 0.5}
segment: {backbone: resnet18, output_stride: 16, crop: 48, iterations: 2, batch_size: 2}
execution: {device: cpu}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, their labels, and the same labels in another order under other classes."""
    root = tmp_path_factory.mktemp("labelled")
    source = SceneSource(ScenesConfig(kind="scenes", n_train=6, n_val=2, size=48))
    names = source.class_names
    assert names is not None
    other_class = np.asarray([0, *np.roll(np.arange(1, len(names)), 1)], dtype=np.uint8)
    for i in range(len(source)):
        name = f"val/{i}.png" if i >= source.n_train else f"{i}.png"
        pictures = {
            "images": source.read(i),
            "labels": source.read_labels(i),
            "shuffled": other_class[source.read_labels(len(source) - 1 - i)],
        }
        for kind, pixels in pictures.items():
            write_image(root / kind / name, pixels)
    (root / "classes.txt").write_text("\n".join(names))
    (root / "config.yaml").write_text(CONFIG.replace("ROOT", str(root)))
    return root


def run_all(folder: Path, labels: str | None) -> Plan:
    overrides = [f"artifacts={folder / f'artifacts_{labels}'}"]
    if labels:
        overrides += [f"data.labels={folder / labels}", f"data.class_file={folder / 'classes.txt'}"]
    plan = Plan(ConfigSource((folder / "config.yaml",), tuple(overrides)))
    for name in STAGE_NAMES:
        run_stage(plan, name, Console(quiet=True))
    return plan


def result(plan: Plan, stage: str) -> dict[str, Any]:
    """Key, content of every store and weights file, and metrics of an artifact."""
    manifest = plan.manifest(stage)
    assert manifest is not None
    files = {
        name: record.sha256 for name, record in manifest.files.items() if ".zarr/" in name or "safetensors" in name
    }
    assert files
    return {"key": manifest.key, "items": manifest.items, "metrics": manifest.metrics, "files": files}


def test_no_stage_changes_with_the_labels(folder: Path) -> None:
    labelled, shuffled, unlabelled = (run_all(folder, labels) for labels in ("labels", "shuffled", None))
    for stage in STAGE_NAMES:
        assert result(shuffled, stage) == result(labelled, stage)
        assert result(unlabelled, stage) == result(labelled, stage)
    # What is there to be read does differ.
    scores = [evaluate_stage(plan, "mine", Console(quiet=True)) for plan in (labelled, shuffled, unlabelled)]
    assert scores[0] != scores[1]
    assert scores[2] == {"status": "no ground truth"}
