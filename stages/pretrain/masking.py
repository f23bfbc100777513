"""Which patches of a view are hidden from the student (iBOT, arXiv 2111.07832; blocks after BEiT, arXiv 2106.08254).

Random numbers come from torch's global generator of the CPU.
"""

import math

import torch
from torch import Tensor

from maskdistill.stages.pretrain.methods.dino_config import DinoConfig

_RECTANGLES = 10
_SMALLEST_RECTANGLE = 4
_LARGEST_ASPECT = 3.3


def hide_patches(n_views: int, grid_hw: tuple[int, int], config: DinoConfig) -> Tensor:
    """Draw what is hidden of each view.

    Args:
        n_views: Number of views.
        grid_hw: Rows and columns of patches of a view.
        config: `masking`, `mask_ratio` and `masked_views`.

    Returns:
        bool (n_views, rows * columns), on the CPU; nothing is hidden of views that are not chosen.
    """
    n_patches = grid_hw[0] * grid_hw[1]
    low, high = config.mask_ratio
    ratios = (low + (high - low) * torch.rand(n_views)) * (torch.rand(n_views) < config.masked_views)
    counts = [round(ratio * n_patches) for ratio in ratios.tolist()]
    draw = hide_blocks if config.masking == "blocks" else hide_anywhere
    return torch.stack([draw(torch.zeros(grid_hw, dtype=torch.bool), count) for count in counts]).flatten(1)


def hide_anywhere(hidden: Tensor, count: int) -> Tensor:
    """Hide `count` more patches of those that are not hidden in bool (rows, columns), each as likely as any other."""
    free = (~hidden).flatten().nonzero()[:, 0]
    chosen = free[torch.randperm(len(free))[:count]]
    return hidden.flatten().index_fill(0, chosen, True).view_as(hidden)


def hide_blocks(hidden: Tensor, count: int) -> Tensor:
    """Hide `count` patches of a view of which nothing is hidden, bool (rows, columns): rectangles first, in which a
    patch has no seen neighbours to be copied from, then single patches until the number is right."""
    rows, columns = hidden.shape
    hidden, missing = hidden.clone(), count
    for size, aspect, down, across in torch.rand(_RECTANGLES, 4).tolist():
        if missing < _SMALLEST_RECTANGLE:
            break
        area = _SMALLEST_RECTANGLE + size * (missing - _SMALLEST_RECTANGLE)
        stretch = math.exp((aspect - 0.5) * math.log(_LARGEST_ASPECT))
        height = min(rows, round(math.sqrt(area) * stretch))
        width = min(columns, round(math.sqrt(area) / stretch))
        top, left = int(down * (rows - height + 1)), int(across * (columns - width + 1))
        block = hidden[top : top + height, left : left + width]
        n_new = block.numel() - int(block.sum())
        if n_new <= missing:
            block.fill_(True)
            missing -= n_new
    return hide_anywhere(hidden, missing)
