"""Views, the position grid, the key offset, and the images they are drawn from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.pretrain.colours import erase_colours, jitter_colours
from maskdistill.stages.pretrain.config import PretrainConfig, ViewsConfig
from maskdistill.stages.pretrain.encoder import (
    build_vit,
    class_attention,
    finish,
    last_input,
    queries_keys,
    random_corner,
)
from maskdistill.stages.pretrain.initial import initialise, whiten_patches
from maskdistill.stages.pretrain.key_offset import estimate_offset, fold_offset, shrink_unread_keys
from maskdistill.stages.pretrain.loop import normalise
from maskdistill.stages.pretrain.views import blur, crop, multi_crop
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.pool import draw_batch, open_pool, remove_pool, square

VIEWS = ViewsConfig(global_size=32, local_size=16, n_local=3)


def make_images(n: int = 4, side: int = 40, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def make_vit(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    overrides = {"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 24, "num_heads": 3}
    vit: Any = build_vit("vit_tiny_patch16_224", overrides)
    initialise(vit, torch.randn(8, 3, 32, 32))
    torch.nn.init.normal_(vit.cls_token)
    torch.nn.init.normal_(vit.blocks[-1].attn.qkv.bias)
    return vit.eval()


@pytest.mark.parametrize("n_local", [0, 3])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_multi_crop_counts_and_sizes(n_local: int, strength: float) -> None:
    large, small = multi_crop(make_images(), VIEWS.model_copy(update={"n_local": n_local}), strength)
    assert large.shape == (2, 4, 3, 32, 32)
    assert small.shape == (n_local, 4, 3, 16, 16)
    for views in (large, small):
        assert torch.isfinite(views).all()
        assert ((views >= 0) & (views <= 1)).all()
    assert not torch.equal(large[0], large[1])


def test_the_same_seed_gives_the_same_views() -> None:
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(multi_crop(make_images(), VIEWS, 1.0)[0])
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


def test_a_crop_of_everything_changes_nothing() -> None:
    images = make_images(n=64)
    torch.manual_seed(0)
    crops = crop(images, 40, (1.0, 1.0), rotation=180, strength=0)
    # The aspect still varies; where it came out near 1, the view is the image.
    errors = (crops - images).abs().mean(dim=(1, 2, 3))
    assert errors.min() < 0.02
    turned = crop(images, 40, (1.0, 1.0), rotation=180, strength=1)
    assert (turned - images).abs().mean(dim=(1, 2, 3)).median() > 0.1


def test_views_do_not_carry_colour_or_contrast() -> None:
    """Two images that differ in colour and contrast only become the same distribution of views."""
    pattern = make_images(1)[:, :1].repeat(200, 3, 1, 1)
    reddish, bluish = pattern.clone() * 0.9, 0.5 + pattern * 0.4
    reddish[:, 1:] *= 0.2
    bluish[:, :2] *= 0.5
    torch.manual_seed(0)
    statistics = []
    for images in (reddish, bluish):
        views = erase_colours(images, 1.0)
        statistics.append(torch.cat([views.mean((2, 3)), views.std((2, 3))], dim=1).mean(dim=0))
    torch.testing.assert_close(statistics[0], statistics[1], rtol=0, atol=0.04)
    assert (reddish.mean((0, 2, 3)) - bluish.mean((0, 2, 3))).abs().max() > 0.2


def test_jitter_keeps_most_of_an_image() -> None:
    images = make_images(64) * 0.5 + 0.25
    torch.testing.assert_close(jitter_colours(images, 0.0), images)
    torch.manual_seed(0)
    changed = jitter_colours(images, 1.0)
    change = (changed - images).abs().mean(dim=(1, 2, 3))
    assert 0.02 < change.median() < 0.15
    assert ((changed >= 0) & (changed <= 1)).all()
    is_grey = (changed - changed.mean(dim=1, keepdim=True)).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert 3 <= is_grey.sum() <= 30  # a fifth of them


def test_blur_takes_only_what_is_chosen() -> None:
    dot = torch.zeros(2, 3, 9, 9)
    dot[:, :, 4, 4] = 1
    blurred = blur(dot, torch.tensor([0.5, 0.5]), torch.tensor([True, False]))
    assert torch.equal(blurred[1], dot[1])
    torch.testing.assert_close(blurred[0].sum(dim=(1, 2)), torch.ones(3))
    weights = torch.exp(-(torch.arange(-2.0, 3) ** 2) / 0.5)
    torch.testing.assert_close(blurred[0, 0, 4, 4], (weights[2] / weights.sum()) ** 2)
    assert torch.equal(blur(dot, torch.ones(2), torch.zeros(2, dtype=torch.bool)), dot)


def test_whole_window_is_what_timm_computes() -> None:
    vit = make_vit()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        ours = finish(vit, last_input(vit, images, (0, 0), late=False))
        torch.testing.assert_close(ours, vit.forward_features(images), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(finish(vit, last_input(vit, images, (0, 0), late=True))[:, 0], ours[:, 0], atol=1e-2)


def test_small_views_take_a_window_of_the_positions() -> None:
    vit = make_vit()
    vit.blocks = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())
    patches = last_input(vit, torch.zeros(1, 3, 16, 8), (1, 2), late=False)[0, 1:]
    embedded = vit.patch_embed.proj.bias
    expected = [embedded + vit.pos_embed[0, 1 + row * 4 + 2] for row in (1, 2)]
    torch.testing.assert_close(patches, torch.stack(expected))
    corners = {random_corner(vit, 16) for _ in range(200)}
    assert corners == {(row, column) for row in range(3) for column in range(3)}
    assert random_corner(vit, 32) == (0, 0)


def test_class_attention_is_the_last_blocks() -> None:
    vit = make_vit()
    tokens = last_input(vit, torch.randn(2, 3, 32, 32), (0, 0), late=False)
    attention = class_attention(vit, tokens)
    block = vit.blocks[-1]
    queries, keys, _ = block.attn.qkv(block.norm1(tokens)).view(2, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
    expected = (queries @ keys.transpose(2, 3) / 8**0.5).softmax(-1)[:, :, 0, 1:].mean(1)
    torch.testing.assert_close(attention, expected)
    assert not attention.requires_grad


def test_folding_the_offset_moves_keys_and_nothing_else() -> None:
    vit, images = make_vit(), torch.randn(6, 3, 32, 32)
    with torch.no_grad():
        before, (queries, keys) = vit(images), queries_keys(vit, last_input(vit, images, (0, 0), late=False))
        offset = estimate_offset(vit, [images[:2], images[2:]], share=0.0)
        torch.testing.assert_close(offset, keys[:, :, 1:].mean(dim=(0, 2)))
        fold_offset(vit, offset)
        queries_now, keys_now = queries_keys(vit, last_input(vit, images, (0, 0), late=False))
        torch.testing.assert_close(vit(images), before, rtol=0, atol=1e-5)
    torch.testing.assert_close(queries_now, queries)
    torch.testing.assert_close(keys_now, keys - offset[:, None])
    assert offset.abs().max() > 0.1


def test_the_offset_lies_between_object_and_ground_however_many_there_are() -> None:
    """Two kinds of patches in unequal numbers: the mean key sides with the many, the midpoint with neither."""
    vit = make_vit()
    images = torch.randn(1, 3, 32, 32)
    tokens = last_input(vit, images, (0, 0), late=False).detach()
    kinds = torch.cat([tokens[:, :1], tokens[:, 1:2].repeat(1, 3, 1), tokens[:, 2:3].repeat(1, 13, 1)], dim=1)
    queries, keys = queries_keys(vit, kinds)
    few, many = keys[0, :, 1], keys[0, :, 4]
    # Scale one query up, so that the attention is all on one kind of patch.
    from maskdistill.stages.pretrain import key_offset

    original = key_offset.queries_keys, key_offset.last_input
    sign = torch.sign((queries[0, :, 0] * (few - many)).sum(-1))
    try:
        key_offset.last_input = lambda *_, **__: kinds  # type: ignore[assignment]
        key_offset.queries_keys = lambda *_: (queries * 1e4 * sign[:, None, None], keys)  # type: ignore[assignment]
        mean, middle = (estimate_offset(vit, [images], share) for share in (0.0, 1.0))
    finally:
        key_offset.queries_keys, key_offset.last_input = original
    torch.testing.assert_close(mean, (3 * few + 13 * many) / 16)
    line = ((middle - many) * (few - many)).sum(-1) / (few - many).square().sum(-1)
    assert ((line > 0.4) & (line < 0.6)).all()


def test_shrinking_unread_keys_keeps_the_late_class_token() -> None:
    vit, images = make_vit(), torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        tokens = last_input(vit, images, (0, 0), late=True)
        before, (queries, keys) = finish(vit, tokens)[:, 0], queries_keys(vit, tokens)
        shrink_unread_keys(vit, 0.2)
        _, keys_now = queries_keys(vit, tokens)
        torch.testing.assert_close(finish(vit, tokens)[:, 0], before, rtol=1e-4, atol=1e-5)
    direction = torch.nn.functional.normalize(queries[0, :, 0], dim=-1)
    read, read_now = (torch.einsum("hd,bhnd->bhn", direction, k) for k in (keys, keys_now))
    torch.testing.assert_close(read_now, read)
    unread, unread_now = (k - r[..., None] * direction[:, None] for k, r in ((keys, read), (keys_now, read_now)))
    torch.testing.assert_close(unread_now, unread * 0.2, rtol=1e-3, atol=1e-5)


def test_whitened_patches_are_uncorrelated() -> None:
    views = make_images(200, 16).cumsum(dim=3)  # strongly correlated pixels
    embedding = torch.nn.Conv2d(3, 60, 4, 4)
    whiten_patches(embedding, views)
    outputs = embedding(views).flatten(2).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(outputs.mean(0), torch.zeros(60), rtol=0, atol=1e-3)
    covariance = outputs[:, :48].T.cov()
    off_diagonal = covariance - covariance.diag().diag()
    assert off_diagonal.abs().max() < 1e-3
    assert covariance[0, 0] > covariance[47, 47]
    assert outputs[:, 48:].std(dim=0).min() > 0.01  # more dimensions than a patch has values: mixtures


def test_normalise_uses_the_models_own_figures() -> None:
    assert normalise(torch.full((1, 3, 2, 2), 0.75), make_vit()).unique().tolist() == [0.5]


def test_square() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 9  # the middle
    assert (square(pixels, 2) == 9).all()
    assert square(pixels.transpose(1, 0, 2), 3).shape == (3, 3, 3)


def test_pool_holds_the_readable_training_images(make_source: Callable[..., ImageSource], tmp_path: Path) -> None:
    source: Any = make_source(6, 4, unreadable=(1,))
    pool, failures = open_pool(source, 32, tmp_path / "images.npy", Silent())
    assert pool.shape == (3, 3, 32, 32)
    assert list(failures) == ["blob1"]
    assert set(source.reads) == {0, 1, 2, 3}
    np.testing.assert_array_equal(pool[1], square(source.read(2), 32).transpose(2, 0, 1))
    source.reads.clear()
    again, failures_again = open_pool(source, 32, tmp_path / "images.npy", Silent())
    np.testing.assert_array_equal(again, pool)
    assert failures_again == failures
    assert source.reads == []  # decoded once
    del pool, again
    remove_pool(tmp_path / "images.npy")
    assert list(tmp_path.iterdir()) == []


def test_every_image_is_drawn_once_per_epoch() -> None:
    pool = np.arange(6, dtype=np.uint8).repeat(3).reshape(6, 3, 1, 1)
    drawn = torch.cat([draw_batch(pool, 0, step, 4)[:, 0, 0, 0] for step in range(3)])
    assert sorted(drawn[:6].tolist()) == sorted(drawn[6:].tolist()) == list(range(6))
    assert torch.equal(draw_batch(pool, 0, 1, 4), draw_batch(pool, 0, 1, 4))
    assert not torch.equal(draw_batch(pool, 0, 0, 6), draw_batch(pool, 1, 0, 6))


@pytest.mark.parametrize(
    ("model", "overrides", "message"),
    [
        ("resnet18", {}, "resnet18"),
        ("no_such_model", {}, "no_such_model"),
        ("vit_tiny_patch16_224", {"colour": 3}, "colour"),
        ("vit_base_patch16_siglip_224", {}, "class token"),
    ],
)
def test_unsuitable_models_are_refused(model: str, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"pretrain.model: .*{message}"):
        build_vit(model, overrides)


def test_views_larger_than_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match="128 px"):
        PretrainConfig(views=ViewsConfig(global_size=160))
    PretrainConfig(model="vit_small_patch16_224", overrides={}, views=ViewsConfig(global_size=160))
