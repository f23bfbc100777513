"""The mining method `lost` (LOST, arXiv 2109.14279): one object per image, grown from the patch of lowest degree.

Two patches are similar where the product of their features is not negative, and the degree of a patch says how many are
similar to it. Background covers more of an image than an object, as a rule, so a patch of low degree lies on an object.

Shapes: N = h * w patches, D channels.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.stages.mine.methods.components import object_at
from maskdistill.stages.mine.methods.lost_config import LostConfig
from maskdistill.stages.mine.methods.vit_miner import Seen, VitMiner, patch_features

_ROWS = 1024


class LostMiner(VitMiner):
    """One mask per image."""

    rule: LostConfig

    def find(self, seen: Seen, grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask of one image, as the only one."""
        return lost_mask(patch_features(seen[self.rule.features]), grid_hw, self.rule)[None]


def lost_mask(features: Tensor, grid_hw: tuple[int, int], rule: LostConfig) -> NDArray[np.bool_]:
    """The connected patches around the first seed that resemble the seeds (section 3.2).

    Args:
        features: float (N, D), as the layer gives them.
        grid_hw: Height and width of the grid, patches.
        rule: The settings; of them `n_candidates` is k in the paper.

    Returns:
        bool (h, w), not empty; all patches where they are all alike.
    """
    degree = degrees(features)
    # Float64, because only the sign of a sum of many terms counts.
    features = features.double()
    candidates = features[torch.argsort(degree, stable=True)[: rule.n_candidates]]
    seeds = candidates[candidates @ candidates[0] >= 0]
    mask = features @ seeds.sum(dim=0) >= 0
    return object_at(mask.reshape(grid_hw).cpu().numpy(), -degree.cpu().numpy(), rule.fill_holes, rule.opening)


def degrees(features: Tensor) -> Tensor:
    """How many patches are similar to each one, itself included: float (N, D) gives int64 (N,)."""
    # By some rows at a time, so that the N x N products are never there all at once.
    return torch.cat([(rows @ features.T >= 0).sum(dim=1) for rows in torch.split(features, _ROWS)])
