"""Queries, keys, values and tokens of a ViT against hooks on the whole timm model."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.projections import PROJECTIONS, Projection
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.weights import UNTRAINED

TINY = "vit_tiny_patch16_224"
ARCHITECTURES = [
    (TINY, 16),
    ("vit_small_patch14_reg4_dinov2", 14),
    ("deit_tiny_distilled_patch16_224", 16),
    ("vit_small_patch16_dinov3", 16),
    ("vit_small_patch16_rope_mixed_224", 16),
    ("eva02_tiny_patch14_224", 14),
]


def hooked_projections(model: Any, images: Tensor, index: int) -> tuple[dict[Projection, Tensor], Tensor]:
    """q, k and v exactly as the target layer hands them to the attention product; and what the model gives."""
    caught: dict[str, Any] = {}
    original = F.scaled_dot_product_attention

    def spy(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
        caught["calls"] = caught.get("calls", 0) + 1
        if caught["calls"] == index + 1:
            caught["qkv"] = query, key, value
        return original(query, key, value, **options)

    F.scaled_dot_product_attention = spy  # type: ignore[assignment]
    try:
        features = model.forward_features(images)
    finally:
        F.scaled_dot_product_attention = original
    return dict(zip(PROJECTIONS, caught["qkv"], strict=True)), features


@pytest.mark.parametrize(("name", "patch"), ARCHITECTURES, ids=[name for name, _ in ARCHITECTURES])
@pytest.mark.parametrize("block", [None, 1])
@torch.inference_mode()
def test_queries_keys_and_values_are_those_of_the_model(name: str, patch: int, block: int | None) -> None:
    backbone = load_vit(name, UNTRAINED, seed=3)
    images = torch.randn(2, 3, 3 * patch, 5 * patch)
    expected, features = hooked_projections(backbone.model, images, backbone.resolve_block(block))
    kept = [0, *range(backbone.n_prefix, expected["keys"].shape[2])]
    for names in (PROJECTIONS, ("values",), ("values", "queries"), ("keys",)):
        found = backbone.projections(images, names, block)
        assert tuple(found) == names
        for one, projected in found.items():
            assert projected.shape == (2, backbone.n_heads, 1 + 15, backbone.dim // backbone.n_heads)
            torch.testing.assert_close(projected, expected[one][:, :, kept], rtol=1e-5, atol=1e-5)
    again = backbone.projections(images, ("queries", "keys"), block)
    for projected, same in zip(backbone.queries_keys(images, block), again.values(), strict=True):
        assert torch.equal(projected, same)
    if isinstance(backbone.model.fc_norm, torch.nn.Identity):
        torch.testing.assert_close(backbone.class_token(images), features[:, 0], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_batch_equals_its_images_one_by_one() -> None:
    backbone = load_vit(TINY, UNTRAINED)
    images = torch.randn(3, 3, 32, 48)
    together = [*backbone.queries_keys(images), backbone.class_token(images)]
    for i, image in enumerate(images):
        alone = [*backbone.queries_keys(image[None]), backbone.class_token(image[None])]
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i], b[0], rtol=1e-4, atol=1e-5)


def test_only_what_is_needed_is_computed() -> None:
    backbone = load_vit(TINY, UNTRAINED)
    calls: list[int] = []
    for i, block in enumerate(backbone.model.blocks):
        block.register_forward_hook(lambda *_, i=i: calls.append(i))
    backbone.queries_keys(torch.zeros(1, 3, 16, 16), 4)
    assert calls == [0, 1, 2, 3]
    calls.clear()
    backbone.patch_maps(torch.zeros(1, 3, 16, 16), [2, 0])
    assert calls == [0, 1, 2]


@pytest.mark.parametrize(("name", "patch"), ARCHITECTURES, ids=[name for name, _ in ARCHITECTURES])
@torch.inference_mode()
def test_patch_maps_lie_where_their_patches_lie(name: str, patch: int) -> None:
    """Behind a block they are what the block gives; behind the last one, what the final norm gives."""
    backbone = load_vit(name, UNTRAINED, seed=3)
    given: list[Tensor] = []
    backbone.model.blocks[1].register_forward_hook(lambda _, inputs, output: given.append(output))
    images = torch.randn(2, 3, 3 * patch, 5 * patch)
    last, found, same = backbone.patch_maps(images, [-1, 1, 1 - backbone.n_blocks])
    assert found.shape == (2, backbone.dim, 3, 5)
    for row, column in ((0, 0), (1, 4), (2, 2)):
        assert torch.equal(found[:, :, row, column], given[0][:, backbone.n_prefix + 5 * row + column])
    assert torch.equal(found, same)
    torch.testing.assert_close(last.flatten(2), backbone.tokens(images)[:, 1:].transpose(1, 2), rtol=1e-5, atol=1e-5)


def test_a_backbone_is_frozen_until_it_is_told_to_learn() -> None:
    backbone = load_vit(TINY, UNTRAINED)
    assert not backbone.training
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    backbone.train().requires_grad_()
    backbone.patch_maps(torch.randn(1, 3, 16, 16), [-1])[0].square().sum().backward()  # type: ignore[no-untyped-call]
    assert backbone.model.patch_embed.proj.weight.grad.abs().max() > 0


@pytest.mark.parametrize("block", [12, -13])
def test_blocks_out_of_range_are_refused(block: int) -> None:
    backbone = load_vit(TINY, UNTRAINED)
    with pytest.raises(InputError, match=rf"^mine\.lost\.block: {block} .* 12 blocks"):
        backbone.resolve_block(block, "mine.lost.block")
    with pytest.raises(InputError, match="12 blocks"):
        backbone.patch_maps(torch.zeros(1, 3, 16, 16), [0, block])
    assert backbone.resolve_block(-1) == backbone.resolve_block(None) == 11
