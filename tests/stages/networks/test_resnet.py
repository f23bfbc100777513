"""Self-supervised weights in the layouts that people have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.resnet import ResNetName, build_resnet, freeze_norm, freeze_stages

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def trunk() -> State:
    torch.manual_seed(1)
    return {name: value.clone() for name, value in build_resnet("resnet18", None).state_dict().items()}


def prefixed(tensors: State, prefix: str) -> State:
    return {prefix + name: value for name, value in tensors.items()}


def halved(tensors: State) -> State:
    """A second encoder, which must not be taken for the first."""
    return {name: value // 2 if value.dtype == torch.int64 else value / 2 for name, value in tensors.items()}


NOISE = {"module.projection_head.0.weight": torch.zeros(2), "module.prototypes.weight": torch.zeros(2)}


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda t: t, id="torchvision, DINO"),
        pytest.param(lambda t: {**t, "fc.weight": torch.zeros(5, 512), "fc.bias": torch.zeros(5)}, id="classifier"),
        pytest.param(lambda t: {"state_dict": prefixed(t, "module.encoder_q."), "epoch": 3}, id="MoCo v2"),
        pytest.param(lambda t: {**prefixed(t, "module.pre."), "module.pre.fc.weight": torch.ones(3, 5)}, id="AugNet"),
        pytest.param(
            lambda t: {
                "state_dict": {
                    **prefixed(halved(t), "module.momentum_encoder."),
                    **prefixed(t, "module.base_encoder."),
                }
            },
            id="MoCo v3 prefers the trained encoder",
        ),
        pytest.param(lambda t: {"state_dict": prefixed(t, "module.momentum_encoder.")}, id="MoCo v3, momentum only"),
        pytest.param(lambda t: {**prefixed(t, "module."), **NOISE}, id="SwAV"),
        pytest.param(lambda t: {"state_dict": prefixed(t, "backbone.")}, id="DenseCL"),
        pytest.param(
            lambda t: {
                "state_dict": {
                    **prefixed(t, "encoder_q.0."),
                    **prefixed(halved(t), "encoder_k.0."),
                    "queue": t["bn1.bias"],
                }
            },
            id="DenseCL, full checkpoint",
        ),
        pytest.param(
            lambda t: {"model": {**prefixed(t, "module.encoder_q."), **prefixed(halved(t), "module.encoder_k.")}},
            id="SlotCon prefers the trained encoder",
        ),
        pytest.param(lambda t: {"model": prefixed(t, "module.encoder_k.")}, id="SlotCon, momentum only"),
        pytest.param(lambda t: {"teacher": prefixed(t, "backbone."), "student": {}}, id="DINO, full checkpoint"),
    ],
)
def test_layouts(trunk: State, wrap: Callable[[State], Any], tmp_path: Path) -> None:
    torch.save(wrap(trunk), tmp_path / "weights.pth")
    loaded = build_resnet("resnet18", tmp_path / "weights.pth").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in trunk.items())


def test_safetensors(trunk: State, tmp_path: Path) -> None:
    save_file(trunk, tmp_path / "weights.safetensors")
    loaded = build_resnet("resnet18", tmp_path / "weights.safetensors").state_dict()
    assert torch.equal(loaded["layer4.1.conv2.weight"], trunk["layer4.1.conv2.weight"])


def test_missing_keys_are_named(trunk: State, tmp_path: Path) -> None:
    torch.save({name: value for name, value in trunk.items() if "layer4" not in name}, tmp_path / "cut.pth")
    with pytest.raises(InputError, match=r"cut\.pth is not a resnet18: it lacks layer4\.0\.conv1\.weight"):
        build_resnet("resnet18", tmp_path / "cut.pth")


@pytest.mark.parametrize(("stored", "wanted"), [("resnet18", "resnet50"), ("resnet50", "resnet18")])
def test_wrong_depth(tmp_path: Path, stored: ResNetName, wanted: ResNetName) -> None:
    torch.save(build_resnet(stored, None).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(InputError, match=f"not a {wanted}"):
        build_resnet(wanted, tmp_path / "weights.pth")


def test_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": pytest.Module}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match=r"evil\.pth: cannot be read"):
        build_resnet("resnet18", tmp_path / "evil.pth")


def test_missing_file() -> None:
    with pytest.raises(InputError, match=r"nowhere\.pth: there is no such file"):
        build_resnet("resnet18", Path("nowhere.pth"))


def test_frozen_parts_stay_and_the_rest_learns() -> None:
    model = build_resnet("resnet18", None)
    freeze_stages(model, 2)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1, weight_decay=0.1)
    model(torch.rand(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()
    changed = {name.partition(".")[0] for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == {"layer3", "layer4"}


def test_frozen_norm_computes_what_eval_does() -> None:
    model = build_resnet("resnet18", None)
    model.bn1.running_mean += 0.3
    image = torch.rand(1, 3, 32, 32)
    expected = model.eval()(image)
    torch.testing.assert_close(freeze_norm(model).train()(image), expected)
