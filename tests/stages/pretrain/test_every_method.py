"""What every method of pre-training must do, whichever it is: a new one in the registry is tested here by its name."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.sources import BlobSource, SealedSource
from maskdistill.data.catalog import VIT, VIT_ARGUMENTS
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.stage import run
from maskdistill.stages.progress import Silent
from maskdistill.stages.registry import PRETRAINING
from maskdistill.stages.weights import WeightsSource

COMMON: dict[str, Any] = {
    "overrides": {"img_size": 32, "patch_size": 8, "depth": 2},
    "image_size": 32,
    "samples": 8,
    "batch_size": 4,
    "views": {"global_size": 24, "local_size": 16, "n_local": 1},
    "precision": "fp32",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "prototypes": {"counts": [3, 5], "dense_patches": 2},
    "dino": {"outputs": 16, "hidden": 8, "bottleneck": 4},
}
"""Of methods that would take long with their own defaults here."""


@pytest.fixture(params=list(PRETRAINING.methods))
def config(request: pytest.FixtureRequest) -> PretrainConfig:
    """The settings of each method."""
    name = request.param
    own = {name: SETTINGS[name]} if name in SETTINGS else {}
    return PretrainConfig.model_validate({**COMMON, "method": name, **own})


def train(config: PretrainConfig, folder: Path, seed: int = 0, source: ImageSource | None = None) -> Path:
    folder.mkdir()
    run(config, StageInputs(source or BlobSource(), {}, seed, ExecutionConfig(device="cpu")), folder, Silent())
    return folder / VIT.file


def test_it_leaves_a_vit_that_can_be_loaded(config: PretrainConfig, tmp_path: Path) -> None:
    path = train(config, tmp_path / "run")
    vit = load_vit("-", WeightsSource.parse(str(path)))
    assert (vit.patch_size, vit.n_blocks) == (8, 2)
    with torch.inference_mode():
        assert torch.isfinite(vit.tokens(torch.zeros(1, 3, 32, 32))).all()
    assert path.with_name(VIT_ARGUMENTS.file).exists()
    assert not [left for left in path.parent.iterdir() if left.suffix in (".npy", ".pt")]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(config: PretrainConfig, tmp_path: Path) -> None:
    paths = [train(config, tmp_path / str(number), seed) for number, seed in enumerate((0, 0, 1))]
    first, same, other = (load_vit("-", WeightsSource.parse(str(path))).state_dict() for path in paths)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_labels_are_never_read(config: PretrainConfig, tmp_path: Path) -> None:
    train(config, tmp_path / "run", source=SealedSource())


def test_settings_of_methods_that_are_not_chosen_are_no_part_of_the_key(config: PretrainConfig) -> None:
    assert set(PRETRAINING.methods) & set(config.used()) == {config.method}
