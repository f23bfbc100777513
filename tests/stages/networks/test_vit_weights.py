"""Weights of a ViT in the shapes people have them, and what is said of those that do not fit."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.vit import build_backbone, load_vit
from maskdistill.stages.networks.vit_weights import Architecture, read_architecture
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.weights import WeightsSource

TINY = "vit_tiny_patch16_224"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def trained() -> State:
    torch.manual_seed(5)
    state: State = timm.create_model(TINY, num_classes=0).state_dict()
    return state


WRAPPINGS: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "dino teacher": lambda state: {
        "student": {"module.backbone.cls_token": torch.zeros(1)},
        "teacher": {f"module.backbone.{k}": v for k, v in state.items()} | {"module.head.mlp.0.bias": torch.zeros(2)},
        "epoch": 3,
        "args": argparse.Namespace(lr=0.1),
    },
    "state_dict": lambda state: {"state_dict": {f"module.encoder.{k}": v for k, v in state.items()}},
    "classifier": lambda state: {"model": state | {"head.weight": torch.zeros(10, 192), "head.bias": torch.zeros(10)}},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_checkpoints_are_unwrapped(wrapping: str, trained: State, tmp_path: Path) -> None:
    torch.save(WRAPPINGS[wrapping](trained), tmp_path / "weights.pth")
    backbone = load_vit(TINY, WeightsSource.parse(str(tmp_path / "weights.pth")), normalise="half")
    assert all(torch.equal(value, trained[name]) for name, value in backbone.model.state_dict().items())


def test_safetensors_are_read(trained: State, tmp_path: Path) -> None:
    save_file(trained, tmp_path / "weights.safetensors")
    backbone = load_vit(TINY, WeightsSource.parse(str(tmp_path / "weights.safetensors")), normalise="half")
    assert torch.equal(backbone.model.cls_token, trained["cls_token"])


def test_position_embeddings_of_another_grid_are_resampled(trained: State, tmp_path: Path) -> None:
    other = timm.create_model(TINY, num_classes=0, img_size=96).state_dict()
    torch.save(other, tmp_path / "small.pt")
    backbone = load_vit(TINY, WeightsSource.parse(str(tmp_path / "small.pt")), normalise="half")
    assert backbone.model.pos_embed.shape == trained["pos_embed"].shape
    assert torch.equal(backbone.model.cls_token, other["cls_token"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda state: state.pop("blocks.3.norm1.bias"), "missing blocks.3.norm1.bias"),
        (lambda state: state.update({"blocks.12.norm1.bias": torch.zeros(192)}), "unexpected blocks.12.norm1.bias"),
        (lambda state: state.update({"cls_token": torch.zeros(1, 1, 7)}), "size mismatch for cls_token"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[State], Any], text: str, trained: State, tmp_path: Path) -> None:
    state = dict(trained)
    change(state)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=text) as caught:
        load_vit(TINY, WeightsSource.parse(str(tmp_path / "weights.pth")))
    assert "mine.weights" in str(caught.value)
    assert "weights.pth" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02N."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_that_are_no_weights_are_named(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="bad"):
        load_vit(TINY, WeightsSource.parse(str(path)))


@pytest.mark.parametrize("overrides", [{"img_size": "32"}, {"pretrained": 1}, [1]])
def test_arguments_from_a_file_are_not_trusted(tmp_path: Path, overrides: Any) -> None:
    path = tmp_path / "vit.safetensors"
    save_weights(path, torch.nn.Linear(1, 1), {"model": TINY, "overrides": overrides})
    assert read_architecture(path) is None


def test_a_file_of_the_pretrain_stage_brings_its_architecture(tmp_path: Path) -> None:
    overrides: dict[str, Any] = {"img_size": 32, "patch_size": 8, "depth": 2}
    network: Any = timm.create_model(TINY, num_classes=0, **overrides)
    save_weights(tmp_path / "vit.safetensors", network.half(), {"model": TINY, "overrides": overrides})
    backbone = load_vit("vit_base_patch16_224", WeightsSource.parse("pretrain"), {"pretrain": tmp_path})
    assert (backbone.patch_size, backbone.n_blocks, backbone.dim) == (8, 2, 192)
    assert torch.equal(backbone.model.blocks[1].attn.qkv.weight, network.float().blocks[1].attn.qkv.weight)


@torch.inference_mode()
def test_a_backbone_is_rebuilt_from_its_description(tmp_path: Path) -> None:
    """What a trained detector or segmenter holds of its ViT does for the same features, without the file it was of."""
    overrides: dict[str, Any] = {"img_size": 32, "patch_size": 8, "depth": 2}
    save_weights(
        tmp_path / "vit.safetensors",
        timm.create_model(TINY, num_classes=0, **overrides),
        {"model": TINY, "overrides": overrides, "pixels": {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]}},
    )
    backbone = load_vit("-", WeightsSource.parse("pretrain"), {"pretrain": tmp_path})
    again = build_backbone(Architecture.of(json.loads(json.dumps(backbone.architecture.described()))))
    again.load_state_dict(backbone.state_dict())
    images = torch.randn(1, 3, 24, 40)
    assert torch.equal(again.class_token(images), backbone.class_token(images))
    assert (again.mean, again.std) == (backbone.mean, backbone.std) == ((0.1, 0.2, 0.3), (1, 2, 3))
