"""The offset that the keys of the last block share, and how it is folded into that block's key bias.

Keys have a large part in common, so that K K^T is positive nearly everywhere and a mask would cover its image. The
softmax over keys does not see a constant, therefore taking it out of the bias changes the class token by rounding
only. Shapes: B images, N patches, H heads, d channels per head, D = H * d.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from maskdistill.stages.pretrain.encoder import last_input, queries_keys


@torch.no_grad()
def estimate_offset(vit: Any, batches: Iterable[Tensor], share: float) -> Tensor:
    """Estimate the shared part of the keys from unlabelled images.

    Args:
        vit: A timm VisionTransformer.
        batches: Normalised images, float (B, 3, height, width) each; sides at most those of the model's own images.
        share: 0 = the mean key; 1 = midway between the mean key that the class token attends to and the mean of those
            it does not attend to: the decision line between the two, whatever their numbers.

    Returns:
        float32 (H, d).
    """
    sums = [torch.zeros(()), torch.zeros(()), torch.zeros(())]
    n_images = 0
    for images in batches:
        means = mean_keys(*queries_keys(vit, last_input(vit, images, (0, 0), late=False)))
        sums = [total.to(mean.device) + mean.sum(dim=0) for total, mean in zip(sums, means, strict=True)]
        n_images += len(images)
    overall, object_like, ground_like = (total / n_images for total in sums)
    return overall + share * ((object_like + ground_like) / 2 - overall)


def mean_keys(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean keys of each image's patches: of all, of those that the class token attends to, and of those it does not.

    Args:
        queries, keys: float32 (B, H, 1 + N, d), class token first.

    Returns:
        Three float32 (B, H, d).
    """
    patches = keys[:, :, 1:]
    logits = (queries[:, :, :1] @ patches.transpose(2, 3)) * queries.shape[-1] ** -0.5
    attended = logits.softmax(dim=-1)
    avoided = 1 / (attended * attended.shape[-1] + 0.2)
    avoided = avoided / avoided.sum(dim=-1, keepdim=True)
    return patches.mean(dim=2), (attended @ patches)[:, :, 0], (avoided @ patches)[:, :, 0]


@torch.no_grad()
def fold_offset(vit: Any, offset: Tensor) -> None:
    """Subtract an offset (H, d) from the key bias of the last block, in place."""
    dim = offset.numel()
    vit.blocks[-1].attn.qkv.bias[dim : 2 * dim] -= offset.flatten()


@torch.no_grad()
def shrink_unread_keys(vit: Any, factor: float) -> None:
    """Shrink what the class token does not read of the last block's keys, in place.

    While the class token joins late, its query is the same for all images, and the class loss leaves the keys random
    in every direction that this query does not read. Those directions decide over K K^T; multiplying them by `factor`
    leaves the class token's attention as it is.
    """
    attention, norm = vit.blocks[-1].attn, vit.blocks[-1].norm1
    n_heads, dim = attention.num_heads, vit.embed_dim
    class_token = (vit.cls_token + vit.pos_embed[:, :1])[0]
    queries = attention.qkv(norm(class_token))[0, :dim].view(n_heads, -1)
    directions = queries / queries.norm(dim=1, keepdim=True)
    read = directions[:, :, None] * directions[:, None, :]
    shrink = factor * torch.eye(read.shape[-1], device=read.device) + (1 - factor) * read
    for parameter in (attention.qkv.weight, attention.qkv.bias):
        keys = parameter[dim : 2 * dim].view(n_heads, -1, *parameter.shape[1:])
        parameter[dim : 2 * dim] = torch.einsum("hij,hj...->hi...", shrink, keys).flatten(0, 1)
