"""The part that keys share, and the part that the class token does not read."""

import torch

from helpers.small_vit import make_small_vit
from maskdistill.stages.pretrain.encoder import finish, last_input, queries_keys
from maskdistill.stages.pretrain.key_offset import estimate_offset, fold_offset, mean_keys, shrink_unread_keys


def test_folding_the_offset_moves_keys_and_nothing_else() -> None:
    vit, images = make_small_vit(), torch.randn(6, 3, 32, 32)
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


def test_mean_keys_tell_object_from_ground_however_many_patches_they_have() -> None:
    """Two kinds of patches in unequal numbers: the mean key sides with the many, the midpoint with neither."""
    vit = make_small_vit()
    tokens = last_input(vit, torch.randn(1, 3, 32, 32), (0, 0), late=False).detach()
    kinds = torch.cat([tokens[:, :1], tokens[:, 1:2].repeat(1, 3, 1), tokens[:, 2:3].repeat(1, 13, 1)], dim=1)
    queries, keys = queries_keys(vit, kinds)
    few, many = keys[0, :, 1], keys[0, :, 4]
    # Scale the query up and turn it, so that the attention is all on the few.
    sign = torch.sign((queries[0, :, 0] * (few - many)).sum(-1))
    overall, attended, avoided = mean_keys(queries * 1e4 * sign[:, None, None], keys)
    torch.testing.assert_close(overall[0], (3 * few + 13 * many) / 16)
    torch.testing.assert_close(attended[0], few)
    line = (((attended + avoided)[0] / 2 - many) * (few - many)).sum(-1) / (few - many).square().sum(-1)
    assert ((line > 0.4) & (line < 0.6)).all()


def test_the_share_moves_the_offset_from_the_mean_to_the_midpoint() -> None:
    vit, images = make_small_vit(), torch.randn(6, 3, 32, 32)
    with torch.no_grad():
        means = mean_keys(*queries_keys(vit, last_input(vit, images, (0, 0), late=False)))
    overall, attended, avoided = (mean.mean(dim=0) for mean in means)
    torch.testing.assert_close(estimate_offset(vit, [images[:4], images[4:]], 1.0), (attended + avoided) / 2)
    half = (overall + (attended + avoided) / 2) / 2
    torch.testing.assert_close(estimate_offset(vit, [images], 0.5), half)


def test_shrinking_unread_keys_keeps_the_late_class_token() -> None:
    vit, images = make_small_vit(), torch.randn(4, 3, 32, 32)
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
