"""Weights whose values no network can work with are refused by name; counters stay the integers that they are."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.foreign_weights import read_weights
from maskdistill.stages.networks.resnet import build_resnet
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.weights import WeightsSource

TINY = "vit_tiny_patch16_224"


def with_one(value: float) -> Callable[[Tensor], Tensor]:
    def change(tensor: Tensor) -> Tensor:
        changed = tensor.clone()
        changed.view(-1)[-1] = value
        return changed

    return change


BAD = {
    "nan": (with_one(float("nan")), "not finite"),
    "infinite": (with_one(-float("inf")), "not finite"),
    "too large for float32": (lambda tensor: tensor.double() + 1e300, "not finite"),
    "complex": (lambda tensor: tensor.to(torch.complex64), "complex64"),
    "integer": (lambda tensor: tensor.to(torch.int32), "int32"),
    "bool": (lambda tensor: tensor > 0, "bool"),
}


@pytest.fixture(scope="module")
def vit() -> dict[str, Tensor]:
    return dict(timm.create_model(TINY, num_classes=0).state_dict())


@pytest.mark.parametrize("kind", BAD)
def test_a_vit_is_refused(kind: str, vit: dict[str, Tensor], tmp_path: Path) -> None:
    change, text = BAD[kind]
    name = "blocks.3.attn.qkv.weight"
    torch.save({f"module.{key}": value for key, value in {**vit, name: change(vit[name])}.items()}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=rf"mine\.weights: .*w\.pth: {name} .*{text}"):
        load_vit(TINY, WeightsSource.parse(str(tmp_path / "w.pth")), normalise="half")


@pytest.mark.parametrize("kind", BAD)
def test_a_resnet_is_refused(kind: str, tmp_path: Path) -> None:
    change, text = BAD[kind]
    state = build_resnet("resnet18", None).state_dict()
    name = "layer2.0.bn1.running_var"
    torch.save({"state_dict": {**state, name: change(state[name])}}, tmp_path / "r.pth")
    with pytest.raises(InputError, match=rf"r\.pth: {name} .*{text}"):
        build_resnet("resnet18", tmp_path / "r.pth")


def test_integer_position_embeddings_are_refused_before_they_are_resampled(tmp_path: Path) -> None:
    state = dict(timm.create_model(TINY, num_classes=0, img_size=96).state_dict())
    torch.save({**state, "pos_embed": state["pos_embed"].int()}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="pos_embed holds int32"):
        load_vit(TINY, WeightsSource.parse(str(tmp_path / "w.pth")), normalise="half")


def test_what_is_not_loaded_may_be_anything(vit: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({**vit, "head.weight": torch.full((2, 192), torch.nan)}, tmp_path / "w.pth")
    assert torch.equal(
        load_vit(TINY, WeightsSource.parse(str(tmp_path / "w.pth")), normalise="half").model.cls_token, vit["cls_token"]
    )


def test_counters_are_integers(tmp_path: Path) -> None:
    state = build_resnet("resnet18", None).state_dict()
    state["bn1.num_batches_tracked"] += 7
    torch.save(state, tmp_path / "r.pth")
    assert build_resnet("resnet18", tmp_path / "r.pth").bn1.num_batches_tracked == 7


def test_half_precision_is_fine(vit: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({name: value.half() for name, value in vit.items()}, tmp_path / "w.pth")
    loaded = load_vit(TINY, WeightsSource.parse(str(tmp_path / "w.pth")), normalise="half").model.cls_token
    assert loaded.dtype == torch.float32


@pytest.mark.parametrize("name", ["state_dict", "model", "x"])
def test_a_file_that_contains_itself_is_refused(name: str, tmp_path: Path) -> None:
    content: dict[str, object] = {}
    content[name] = content
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(InputError, match="no parameters by name"):
        read_weights(tmp_path / "weights.pth", "a test")
