"""The mining method `maskcut` (MaskCut of CutLER, arXiv 2301.11320): several objects, by one cut after the other.

Shapes: N = h * w patches, D channels.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import FloatArray
from maskdistill.stages.mine.methods.components import object_at
from maskdistill.stages.mine.methods.cut_miner import CutMiner
from maskdistill.stages.mine.methods.maskcut_config import MaskCutConfig
from maskdistill.stages.mine.methods.normalised_cut import second_eigenvector, side_of, similar_patches


class MaskCutMiner(CutMiner):
    """Some masks per image that do not overlap, at least one."""

    rule: MaskCutConfig

    def cut(self, features: Tensor, grid_hw: tuple[int, int], attention: FloatArray | None) -> NDArray[np.bool_]:
        """The masks of one image, the most prominent object first."""
        return maskcut_masks(features, grid_hw, self.rule, attention)


def maskcut_masks(
    features: Tensor, grid_hw: tuple[int, int], rule: MaskCutConfig, attention: FloatArray | None = None
) -> NDArray[np.bool_]:
    """The objects that one cut after the other finds, each without the patches of those before (section 3.2).

    What was found loses its similarities: all weights of its patches become EPSILON, as if their features were 0.

    Args:
        features: float (N, D).
        grid_hw: Height and width of the grid, patches.
        rule: The settings; of them `similarity` is tau in the paper.
        attention: float (N,), how prominent patches are; None = by the eigenvectors, as in the paper.

    Returns:
        bool (n, h, w), 1 <= n <= `max_masks`, none empty, no patch in two; all patches in one where they are all alike.
    """
    similar = similar_patches(features, rule.similarity)
    found: list[NDArray[np.bool_]] = []
    taken = np.zeros(grid_hw, dtype=bool)
    while len(found) < rule.max_masks:
        vector = second_eigenvector(similar)
        prominence = np.abs(vector) if attention is None else np.where(taken.ravel(), attention.min(), attention)
        one = _next_object(vector, prominence, grid_hw, rule)
        new = one & ~taken
        if found and (_iou_with_any(one, [*found, taken]) > rule.max_overlap or new.mean() <= rule.min_area):
            break
        found.append(new)
        taken |= new
        similar[taken.ravel()] = 0
        similar[:, taken.ravel()] = 0
    return np.stack(found)


def _next_object(
    vector: NDArray[np.float64], prominence: NDArray[np.floating], grid_hw: tuple[int, int], rule: MaskCutConfig
) -> NDArray[np.bool_]:
    """The connected part of the object's side of a cut at its most prominent patch."""
    side = side_of(vector, int(np.argmax(prominence))).reshape(grid_hw)
    if n_corners(side) > rule.max_corners and not side.all():
        side = ~side
    return object_at(side, prominence, rule.fill_holes, rule.opening)


def n_corners(mask: NDArray[np.bool_]) -> int:
    """How many corners of the grid a mask (h, w) contains: of up to four, as a single row has but two."""
    height, width = mask.shape
    return int(mask[:: max(height - 1, 1), :: max(width - 1, 1)].sum())


def _iou_with_any(mask: NDArray[np.bool_], others: list[NDArray[np.bool_]]) -> float:
    """The highest IoU of a mask with one of the others, none empty."""
    return max(float((mask & other).sum() / (mask | other).sum()) for other in others)
