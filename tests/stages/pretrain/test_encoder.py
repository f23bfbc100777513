"""The ViT as pre-training runs it: windows of its positions, a late class token, and which models fit."""

from typing import Any

import pytest
import torch

from helpers.small_vit import make_small_vit
from maskdistill.data.errors import InputError
from maskdistill.stages.pretrain.encoder import (
    build_learner,
    class_attention,
    finish,
    last_input,
    normalise,
    random_corner,
)


def test_whole_window_is_what_timm_computes() -> None:
    vit = make_small_vit()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        ours = finish(vit, last_input(vit, images, (0, 0), late=False))
        torch.testing.assert_close(ours, vit.forward_features(images), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(finish(vit, last_input(vit, images, (0, 0), late=True))[:, 0], ours[:, 0], atol=1e-2)


def test_small_views_take_a_window_of_the_positions() -> None:
    vit = make_small_vit()
    vit.blocks = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())
    patches = last_input(vit, torch.zeros(1, 3, 16, 8), (1, 2), late=False)[0, 1:]
    embedded = vit.patch_embed.proj.bias
    expected = [embedded + vit.pos_embed[0, 1 + row * 4 + 2] for row in (1, 2)]
    torch.testing.assert_close(patches, torch.stack(expected))
    corners = {random_corner(vit, 16) for _ in range(200)}
    assert corners == {(row, column) for row in range(3) for column in range(3)}
    assert random_corner(vit, 32) == (0, 0)


def test_class_attention_is_the_last_blocks() -> None:
    vit = make_small_vit()
    tokens = last_input(vit, torch.randn(2, 3, 32, 32), (0, 0), late=False)
    attention = class_attention(vit, tokens)
    block = vit.blocks[-1]
    queries, keys, _ = block.attn.qkv(block.norm1(tokens)).view(2, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
    expected = (queries @ keys.transpose(2, 3) / 8**0.5).softmax(-1)[:, :, 0, 1:].mean(1)
    torch.testing.assert_close(attention, expected)
    assert not attention.requires_grad


def test_normalise_uses_the_models_own_metrics() -> None:
    assert torch.equal(normalise(torch.full((1, 3, 2, 2), 0.75), make_small_vit()), torch.full((1, 3, 2, 2), 0.5))


@pytest.mark.parametrize(
    ("model", "overrides", "message"),
    [
        ("resnet18", {}, "resnet18"),
        ("no_such_model", {}, "no_such_model"),
        ("vit_tiny_patch16_224", {"colour": 3}, "colour"),
        ("vit_base_patch16_siglip_224", {}, "class token"),
        ("vit_small_patch14_reg4_dinov2", {}, "no registers"),
        ("vit_base_patch16_clip_224", {}, "no norm before its blocks"),
    ],
)
def test_unsuitable_models_are_refused(model: str, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"pretrain.model: .*{message}"):
        build_learner(model, overrides)
