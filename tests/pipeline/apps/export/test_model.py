"""`maskdistill export model`: the network for other programs, and its card."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.cli import app
from maskdistill.pipeline.apps.export.model import read_size
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.model import Segmenter

SETTINGS = SegmentConfig.model_validate({"backbone": "resnet18", "stages": 3, "crop": 32, "head": "linear"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A segmenter without a run."""
    torch.manual_seed(0)
    path = tmp_path / "segmenter.safetensors"
    save_weights(path, Segmenter(SETTINGS, 4), {"config": SETTINGS.model_dump(), "n_classes": 4})
    return path


def export(*options: str) -> Result:
    return CliRunner().invoke(app, ["export", "model", *options])


def test_torchscript_comes_with_a_card(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = export("--artifact", str(file), "--format", "torchscript", "--size", "40x48", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "segmenter.torchscript.pt", "model.json", "README.md", "export.json"}  # fmt: skip
    card = json.loads((out / "model.json").read_text())
    assert card["classes"] == ["background", "cluster 0", "cluster 1", "cluster 2"]
    assert card["input"]["fitted_to_hw"] == [40, 48]
    assert card["scores"] is None and card["settings"]["segment"]["backbone"] == "resnet18"
    assert "nobody has measured" in (out / "README.md").read_text()
    again = export("--artifact", str(file), "--format", "torchscript", "--out", str(out))
    assert isinstance(again.exception, InputError) and "--force" in str(again.exception)
    assert export("--artifact", str(file), "--format", "torchscript", "--out", str(out), "--force").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "coco"), "a model is written as onnx or torchscript"),
        (("--format", "onnx", "--size", "4x4"), "any size"),
        (("--format", "torchscript", "--size", "4"), "height and width"),
    ],
)
def test_what_cannot_be_written_is_said(file: Path, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    result = export("--artifact", str(file), "--out", str(tmp_path / "out"), *options)
    assert isinstance(result.exception, InputError) and message in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_sizes_are_height_and_width() -> None:
    assert read_size("480x640") == (480, 640)
