"""`maskdistill export model`: the network for other programs, and its card."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from helpers.small_vit import save_small_vit
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.cli import app
from maskdistill.pipeline.apps.export.model import read_size
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.start import describe_start, find_start
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


@pytest.fixture
def detector_file(tmp_path: Path) -> Path:
    """A detector of regions without a run."""
    own = {"backend": "regions", "backbone": "vit", "weights": save_small_vit(tmp_path / "vit.safetensors"),
           "vit": {"model": "-"}, "regions": {"blocks": (1, -1)}, "image_size": 64}  # fmt: skip
    config = DistillConfig.model_validate(own)
    start = find_start(config, {}, seed=0)
    described = {"config": config.model_dump(mode="json"), "n_clusters": 2, **describe_start(start)}
    path = tmp_path / "detector.safetensors"
    save_weights(path, create_detector(config, 2, start).module, described)
    return path


def test_a_detector_is_written_too(detector_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = export("--artifact", str(detector_file), "--format", "onnx", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert (out / "detector.onnx").stat().st_size > 0
    card = json.loads((out / "model.json").read_text())
    assert [output["name"] for output in card["outputs"]] == ["probabilities"]
    assert card["classes"] == ["background", "cluster 0", "cluster 1"]
    assert "candidate of each connected region" in (out / "README.md").read_text()
    refused = export("--artifact", str(detector_file), "--format", "onnx", "--out", str(out), "--force",
                     "--stage", "segment")  # fmt: skip
    assert isinstance(refused.exception, InputError) and "a model of distill" in str(refused.exception)


def test_sizes_are_height_and_width() -> None:
    assert read_size("480x640") == (480, 640)
