"""The weights that pre-training starts from: a whitened patch embedding and linear layers that keep the variance."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_FLOOR = 0.5


@torch.no_grad()
def initialise(vit: Any, views: Tensor) -> None:
    """Prepare a random ViT for a short training, in place.

    Args:
        vit: A timm VisionTransformer.
        views: Normalised views, float (B, 3, T, T), whose patches the patch embedding is to whiten.
    """
    whiten_patches(vit.patch_embed.proj, views)
    dim = vit.embed_dim
    for block in vit.blocks:
        hidden = block.mlp.fc1.out_features
        for layer, deviation in (
            (block.attn.qkv, 1 / math.sqrt(dim)),
            (block.attn.proj, 1 / math.sqrt(dim)),
            (block.mlp.fc1, 1.4 / math.sqrt(dim)),
            (block.mlp.fc2, 0.7 / math.sqrt(hidden)),
        ):
            layer.weight.normal_(0, deviation)
        block.mlp.fc1.bias.normal_(0, 0.5)


@torch.no_grad()
def whiten_patches(embedding: nn.Conv2d, views: Tensor) -> None:
    """Make the outputs of a patch embedding uncorrelated, the rare directions damped, in place.

    Principal components in falling order; where the embedding has more dimensions than a patch has values, random
    mixtures of them fill the rest.
    """
    side = embedding.kernel_size[0]
    patches = F.unfold(views, side, stride=side).transpose(1, 2).flatten(0, 1)
    mean = patches.mean(dim=0)
    centred = patches - mean
    variances, components = torch.linalg.eigh(centred.T @ centred / len(patches))
    rows = (components / (variances + _FLOOR * variances.mean()).sqrt()).T.flip(0)
    n_more = max(0, embedding.out_channels - len(rows))
    mixtures = torch.randn(n_more, len(rows), device=views.device) / math.sqrt(len(rows))
    weight = torch.cat([rows, mixtures @ rows])[: embedding.out_channels]
    embedding.weight.copy_(weight.view_as(embedding.weight))
    if embedding.bias is not None:
        embedding.bias.copy_(-(weight @ mean))
