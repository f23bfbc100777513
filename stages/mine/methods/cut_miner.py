"""What the mining methods by normalised cuts share: the features of the patches, and the class token's attention."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import FloatArray
from maskdistill.stages.mine.methods.affinity_rule import class_attention
from maskdistill.stages.mine.methods.cut_settings import CutSettings
from maskdistill.stages.mine.methods.vit_miner import Seen, VitMiner, patch_features


class CutMiner(VitMiner):
    """What is an object is up to `cut`."""

    rule: CutSettings

    @abstractmethod
    def cut(self, features: Tensor, grid_hw: tuple[int, int], attention: FloatArray | None) -> NDArray[np.bool_]:
        """Masks bool (n, h, w) over a grid of patches, none empty.

        Args:
            features: float (N, D).
            grid_hw: Height and width of the grid, patches.
            attention: float (N,), the class token's attention; None = not asked for.
        """

    def find(self, seen: Seen, grid_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """Masks of one image."""
        attention = None
        if self.rule.side == "attention":
            queries, keys = seen["queries"][:, 0], seen["keys"][:, 1:]
            attention = class_attention(queries, keys, self.vit.n_heads).cpu().numpy()
        return self.cut(patch_features(seen[self.rule.features]), grid_hw, attention)
