"""Which parts of a ViT learn, and at which rate."""

import pytest
import torch

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.vit import build_backbone
from maskdistill.stages.networks.vit_tuning import freeze_vit, rate_factors
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.vit_backbone_config import Freeze

SMALL = Architecture("vit_tiny_patch16_224", {"img_size": 32, "depth": 3, "embed_dim": 24, "num_heads": 3})
INPUT = {"cls_token", "pos_embed", "patch_embed"}


def parts(names: list[str]) -> set[str]:
    """The part of the network that each parameter belongs to: a block by its index, others by name."""
    pieces = [name.split(".") for name in names]
    return {piece[2] if piece[1] == "blocks" else piece[1] for piece in pieces}


@pytest.mark.parametrize(
    ("freeze", "learning"),
    [("all", set()), (3, {"norm"}), (2, {"2", "norm"}), (1, {"1", "2", "norm"}), ("none", {*INPUT, *"012", "norm"})],
)
def test_what_is_frozen_lies_below_what_learns(freeze: Freeze, learning: set[str]) -> None:
    vit = build_backbone(SMALL)
    freeze_vit(vit, freeze, "distill.vit.freeze")
    assert parts([name for name, parameter in vit.named_parameters() if parameter.requires_grad]) == learning
    if learning:
        vit.patch_maps(torch.randn(1, 3, 32, 48), [-1])[0].square().sum().backward()  # type: ignore[no-untyped-call]
        assert parts([name for name, parameter in vit.named_parameters() if parameter.grad is not None]) == learning


def test_more_blocks_than_there_are_are_refused() -> None:
    with pytest.raises(InputError, match=r"distill\.vit\.freeze: 4 is more than the 3 blocks"):
        freeze_vit(build_backbone(SMALL), 4, "distill.vit.freeze")


def test_rates_fall_from_the_output_to_the_input() -> None:
    vit = build_backbone(SMALL)
    factors = rate_factors(vit, 0.5)
    found = {name: factors[parameter] for name, parameter in vit.named_parameters()}
    assert found["model.norm.weight"] == 1
    assert [found[f"model.blocks.{block}.mlp.fc1.bias"] for block in range(3)] == [1 / 8, 1 / 4, 1 / 2]
    assert {found[f"model.{name}"] for name in ("cls_token", "pos_embed", "patch_embed.proj.weight")} == {1 / 16}
