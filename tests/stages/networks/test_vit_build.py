"""Which Vision Transformers timm builds for us, their random weights, and refusals that say what to do."""

from typing import Any

import pytest
import timm
import torch
from torch import nn

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_build import build_vit
from maskdistill.stages.weights import UNTRAINED, WeightsSource

TINY = "vit_tiny_patch16_224"


def test_random_weights_follow_the_seed_and_leave_the_global_state_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first, same, other = (load_vit(TINY, UNTRAINED, seed=seed).model.cls_token for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("model", "weights", "text"),
    [
        ("vit_tinny_patch16_224", "random", "vit_tiny_patch16_224"),
        ("vit_small_patch16_224.dina", "random", "has no tag 'dina'.*dino"),
        ("resnet18", "random", "not a Vision Transformer"),
        ("vit_base_patch16_gap_224", "random", "no class token"),
        ("vit_small_patch16_18x2_224", "random", "non-standard attention"),
        ("beit_base_patch16_224", "random", "standard attention"),
        (TINY, "/nowhere/w.pth", "cluster.weights: /nowhere/w.pth: there is no such file"),
        (TINY, "weights.txt", "cluster.weights.*safetensors"),
    ],
)
def test_bad_choices_are_explained(model: str, weights: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        load_vit(model, WeightsSource.parse(weights), section="cluster")


def test_a_failed_download_gives_the_remedy() -> None:
    def offline(*_arguments: Any, **_options: Any) -> nn.Module:
        raise ConnectionError("no network here\nand much advice")

    with pytest.raises(InputError, match=r"no network here\); .*give the path of the file as segment\.weights"):
        build_vit(TINY, pretrained=True, section="segment", create=offline)


def test_without_a_seed_weights_come_from_the_global_generator() -> None:
    torch.manual_seed(1)
    drawn = build_vit(TINY, {"depth": 1})
    torch.manual_seed(1)
    expected = timm.create_model(TINY, num_classes=0, dynamic_img_size=True, depth=1)
    assert torch.equal(drawn.get_parameter("cls_token"), expected.get_parameter("cls_token"))
    seeded = build_vit(TINY, {"depth": 1}, seed=1)
    assert torch.equal(seeded.get_parameter("cls_token"), drawn.get_parameter("cls_token"))
