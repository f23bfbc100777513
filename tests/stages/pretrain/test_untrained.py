"""A ViT that has learnt nothing: what it has in common with the trained one that it stands beside."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from helpers.paths import ROOT
from helpers.sources import BlobSource
from maskdistill.data.catalog import VIT, VIT_ARGUMENTS
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.networks.vit import VisionBackbone, load_vit
from maskdistill.stages.networks.vit_weights import read_architecture
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.stage import run
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.pool import square
from maskdistill.stages.weights import WeightsSource

MODEL = "vit_tiny_patch16_224"
TRAINED = str(ROOT / "configs" / "weights" / "scenes_vit.safetensors")


def untrained(folder: Path, seed: int = 0, model: str = MODEL, **own: object) -> VisionBackbone:
    """The ViT that the stage writes into a folder."""
    config = PretrainConfig.model_validate({"method": "untrained", "model": model, "untrained": own})
    folder.mkdir(exist_ok=True)
    outputs = run(config, StageInputs(BlobSource(), {}, seed, ExecutionConfig(device="cpu")), folder, Silent())
    assert outputs.items == 0
    assert {path.name for path in folder.iterdir()} == {VIT.file, VIT_ARGUMENTS.file}
    return load_vit("-", WeightsSource.parse(str(folder / VIT.file)))


def test_it_has_the_architecture_of_the_trained_one(tmp_path: Path) -> None:
    states = [untrained(tmp_path / str(seed), seed, "not used", like=TRAINED).state_dict() for seed in (0, 1)]
    trained = load_vit("-", WeightsSource.parse(TRAINED)).state_dict()
    assert {name: value.shape for name, value in states[0].items()} == {n: value.shape for n, value in trained.items()}
    name = "model.blocks.0.attn.qkv.weight"
    assert not torch.equal(states[0][name], states[1][name])


def test_beside_a_model_by_name_it_is_that_model(tmp_path: Path) -> None:
    untrained(tmp_path, like="random")
    found = read_architecture(tmp_path / VIT.file)
    assert found is not None
    assert found[:2] == (MODEL, {})


def test_without_one_it_is_what_this_stage_would_train(tmp_path: Path) -> None:
    untrained(tmp_path)
    found = read_architecture(tmp_path / VIT.file)
    assert found is not None
    assert found[:2] == (MODEL, PretrainConfig().overrides)


def test_it_sees_pixels_as_the_trained_one_does(tmp_path: Path) -> None:
    torch.save(timm.create_model(MODEL, num_classes=0).state_dict(), tmp_path / "trained.pth")
    vit = untrained(tmp_path / "own", like=str(tmp_path / "trained.pth"), normalise="imagenet")
    assert (vit.mean, vit.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("key_offset", [None, 0.0])
def test_its_keys_lose_their_mean_where_the_trained_ones_did(key_offset: float | None, tmp_path: Path) -> None:
    overrides: dict[str, Any] = {"img_size": 64, "patch_size": 16, "depth": 2}
    network = timm.create_model(MODEL, num_classes=0, **overrides)
    description = {"model": MODEL, "overrides": overrides, "config": {"key_offset": key_offset, "image_size": 64}}
    save_weights(tmp_path / "trained.safetensors", network, description)
    vit = untrained(tmp_path / "own", like=str(tmp_path / "trained.safetensors"))
    source = BlobSource()
    squares = np.stack([square(source.read(i), 64) for i in range(source.n_train)])
    images = (torch.from_numpy(squares).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    mean = vit.queries_keys(images)[1][:, :, 1:].mean(dim=(0, 2))
    assert (mean.norm() < 1e-4) == (key_offset == 0.0)
