"""The mining method `tokencut` (TokenCut, arXiv 2202.11539): one object per image, by one normalised cut.

Shapes: N = h * w patches, D channels.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import FloatArray
from maskdistill.stages.mine.methods.components import object_at
from maskdistill.stages.mine.methods.cut_miner import CutMiner
from maskdistill.stages.mine.methods.normalised_cut import second_eigenvector, side_of, similar_patches
from maskdistill.stages.mine.methods.tokencut_config import TokenCutConfig


class TokenCutMiner(CutMiner):
    """One mask per image."""

    rule: TokenCutConfig

    def cut(self, features: Tensor, grid_hw: tuple[int, int], attention: FloatArray | None) -> NDArray[np.bool_]:
        """The mask of one image, as the only one."""
        return tokencut_mask(features, grid_hw, self.rule, attention)[None]


def tokencut_mask(
    features: Tensor, grid_hw: tuple[int, int], rule: TokenCutConfig, attention: FloatArray | None = None
) -> NDArray[np.bool_]:
    """The connected patches of the object's side of the cut around its most prominent one (sections 3.1 and 3.2).

    Args:
        features: float (N, D).
        grid_hw: Height and width of the grid, patches.
        rule: The settings; of them `similarity` is tau in the paper.
        attention: float (N,), how prominent patches are; None = by the eigenvector, as in the paper.

    Returns:
        bool (h, w), not empty; all patches where they are all alike.
    """
    vector = second_eigenvector(similar_patches(features, rule.similarity))
    prominence = np.abs(vector) if attention is None else attention
    side = side_of(vector, int(np.argmax(prominence)))
    return object_at(side.reshape(grid_hw), prominence, rule.fill_holes, rule.opening)
