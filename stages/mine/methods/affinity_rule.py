"""The mask rule: from queries and keys of one self-attention layer to object masks (paper section 3.1).

Shapes: H heads, N = h * w patches, d channels per head. The patch affinity G, with G[i, j] = sum over heads of
K[i] . K[j], is N x N and never formed: the rule needs one row of it and one sum of rows, and both are linear in K.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.stages.mine.methods.components import split_objects
from maskdistill.stages.mine.methods.tidy import tidy


def object_mask(
    queries: Tensor,
    keys: Tensor,
    grid_hw: tuple[int, int],
    *,
    n_heads: int,
    topk_fraction: float,
    attention_mass: float,
) -> NDArray[np.bool_]:
    """The one mask of the paper, bool (h, w), never empty; the arguments are those of `object_masks`."""
    (mask,) = object_masks(
        queries, keys, grid_hw, n_heads=n_heads, topk_fraction=topk_fraction, attention_mass=attention_mass
    )
    return np.asarray(mask)


def object_masks(
    queries: Tensor,
    keys: Tensor,
    grid_hw: tuple[int, int],
    *,
    n_heads: int,
    topk_fraction: float,
    attention_mass: float,
    key_mean: Tensor | None = None,
    max_masks: int = 1,
    min_area: float = 0.0,
    fill_holes: bool = False,
    opening: int = 0,
) -> NDArray[np.bool_]:
    """The patches of the most prominent object and, beyond the paper, of others that resemble it.

    Args:
        queries: float (H, 1 + N, d), class token first, unscaled.
        keys: float (H, 1 + N, d).
        grid_hw: Height and width of the grid, patches.
        n_heads: Heads, from the first, whose class attention is averaged; capped at H.
        topk_fraction: Fraction of the patches that are proposed, in (0, 1].
        attention_mass: Fraction of the attention's total that is kept, in (0, 1].
        key_mean: float (H, d), subtracted from the keys where patches are compared with each other; None = nothing.
        max_masks: Most masks; 1 is the paper's rule.
        min_area: Fraction of the patches that a further mask must hold, 0-1.
        fill_holes, opening: See `tidy`; the paper does neither.

    Returns:
        bool (n, h, w), 1 <= n <= max_masks: 4-connected components, none empty, that of the source patch (or of the
        patch nearest to it that is left) first, then the largest ones.
    """
    affinity, source = affinity_map(
        queries, keys, n_heads=n_heads, topk_fraction=topk_fraction, attention_mass=attention_mass, key_mean=key_mean
    )
    mask = (affinity > 0).reshape(grid_hw).cpu().numpy()
    # The rule puts the source into the mask unless its key is zero, as that of a single centred patch is.
    mask.flat[source] = True
    return split_objects(*tidy(mask, source, fill_holes, opening), max_masks, min_area)


def affinity_map(
    queries: Tensor,
    keys: Tensor,
    *,
    n_heads: int,
    topk_fraction: float,
    attention_mass: float,
    key_mean: Tensor | None = None,
) -> tuple[Tensor, int]:
    """How much each patch resembles the sources, float64 (N,), and the first source's index; above 0 is the mask.

    The arguments are those of `object_masks`.
    """
    patch_keys = keys[:, 1:]
    attention = class_attention(queries[:, 0], patch_keys, n_heads).cpu()
    proposals = propose(keep_mass(attention, attention_mass), topk_fraction)
    if key_mean is not None:
        patch_keys = patch_keys - key_mean[:, None]
    return affinity_to_sources(patch_keys, proposals.to(keys.device)), int(proposals[0])


def class_attention(class_query: Tensor, patch_keys: Tensor, n_heads: int) -> Tensor:
    """Mean over the first heads of Q[CLS] . K[patch]: (H, d) and (H, N, d) give float32 (N,)."""
    query, keys = class_query[:n_heads].float(), patch_keys[:n_heads].float()
    return torch.einsum("hd,hnd->hn", query, keys).mean(dim=0)


def keep_mass(attention: Tensor, mass: float) -> Tensor:
    """Set the attention (N,) to 0 outside the strongest patches that together hold `mass` of its total."""
    ascending, order = torch.sort(attention, stable=True)
    kept = torch.cumsum(ascending / ascending.sum(), dim=0) > 1 - mass
    return attention * torch.zeros_like(attention).index_copy_(0, order, kept.to(attention))


def propose(attention: Tensor, fraction: float) -> Tensor:
    """Indices of the `fraction` x N patches of the highest attention, the source patch first.

    Where the kept mass holds fewer patches than that, patches of attention 0 fill the rest. Which of them is up to
    `torch.topk` on the CPU, in the published code as well: so `attention` has to be on the CPU on every machine.
    """
    count = max(1, int(fraction * len(attention)))
    return torch.topk(attention, count).indices


def affinity_to_sources(patch_keys: Tensor, proposals: Tensor) -> Tensor:
    """How much each patch resembles the sources: the sum of the sources' rows of G, float64 (N,).

    Sources are the proposals j with G[s, j] > 0. Float64, because only the sign of a sum of many terms counts.
    """
    keys = patch_keys.transpose(0, 1).flatten(1).double()
    proposed = keys[proposals]
    sources = proposed[proposed @ proposed[0] > 0]
    return keys @ sources.sum(dim=0)
