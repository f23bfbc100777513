"""What every method of `imitate` must do, whichever it is: a new one in the registry is tested here by its name."""

from pathlib import Path

import pytest
import torch

from helpers.sources import BlobSource
from maskdistill.data.catalog import RESNET
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.methods.slotcon_config import SlotConConfig
from maskdistill.stages.imitate.stage import run
from maskdistill.stages.networks.resnet import build_resnet
from maskdistill.stages.progress import Silent
from maskdistill.stages.registry import IMITATION
from maskdistill.stages.weights import UNTRAINED


@pytest.fixture(params=list(IMITATION.methods))
def config(request: pytest.FixtureRequest) -> ImitateConfig:
    """The settings of each method, on small networks."""
    config = ImitateConfig(
        method=request.param,
        backbone="resnet18",
        model="vit_tiny_patch16_224",
        weights=UNTRAINED,
        image_size=32,
        samples=8,
        batch_size=4,
        precision="fp32",
    )
    return config.model_copy(update={"slotcon": SlotConConfig(hidden=32)})


def train(config: ImitateConfig, folder: Path, seed: int = 0) -> Path:
    folder.mkdir()
    run(config, StageInputs(BlobSource(), {}, seed, ExecutionConfig(device="cpu")), folder, Silent())
    return folder / RESNET.file


def test_it_leaves_a_resnet_that_others_start_from(config: ImitateConfig, tmp_path: Path) -> None:
    resnet = build_resnet("resnet18", train(config, tmp_path / "run"))
    with torch.inference_mode():
        assert torch.isfinite(resnet.eval()(torch.zeros(1, 3, 64, 64))).all()
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {RESNET.file}
    assert not list((tmp_path / "run").glob("*.pt"))


def test_the_same_seed_gives_the_same_weights_and_another_one_others(config: ImitateConfig, tmp_path: Path) -> None:
    states = [
        build_resnet("resnet18", train(config, tmp_path / str(number), seed)).state_dict()
        for number, seed in enumerate((0, 0, 1))
    ]
    first, same, other = states
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
