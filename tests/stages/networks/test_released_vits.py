"""Files as the authors of DINO and DINOv2 release them: their names, and what their networks compute."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.weights import UNTRAINED, WeightsSource

State = dict[str, Tensor]

DINO_BLOCK = {
    "norm1.weight": (384,), "norm1.bias": (384,),
    "attn.qkv.weight": (1152, 384), "attn.qkv.bias": (1152,),
    "attn.proj.weight": (384, 384), "attn.proj.bias": (384,),
    "norm2.weight": (384,), "norm2.bias": (384,),
    "mlp.fc1.weight": (1536, 384), "mlp.fc1.bias": (1536,),
    "mlp.fc2.weight": (384, 1536), "mlp.fc2.bias": (384,),
}  # fmt: skip
DINO_SMALL = {
    "cls_token": (1, 1, 384), "pos_embed": (1, 197, 384),
    "patch_embed.proj.weight": (384, 3, 16, 16), "patch_embed.proj.bias": (384,),
    **{f"blocks.{block}.{name}": shape for block in range(12) for name, shape in DINO_BLOCK.items()},
    "norm.weight": (384,), "norm.bias": (384,),
}  # fmt: skip
"""Names and shapes of `vit_small` with patches of 16 px in the original DINO repository, as in its released files."""
DINO_HEAD = ("mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.4.bias", "last_layer.weight_g", "last_layer.weight_v")


@pytest.fixture(scope="module")
def original_dino() -> State:
    generator = torch.Generator().manual_seed(7)
    return {name: torch.randn(shape, generator=generator) * 0.05 for name, shape in DINO_SMALL.items()}


def dino_training(backbone: State) -> dict[str, Any]:
    """A whole checkpoint of a training with the original code: wrapped networks, optimiser, arguments."""
    head = {f"module.head.{name}": torch.zeros(2) for name in DINO_HEAD}
    return {
        "student": {f"module.backbone.{name}": torch.zeros(1) for name in backbone} | head,
        "teacher": {f"module.backbone.{name}": value for name, value in backbone.items()} | head,
        "optimizer": {"state": {}, "param_groups": [{"lr": 5e-4}]},
        "epoch": 800,
        "args": argparse.Namespace(arch="vit_small", patch_size=16),
        "dino_loss": {"center": torch.zeros(1, 2)},
    }


@pytest.mark.parametrize(
    "wrap",
    [
        lambda backbone: backbone,
        lambda backbone: {f"module.{name}": value for name, value in backbone.items()},
        lambda backbone: {f"backbone.{name}": value for name, value in backbone.items()},
        lambda backbone: {"teacher": {f"backbone.{name}": value for name, value in backbone.items()}},
        dino_training,
    ],
    ids=["backbone only", "module.", "backbone.", "teacher", "whole training"],
)
@pytest.mark.parametrize("model", ["vit_small_patch16_224.dino", "vit_small_patch16_224"])
def test_original_dino_names_are_read(
    wrap: Callable[[State], Any], model: str, original_dino: State, tmp_path: Path
) -> None:
    torch.save(wrap(original_dino), tmp_path / "dino.pth")
    backbone = load_vit(model, WeightsSource.parse(str(tmp_path / "dino.pth")), normalise="imagenet")
    loaded = backbone.model.state_dict()
    assert set(loaded) == set(original_dino)
    assert all(torch.equal(value, original_dino[name]) for name, value in loaded.items())
    assert (backbone.n_blocks, backbone.n_heads, backbone.patch_size, backbone.dim) == (12, 6, 16, 384)
    assert backbone.mean == pytest.approx((0.485, 0.456, 0.406))
    assert backbone.std == pytest.approx((0.229, 0.224, 0.225))


def original_dino_forward(state: State, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys of the last block and the class token, written out after the paper with no code of timm."""

    def linear(name: str, tokens: Tensor) -> Tensor:
        return F.linear(tokens, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(name: str, tokens: Tensor) -> Tensor:
        return F.layer_norm(tokens, (384,), state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-6)

    patches = F.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=16)
    tokens = torch.cat([state["cls_token"].expand(len(images), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
    tokens = tokens + state["pos_embed"]
    for i in range(12):
        name = f"blocks.{i}"
        projected = linear(f"{name}.attn.qkv", norm(f"{name}.norm1", tokens))
        q, k, v = projected.view(len(images), -1, 3, 6, 64).permute(2, 0, 3, 1, 4)
        mixed = ((q @ k.transpose(2, 3)) / 8).softmax(dim=-1) @ v
        tokens = tokens + linear(f"{name}.attn.proj", mixed.transpose(1, 2).flatten(2))
        hidden = F.gelu(linear(f"{name}.mlp.fc1", norm(f"{name}.norm2", tokens)))
        tokens = tokens + linear(f"{name}.mlp.fc2", hidden)
    return q, k, norm("norm", tokens)[:, 0]


@torch.inference_mode()
def test_original_dino_weights_compute_what_the_original_computes(original_dino: State, tmp_path: Path) -> None:
    torch.save(dino_training(original_dino), tmp_path / "dino.pth")
    backbone = load_vit("vit_small_patch16_224.dino", WeightsSource.parse(str(tmp_path / "dino.pth")))
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(8))
    queries, keys, class_token = original_dino_forward(original_dino, images)
    torch.testing.assert_close(backbone.queries_keys(images)[0], queries, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(backbone.queries_keys(images)[1], keys, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(backbone.class_token(images), class_token, rtol=1e-4, atol=1e-4)


def test_original_dinov2_names_are_read(tmp_path: Path) -> None:
    name = "vit_small_patch14_reg4_dinov2"
    state = load_vit(name, UNTRAINED, seed=1).model.state_dict()
    cls_pos = torch.full((1, 1, 384), 0.25)
    original = {k.replace("reg_token", "register_tokens"): v for k, v in state.items()}
    original |= {"mask_token": torch.zeros(1, 384), "pos_embed": torch.cat([cls_pos, state["pos_embed"]], 1)}
    torch.save(original, tmp_path / "dinov2.pth")
    loaded = load_vit(name, WeightsSource.parse(str(tmp_path / "dinov2.pth")), seed=2).model
    assert torch.equal(loaded.reg_token, state["reg_token"])
    torch.testing.assert_close(loaded.cls_token, state["cls_token"] + cls_pos)
