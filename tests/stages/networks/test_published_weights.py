"""Weights as their authors publish them: endings, wrappers, prefixes, and names of other libraries."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.model_names import nearest_names, timm_name
from maskdistill.stages.networks.resnet import build_resnet
from maskdistill.stages.networks.vit_build import build_vit
from maskdistill.stages.networks.vit_weights import load_weights

TINY = "vit_tiny_patch16_224"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def vit() -> State:
    torch.manual_seed(5)
    state: State = timm.create_model(TINY, num_classes=0, depth=2).state_dict()
    return state


def load(path: Path, model: str = TINY, **overrides: int) -> State:
    """The parameters of a ViT of two blocks, loaded from a file."""
    network = build_vit(model, {"depth": 2, **overrides})
    load_weights(network, path, "mine")
    return dict(network.state_dict())


def same(loaded: State, wanted: State) -> bool:
    return loaded.keys() == wanted.keys() and all(torch.equal(value, wanted[name]) for name, value in loaded.items())


@pytest.mark.parametrize("name", ["x.pth.tar", "x.PTH", "x.bin", "x.ckpt", "x.pt", "X.Pth.Tar"])
def test_any_ending_of_weights_is_read(name: str, vit: State, tmp_path: Path) -> None:
    torch.save(vit, tmp_path / name)
    assert same(load(tmp_path / name), vit)


def prefixed(prefix: str) -> Callable[[State], Any]:
    return lambda state: {f"{prefix}{name}": value for name, value in state.items()}


PREFIXES = [
    "module.",
    "model.",
    "net.",
    "net.vit.",
    "_orig_mod.",
    "module.base_encoder.",
    "teacher_momentum.",
    "a.b.c.",
]
WRAPPERS = ["state_dict", "model_state_dict", "model", "teacher", "ema_state_dict", "module", "generator"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_is_taken_off(prefix: str, vit: State, tmp_path: Path) -> None:
    torch.save({"state_dict": prefixed(prefix)(vit), "hyper_parameters": {"lr": 1}}, tmp_path / "x.pth")
    assert same(load(tmp_path / "x.pth"), vit)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_any_wrapper_is_opened(wrapper: str, vit: State, tmp_path: Path) -> None:
    torch.save({wrapper: vit, "epoch": 3, "optimizer": {"x": torch.zeros(1)}}, tmp_path / "x.pth")
    assert same(load(tmp_path / "x.pth"), vit)


def test_what_trainings_write_down_besides_does_no_harm(vit: State, tmp_path: Path) -> None:
    besides = {
        "args": argparse.Namespace(lr=0.1, output=Path("/out")),
        "best": np.float64(0.7),
        "epoch": np.int64(3),
        "done": np.bool_(True),
        "losses": np.zeros(3),
    }
    torch.save({"model": vit, **besides}, tmp_path / "x.pth")
    assert same(load(tmp_path / "x.pth"), vit)


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        ("module.base_encoder.", "module.momentum_encoder."),
        ("teacher.backbone.", "student.backbone."),
        ("model.", "model_ema."),
    ],
)
def test_of_two_networks_the_trained_one_is_taken(wanted: str, other: str, vit: State, tmp_path: Path) -> None:
    zeros = {name: torch.zeros_like(value) for name, value in vit.items()}
    torch.save({"state_dict": prefixed(other)(zeros) | prefixed(wanted)(vit)}, tmp_path / "x.pth")
    assert same(load(tmp_path / "x.pth"), vit)


def hugging_face(state: State, prefix: str) -> State:
    """The names of its ViT, from its own documents."""
    names = {"pos_embed": "embeddings.position_embeddings", "cls_token": "embeddings.cls_token"}
    found: State = {}
    for name, value in state.items():
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name)
        if block is None:
            theirs = names.get(name) or name.replace("patch_embed.proj", "embeddings.patch_embeddings.projection")
            found[prefix + (f"layernorm.{name.rpartition('.')[2]}" if name.startswith("norm.") else theirs)] = value
            continue
        number, part, kind = block.groups()
        layer = f"{prefix}encoder.layer.{number}"
        if part == "attn.qkv":
            for one, piece in zip(("query", "key", "value"), value.chunk(3), strict=True):
                found[f"{layer}.attention.attention.{one}.{kind}"] = piece.clone()
        else:
            theirs = {
                "attn.proj": "attention.output.dense",
                "mlp.fc1": "intermediate.dense",
                "mlp.fc2": "output.dense",
                "norm1": "layernorm_before",
                "norm2": "layernorm_after",
            }[part]
            found[f"{layer}.{theirs}.{kind}"] = value
    return found | {f"{prefix}pooler.dense.weight": torch.zeros(2, 2)}


@pytest.mark.parametrize("prefix", ["", "vit."])
def test_a_vit_of_hugging_face_is_read(prefix: str, vit: State, tmp_path: Path) -> None:
    save_file(
        {name: value.contiguous() for name, value in hugging_face(vit, prefix).items()}, tmp_path / "x.safetensors"
    )
    assert same(load(tmp_path / "x.safetensors"), vit)


def hugging_face_dinov2(state: State) -> State:
    found: State = {"embeddings.mask_token": torch.zeros(1, 384)}
    common = {name: value for name, value in state.items() if ".ls" not in name and name != "reg_token"}
    changes = {"layernorm_before": "norm1", "layernorm_after": "norm2", "intermediate.dense": "mlp.fc1"}
    for name, value in hugging_face(common, "").items():
        theirs = re.sub("|".join(changes), lambda found: changes[found[0]], name)
        found[re.sub(r"(layer\.\d+)\.output\.dense", r"\1.mlp.fc2", theirs)] = value
    del found["pooler.dense.weight"]
    for name, value in state.items():
        if ".ls" in name:
            number, which = name.split(".")[1], name.split(".")[2][-1]
            found[f"encoder.layer.{number}.layer_scale{which}.lambda1"] = value
    tokens = torch.zeros(1, 1, 384)  # timm adds the position of the class token to the token itself
    found["embeddings.position_embeddings"] = torch.cat([tokens, state["pos_embed"]], dim=1)
    return found | {"embeddings.register_tokens": state["reg_token"]}


def test_a_dinov2_of_hugging_face_is_read(tmp_path: Path) -> None:
    model = "vit_small_patch14_reg4_dinov2"
    wanted = dict(build_vit(model, {"depth": 2, "img_size": 70}, seed=3).state_dict())
    theirs = {name: value.contiguous() for name, value in hugging_face_dinov2(wanted).items()}
    save_file(theirs, tmp_path / "x.safetensors")
    assert same(load(tmp_path / "x.safetensors", model, img_size=70), wanted)


@pytest.mark.parametrize("prefix", ["", "module.", "module.encoder_q.", "model.", "net.trunk.", "_orig_mod."])
def test_a_resnet_with_any_prefix_is_read(prefix: str, tmp_path: Path) -> None:
    state = build_resnet("resnet18", None).state_dict()
    torch.save({"state_dict": prefixed(prefix)(state), "arch": "resnet18"}, tmp_path / "moco.pth.tar")
    assert same(dict(build_resnet("resnet18", tmp_path / "moco.pth.tar").state_dict()), dict(state))


NAMES = {
    "dino_vits16": "vit_small_patch16_224.dino",
    "dino_vitb8": "vit_base_patch8_224.dino",
    "facebook/dino-vits8": "vit_small_patch8_224.dino",
    "dino_deitsmall16_pretrain": "vit_small_patch16_224.dino",
    "dinov2_vits14": "vit_small_patch14_dinov2.lvd142m",
    "dinov2_vitb14_reg": "vit_base_patch14_reg4_dinov2.lvd142m",
    "facebook/dinov2-large": "vit_large_patch14_dinov2.lvd142m",
    "facebook/dinov2-with-registers-small": "vit_small_patch14_reg4_dinov2.lvd142m",
    "facebook/vit-mae-base": "vit_base_patch16_224.mae",
    "mae_vit_large_patch16": "vit_large_patch16_224.mae",
}


@pytest.mark.parametrize(("theirs", "ours"), NAMES.items())
def test_names_of_others_lead_to_those_of_timm(theirs: str, ours: str) -> None:
    assert timm_name(theirs) == ours
    assert ours in timm.list_pretrained()
    with pytest.raises(InputError, match=rf"is called {re.escape(ours)} by timm; set mine\.model={re.escape(ours)}"):
        build_vit(theirs)


@pytest.mark.parametrize("name", ["vit_small_patch16_224", "resnet50", "dino", "vit_small", ""])
def test_other_names_are_left_alone(name: str) -> None:
    assert timm_name(name) is None


def test_the_beginning_of_a_name_finds_those_that_begin_so() -> None:
    assert nearest_names("vit_small", timm.list_models())[0].startswith("vit_small_patch")
