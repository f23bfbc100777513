"""A timm ViT as it is run in pre-training: any window of its position grid, and a class token that may join late.

Shapes: B views, N patches, D dimensions, H heads, d channels per head.
"""

from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.vit_build import Overrides, build_vit


def build_learner(model: str, overrides: Overrides) -> nn.Module:
    """A ViT with random weights, drawn from torch's global generator, as pre-training runs it.

    Raises:
        InputError: timm knows no such model, it takes no such argument, or it is more than patches, their positions, a
            class token and blocks.
    """
    vit = build_vit(model, overrides, section="pretrain")
    is_plain = (
        isinstance(vit, VisionTransformer)
        and vit.num_prefix_tokens == 1
        and vit.pos_embed is not None
        and vit.pos_embed.shape[1] == 1 + vit.patch_embed.num_patches
        and isinstance(vit.norm_pre, nn.Identity)
    )
    if not is_plain:
        raise InputError(
            f"pretrain.model: {model} is not a plain Vision Transformer; choose one with learned positions, one class "
            "token, no registers, and no norm before its blocks, such as vit_small_patch16_224"
        )
    blocks: Any = vit.blocks
    for block in blocks:
        # At the sizes of pre-training on a CPU, the fused attention is the slower one.
        block.attn.fused_attn = torch.cuda.is_available()
    return vit


def normalise(images: Tensor, vit: Any) -> Tensor:
    """Images (..., 3, height, width) in 0-1 as the ViT expects them."""
    config = vit.pretrained_cfg
    mean, std = (torch.tensor(config[name], device=images.device).view(3, 1, 1) for name in ("mean", "std"))
    return (images - mean) / std


def random_corner(vit: Any, size: int) -> tuple[int, int]:
    """Where in the position grid a view of `size` px lies: row and column of its first patch."""
    rows, columns = vit.patch_embed.grid_size
    side = size // vit.patch_embed.patch_size[0]
    row, column = (int(torch.randint(0, length - side + 1, ())) for length in (rows, columns))
    return row, column


def last_input(
    vit: Any, views: Tensor, corner: tuple[int, int], late: bool, masked: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Tokens before the last block, class token first.

    Args:
        vit: A timm VisionTransformer.
        views: float (B, 3, height, width), normalised.
        corner: First row and column of the view in the position grid.
        late: Whether the class token joins here only; else it passes all blocks.
        masked: Patches to hide, bool (B, N), and the embedding (D,) that each of them gets instead of its own.

    Returns:
        float (B, 1 + N, D).
    """
    patches = vit.patch_embed(views)
    rows, columns = patches.shape[1:3]
    if masked is not None:
        hidden, stand_in = masked
        patches = torch.where(hidden.view(-1, rows, columns, 1), stand_in.to(patches.dtype), patches)
    grid = vit.pos_embed[:, 1:].unflatten(1, vit.patch_embed.grid_size)
    window = grid[:, corner[0] : corner[0] + rows, corner[1] : corner[1] + columns]
    tokens = (patches + window).flatten(1, 2)
    class_token = (vit.cls_token + vit.pos_embed[:, :1]).expand(len(views), -1, -1).to(tokens.dtype)
    if late:
        return torch.cat([class_token, vit.blocks[:-1](tokens)], dim=1)
    encoded: Tensor = vit.blocks[:-1](torch.cat([class_token, tokens], dim=1))
    return encoded


def finish(vit: Any, tokens: Tensor) -> Tensor:
    """The last block and the final norm: (B, 1 + N, D) in and out."""
    finished: Tensor = vit.norm(vit.blocks[-1](tokens))
    return finished


@torch.no_grad()
def class_attention(vit: Any, tokens: Tensor) -> Tensor:
    """Attention of the class token to the patches in the last block, mean over heads: float (B, N), sums below 1."""
    queries, keys = queries_keys(vit, tokens)
    logits = (queries[:, :, :1] @ keys.transpose(2, 3)) * queries.shape[-1] ** -0.5
    attention: Tensor = logits.softmax(dim=-1).mean(dim=1)[:, 0, 1:]
    return attention


def queries_keys(vit: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys of the last block, float32 (B, H, 1 + N, d) each, of its input tokens (B, 1 + N, D)."""
    block = vit.blocks[-1]
    n_heads = block.attn.num_heads
    projected = block.attn.qkv(block.norm1(tokens)).float().chunk(3, dim=-1)[:2]
    queries, keys = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in projected)
    return queries, keys
