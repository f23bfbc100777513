"""What each class looks like in the whole data set: its memory, and how that learns from a batch (MCIBI, section 3.2).

K classes, S slots for each, C channels; B images. A memory is float32 (K, S, C); a slot of zeros has seen nothing yet.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.segment.heads.mcibi_config import Weighting
from maskdistill.stages.training.exchange import mean_over_processes
from maskdistill.stages.training.full_precision import cosine_similarity, without_autocast


def known_slots(memory: Tensor) -> Tensor:
    """Which slots have seen something, bool (K, S)."""
    return memory.any(dim=-1)


@torch.no_grad()
@without_autocast
def updated(memory: Tensor, features: Tensor, labels: Tensor, momentum: float, weighting: Weighting) -> Tensor:
    """The memory after a batch, the same in all processes that share the batch.

    A class that the batch lacks stays as it is, and so does a slot whose pixels weigh nothing. The first pixels of a
    slot fill it with their mean.

    Args:
        memory: The memory before it.
        features: float (B, C, h, w), interpolated to the labels.
        labels: Integers (B, H, W); what is no class below K is left out.
        momentum: Weight of the new vectors, 0-1.
        weighting: What a pixel weighs: `cosine` = 1 - its cosine with the memory, `mean` = all the same.
    """
    n_rows, channels = memory.flatten(0, 1).shape
    sums = memory.new_zeros(n_rows, channels + 1)
    # Image by image: at the size of the labels, the features of a batch would take gigabytes.
    for own, target in zip(features.float(), labels, strict=True):
        full = F.interpolate(own[None], size=target.shape, mode="bilinear", align_corners=False)[0]
        sums += _weighted_sums(memory, full.flatten(1).T, target.flatten(), weighting)
    sums = mean_over_processes(sums).view(*memory.shape[:2], -1)
    total = sums[..., -1:]
    found = sums[..., :-1] / total.clamp(min=torch.finfo(total.dtype).tiny)
    new = torch.where(known_slots(memory)[..., None], torch.lerp(memory, found, momentum), found)
    return torch.where(total > 0, new, memory)


def _weighted_sums(memory: Tensor, vectors: Tensor, labels: Tensor, weighting: Weighting) -> Tensor:
    """For every slot the sum of its weighted pixels, and in the last column that of their weights: (K x S, C + 1)."""
    n_classes, n_slots, _ = memory.shape
    is_class = labels < n_classes
    own = torch.where(is_class, labels, 0).long()
    known = known_slots(memory)
    is_full, first_empty = known.all(dim=1), known.int().argmin(dim=1)
    cosines = cosine_similarity(vectors, memory.flatten(0, 1)).view(-1, n_classes, n_slots)
    cosines = cosines[torch.arange(len(own), device=own.device), own]
    slot = torch.where(is_full[own], cosines.argmax(dim=1), first_empty[own])
    weights = torch.ones_like(cosines[:, 0])
    if weighting == "cosine":
        distance = 1 - cosines.gather(1, slot[:, None])[:, 0]
        weights = torch.where(is_full[own], distance.clamp(min=0), weights)
    belongs = vectors.new_zeros(len(own), n_classes * n_slots)
    belongs.scatter_(1, (own * n_slots + slot)[:, None], (weights * is_class)[:, None])
    return belongs.T @ torch.cat([vectors, torch.ones_like(vectors[:, :1])], dim=1)


@without_autocast
def recall(scores: Tensor, memory: Tensor, *, hard: bool = False) -> Tensor:
    """The memory that every pixel is reminded of, one for each slot: (S, B, C, h, w) of first scores (B, K, h, w).

    Args:
        scores: Logits of the classes.
        memory: The memory.
        hard: Whether the likeliest class alone counts, not all of them by their probabilities.
    """
    shares = scores.float().softmax(dim=1)
    if hard:
        shares = torch.zeros_like(shares).scatter_(1, shares.argmax(dim=1, keepdim=True), 1.0)
    return torch.einsum("bkhw,ksc->sbchw", shares, memory)
