"""The confidence filter: what the detector is sure of, and something of every image."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskdistill.stages.otsu import otsu_threshold


def rank_in_image(scores: ArrayLike, image_index: ArrayLike) -> NDArray[np.int64]:
    """Place of each candidate among those of its image, by descending score; 0 = best, the earlier one of equals first.

    Args:
        scores: (M,) of any float type.
        image_index: (M,) integers, in any order.

    Returns:
        int64 (M,).
    """
    score, image = np.asarray(scores), np.asarray(image_index)
    order = np.lexsort((np.arange(len(score)), -score, image))
    starts = np.flatnonzero(np.diff(image[order], prepend=image[order][:1] - 1))
    sizes = np.diff(np.append(starts, len(score)))
    ranks = np.empty(len(score), dtype=np.int64)
    ranks[order] = np.arange(len(score)) - np.repeat(starts, sizes)
    return ranks


def resolve_threshold(threshold: float | Literal["auto"], scores: ArrayLike) -> float:
    """The lowest score that is kept.

    "auto" is Otsu's threshold on the scores: where they part best into high and low ones. Where that is depends on how
    long the detector has learnt. It needs no labels, and never leaves the range of the scores; without candidates it is
    0.

    Args:
        threshold: As configured.
        scores: (M,) confidences of all candidates, 0-1.
    """
    if threshold != "auto":
        return threshold
    values = np.asarray(scores, dtype=np.float64)
    return otsu_threshold(values) if len(values) else 0.0


def select(
    scores: ArrayLike, image_index: ArrayLike, threshold: float, max_per_image: int | None = None
) -> NDArray[np.bool_]:
    """Which candidates to keep: score >= threshold, and the best of every image (section 3.4 of the paper).

    Args:
        scores: (M,) confidences of any float type.
        image_index: (M,) integers: the image of each candidate, in any order.
        threshold: Lowest score kept, compared in the type of `scores`.
        max_per_image: Most candidates kept per image, the best ones; None = no limit.

    Returns:
        bool (M,). Where several share an image's best score and it is too low, the first of them alone is kept.
    """
    # A float32 score of 0.9 is below the float64 0.9: a Python float takes part in the type of the scores.
    sure = np.asarray(scores) >= float(threshold)
    ranks = rank_in_image(scores, image_index)
    keep = sure | (ranks == 0)
    return np.asarray(keep if max_per_image is None else keep & (ranks < max_per_image), dtype=bool)
