"""What pixels are normalised with: known of some files, asked for otherwise."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.mine import stage
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.networks.normalise import is_original_release
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.progress import Silent
from maskdistill.stages.weights import WeightsSource

TINY = "vit_tiny_patch16_224"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return dict(timm.create_model(TINY, num_classes=0).state_dict())


def save(content: Any, folder: Path) -> str:
    torch.save(content, folder / "weights.pth")
    return str(folder / "weights.pth")


def test_a_plain_file_under_a_name_without_tag_is_asked_about(state: dict[str, Tensor], tmp_path: Path) -> None:
    """The released files of DINO's backbone are such but for their names; timm would take 0.5 for this model."""
    path = save(state, tmp_path)
    with pytest.raises(InputError, match=r"cluster\.normalise.*weights\.pth.*imagenet.*half") as caught:
        load_vit(TINY, WeightsSource.parse(path), section="cluster")
    assert "mean" in str(caught.value)


@pytest.mark.parametrize(("normalise", "expected"), [("imagenet", IMAGENET), ("half", HALF)])
def test_the_setting_decides(normalise: Any, expected: Any, state: dict[str, Tensor], tmp_path: Path) -> None:
    backbone = load_vit(TINY, WeightsSource.parse(save(state, tmp_path)), normalise=normalise)
    assert (backbone.mean, backbone.std) == expected


def test_a_tag_says_it(tmp_path: Path) -> None:
    path = save(timm.create_model("vit_small_patch16_224", num_classes=0).state_dict(), tmp_path)
    for tag, expected in (("dino", IMAGENET), ("augreg_in1k", HALF)):
        backbone = load_vit(f"vit_small_patch16_224.{tag}", WeightsSource.parse(path))
        assert (backbone.mean, backbone.std) == expected


def test_a_file_of_the_pretrain_stage_keeps_its_models_own(tmp_path: Path) -> None:
    overrides: dict[str, Any] = {"img_size": 32, "depth": 2}
    network = timm.create_model(TINY, num_classes=0, **overrides)
    save_weights(tmp_path / "vit.safetensors", network, {"model": TINY, "overrides": overrides})
    backbone = load_vit("not used", WeightsSource.parse(str(tmp_path / "vit.safetensors")), normalise="imagenet")
    assert (backbone.mean, backbone.std) == HALF


def test_a_whole_checkpoint_of_dino_is_known(state: dict[str, Tensor], tmp_path: Path) -> None:
    backbone = {f"module.backbone.{name}": value for name, value in state.items()}
    path = save({"student": backbone, "teacher": backbone, "epoch": 100}, tmp_path)
    assert load_vit(TINY, WeightsSource.parse(path)).mean == IMAGENET[0]


BLOCK = ("norm1.weight", "attn.qkv.weight", "mlp.fc1.weight")
VIT = ("cls_token", "pos_embed", "patch_embed.proj.weight", *(f"blocks.0.{name}" for name in BLOCK), "norm.weight")
DINOV2 = ("mask_token", "blocks.0.ls1.gamma", "blocks.0.ls2.gamma")
MAE_DECODER = ("mask_token", "decoder_pos_embed", "decoder_embed.weight", "decoder_blocks.0.norm1.weight")


@pytest.mark.parametrize(
    ("names", "outer", "known"),
    [
        (VIT, (), False),  # dino_deitsmall16_pretrain.pth, and any file of timm
        ([f"backbone.{name}" for name in VIT], ("teacher",), True),  # teacher_checkpoint.pth of DINO and DINOv2
        ([f"module.backbone.{name}" for name in VIT], ("student", "teacher", "epoch"), True),
        ([f"backbone.{name}" for name in VIT], (), False),
        ((*VIT, *DINOV2), (), True),  # dinov2_vits14_pretrain.pth
        ((*VIT, *DINOV2[1:]), (), False),  # timm's copy of it; deit3 has layer scales, too
        ((*VIT, "mask_token"), (), False),
        ((*VIT, *MAE_DECODER), ("model",), True),  # mae_pretrain_vit_base_full.pth
        (VIT, ("model",), True),  # mae_pretrain_vit_base.pth
        ((*VIT, "head.weight"), ("model",), False),  # deit_small_patch16_224.pth
        (VIT, ("model", "optimizer", "epoch"), False),
        (VIT, ("state_dict",), False),
    ],
)
def test_which_files_are_known(names: Any, outer: Any, known: bool) -> None:
    assert is_original_release(names, outer) == known


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("dino_deitsmall16_pretrain.pth", True),
        ("dino_vitbase8_pretrain.pth", True),
        ("mae_pretrain_vit_base.pth", True),
        ("my_dino.pth", False),
        ("not_dino_deitsmall16_pretrain.pth", False),
    ],
)
def test_a_backbone_of_dino_is_known_by_its_file_name(
    name: str, known: bool, state: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(state, tmp_path / name)
    if known:
        assert load_vit(TINY, WeightsSource.parse(str(tmp_path / name))).mean == IMAGENET[0]
    else:
        with pytest.raises(InputError, match="normalise"):
            load_vit(TINY, WeightsSource.parse(str(tmp_path / name)))


def test_mining_says_what_it_came_to(state: dict[str, Tensor], tiny_source: ImageSource, tmp_path: Path) -> None:
    config = MineConfig.model_validate(
        {"model": TINY, "weights": save({"model": state}, tmp_path), "affinity": {"short_side": 32}}
    )
    inputs = StageInputs(tiny_source, {}, execution=ExecutionConfig(device="cpu"))
    (tmp_path / "mine").mkdir()
    outputs = stage.run(config, inputs, tmp_path / "mine", Silent())
    assert outputs.metrics["normalise"] == {"mean": list(IMAGENET[0]), "std": list(IMAGENET[1])}
