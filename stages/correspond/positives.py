"""Hidden positives: patches of a batch that are alike enough to count as the same, and the loss that brings them close.

Seong et al. 2023, arXiv 2303.15014. Shapes: B images of n patches each, N = B n patches in all, M entries of a pool, C
channels. All features and codes are of unit length. The whole is computed image by image: row chunks of (n, N).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from maskdistill.stages.training.full_precision import without_autocast

_BASE_TEMPERATURE = 0.07


def bars(features: Tensor, pool: Tensor) -> Tensor:
    """What a patch's cosine with another must exceed: its largest cosine with the pool (M, C). (N, C) to (N,)."""
    return (features @ pool.T).amax(dim=1)


def positives(features: Tensor, bar: Tensor, rows: slice) -> Tensor:
    """Which patches are positives of some, bool (n, N): those more alike than the lower of both bars, never itself.

    Args:
        features: (N, C).
        bar: (N,), see `bars`.
        rows: The patches that are asked about.
    """
    found = features[rows] @ features.T > torch.minimum(bar[rows, None], bar[None])
    own = torch.arange(len(features), device=features.device)
    return found & (own[rows, None] != own[None])


@dataclass(frozen=True, eq=False)
class Anchors:
    """What the patches of one image are drawn to and told from.

    Attributes:
        patches: int64 (a,), numbers in the batch of the image's patches that have a positive by their features.
        weights: float (a, N), of each positive.
        compared: bool (a, N), what is in the denominator.
    """

    patches: Tensor
    weights: Tensor
    compared: Tensor


def find_anchors(general: Tensor, specific: Tensor, share: float, drawn: Tensor, rows: slice) -> Anchors:
    """Weights and denominators of those patches of one image that have a positive.

    Args:
        general: bool (n, N), positives by the frozen features.
        specific: bool (n, N), positives by the codes of the averaged head.
        share: How much those count, 0 to 1.
        drawn: bool (n, N), random patches for the denominator.
        rows: Which patches of the batch these are.
    """
    own = torch.arange(general.shape[1], device=general.device)
    compared = (general | drawn) & (own[rows, None] != own[None])
    # Once for both losses: a GPU has to be waited for to know how many there are.
    used = general.any(dim=1).nonzero()[:, 0]
    return Anchors(own[rows][used], general[used].float() + share * specific[used].float(), compared[used])


def contrastive_loss(codes: Tensor, anchors: Anchors, temperature: float, *, reweigh: bool = True) -> Tensor:
    """Mean loss of the anchors of one image; 0 where there is none.

    Args:
        codes: (N, C), of unit length.
        anchors: What they are drawn to and told from.
        temperature: Tau.
        reweigh: Whether patches with more positives count more.
    """
    similar = (codes[anchors.patches] @ codes.T) / temperature
    total = anchors.weights.sum(dim=1)
    others = similar.masked_fill(~anchors.compared, -torch.inf).logsumexp(dim=1)
    losses = -(temperature / _BASE_TEMPERATURE) * ((anchors.weights * similar).sum(dim=1) / total - others)
    if reweigh:
        losses = losses * (total / total.mean())
    return losses.mean() if len(losses) else codes.sum() * 0


@without_autocast
def hidden_positive_loss(
    codes: Tensor,
    mixed: Tensor,
    features: Tensor,
    averaged: Tensor,
    pools: tuple[Tensor, Tensor],
    share: float,
    temperature: float,
    drawn: Tensor,
    *,
    reweigh: bool = True,
) -> Tensor:
    """The loss of a batch, for its codes and for those mixed with their neighbours'.

    Args:
        codes: Projected codes (N, C).
        mixed: Projected codes after mixing (N, C).
        features: Frozen features of the same patches (N, D).
        averaged: Codes of the averaged head (N, E).
        pools: Reference features (M, D), and reference codes (M, E).
        share: How much positives by codes count.
        temperature: Tau.
        drawn: bool (n, N), random patches for the denominators, the same for every image.
        reweigh: See `contrastive_loss`.
    """
    n_patches = len(drawn)
    losses = []
    with torch.no_grad():
        features, averaged = features.detach(), averaged.detach()
        limits = bars(features, pools[0]), bars(averaged, pools[1])
    for start in range(0, len(codes), n_patches):
        rows = slice(start, start + n_patches)
        with torch.no_grad():
            general, specific = positives(features, limits[0], rows), positives(averaged, limits[1], rows)
            anchors = find_anchors(general, specific, share, drawn, rows)
        losses += [contrastive_loss(one, anchors, temperature, reweigh=reweigh) for one in (codes, mixed)]
    return torch.stack(losses).mean()


def ramp_of(step: int, warmup: int, total: int) -> float:
    """How much positives by codes count in a step, counted from 0: 0 up to `warmup`, then rising towards 1."""
    return max(0.0, (step - warmup) / (total - warmup)) if step > warmup else 0.0


def consistency_loss(codes: Tensor, others: Tensor) -> Tensor:
    """Mean distance of the codes of patches and those of the same patches in other colours, (N, C) each."""
    return torch.nn.functional.pairwise_distance(codes, others, eps=1e-6).mean()
