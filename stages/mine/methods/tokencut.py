"""The mining method `tokencut` (TokenCut, arXiv 2202.11539): one object per image, by one normalised cut.

Shapes: N = h * w patches, D channels.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.stages.mine.methods.components import object_at
from maskdistill.stages.mine.methods.normalised_cut import foreground, second_eigenvector, similar_patches
from maskdistill.stages.mine.methods.tokencut_config import TokenCutConfig
from maskdistill.stages.mine.methods.vit_miner import PatchMiner


class TokenCutMiner(PatchMiner):
    """One mask per image."""

    rule: TokenCutConfig

    def find_in(self, features: Tensor, grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask of one image, as the only one."""
        rule = self.rule
        return tokencut_mask(features, grid_hw, rule.similarity, rule.fill_holes, rule.opening)[None]


def tokencut_mask(
    features: Tensor, grid_hw: tuple[int, int], similarity: float, fill_holes: bool = False, opening: int = 0
) -> NDArray[np.bool_]:
    """The connected patches of an object around the most prominent one of its side of the cut (sections 3.1 and 3.2).

    Args:
        features: float (N, D).
        grid_hw: Height and width of the grid, patches.
        similarity: Cosine of two features from which patches count as similar, tau in the paper.
        fill_holes, opening: See `tidy`; the paper does neither.

    Returns:
        bool (h, w), not empty; all patches where they are all alike.
    """
    side, patch = foreground(second_eigenvector(similar_patches(features, similarity)))
    return object_at(side.reshape(grid_hw), patch, fill_holes, opening)
