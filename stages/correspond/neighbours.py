"""Local hidden positives: a patch's code mixed with those of its neighbours, as much as the ViT attends to them.

Seong et al. 2023, arXiv 2303.15014. Shapes: B images, N = h * w patches, C channels; 9 neighbours of a patch, itself
in the middle, row by row.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 3
OFFSETS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
"""From a patch to each of its neighbours, rows and columns."""
_SCALE = 28.0
_CLIPPED = 0.1


def neighbour_weights(logits: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """Weights of the neighbours of each patch, float (9, h, w); 0 beyond the image, and below the mean of all patches.

    Args:
        logits: Attention of the last block before its softmax, mean over the heads, patches alone: float (N, N).
        grid_hw: h and w.
    """
    low, high = logits.quantile(_CLIPPED, dim=1, keepdim=True), logits.quantile(1 - _CLIPPED, dim=1, keepdim=True)
    attention = logits.clamp(low, high).softmax(dim=1) * _SCALE
    kept = attention * (attention >= attention.mean(dim=1, keepdim=True))
    height, width = grid_hw
    y, x = (axis.flatten() for axis in torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"))
    around = []
    for down, right in OFFSETS:
        inside = (y + down >= 0) & (y + down < height) & (x + right >= 0) & (x + right < width)
        column = ((y + down) * width + x + right) * inside
        around.append(kept.gather(1, column[:, None].to(kept.device))[:, 0] * inside.to(kept.device))
    return torch.stack(around).reshape(len(OFFSETS), height, width)


def mix_neighbours(codes: Tensor, weights: Tensor) -> Tensor:
    """Codes (B, C, h, w) mixed with those of their neighbours by weights (B, 9, h, w).

    The sum is divided by the number of neighbours inside the image, as the authors do, not by that of their weights.
    """
    batch, channels, height, width = codes.shape
    around = F.unfold(codes, SIDE, padding=SIDE // 2).reshape(batch, channels, SIDE * SIDE, height, width)
    inside = F.unfold(codes.new_ones(1, 1, height, width), SIDE, padding=SIDE // 2).sum(dim=1)
    return torch.einsum("bcnhw,bnhw->bchw", around, weights) / inside.reshape(1, 1, height, width)
