"""How well the clusters of masks agree with the classes of what the masks cover: purity, NMI and ARI.

Masks are counted, whatever their size: this judges K-means on the masks, not the masks themselves.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from maskdistill.data.arrays import IGNORE, UInt8Array


def class_of_mask(truth: UInt8Array, mask: NDArray[np.bool_], n_classes: int) -> int | None:
    """Class of what a mask covers: the one that most of its pixels have, background being a class like any other.

    So a mask that lies beside its object is background, and a cluster of such masks is no pure cluster of the class
    whose edge they touch.

    Args:
        truth: uint8 (height, width), classes 0 to `n_classes` - 1, 255 = ignore.
        mask: bool (height, width).
        n_classes: Number of classes, background included.

    Returns:
        The class, of several equally frequent ones the first; None where all pixels of the mask are ignored.
    """
    pixels = truth[mask]
    counts = np.bincount(pixels[pixels != IGNORE], minlength=n_classes)
    return int(counts.argmax()) if counts.any() else None


def agreement(clusters: Sequence[int], classes: Sequence[int]) -> dict[str, float]:
    """Agreement of two ways to group the same masks; {} without masks.

    Args:
        clusters: Cluster of each mask.
        classes: Class of each mask, from `class_of_mask`.

    Returns:
        `purity`, the fraction of masks that belong to the most frequent class of their cluster, 0 to 1; `nmi`, mutual
        information over the mean of both entropies, 0 to 1; `ari`, the Rand index corrected for chance, at most 1.
    """
    if not len(clusters):
        return {}
    return {
        "purity": purity(clusters, classes),
        "nmi": float(normalized_mutual_info_score(classes, clusters)),
        "ari": float(adjusted_rand_score(classes, clusters)),
    }


def purity(clusters: Sequence[int], classes: Sequence[int]) -> float:
    """Fraction of masks that belong to the most frequent class of their cluster, 0 to 1; at least one mask."""
    counts = contingency_matrix(classes, clusters)
    return float(counts.max(axis=0).sum() / counts.sum())
