"""How far two halves of the masks agree on their clusters, and how far points without clusters would.

Shapes: M masks, D dimensions of the features, K clusters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from maskdistill.stages.cluster.kmeans import FloatArray, assign, fit

_STARTS, _PASSES = 5, 100


def fit_fully(features: FloatArray, k: int, seed: int) -> FloatArray:
    """Centroids of ordinary K-means, float32 (K, D): mini-batches would add noise of their own."""
    return fit(features, k, batch_size=None, n_init=_STARTS, max_iter=_PASSES, seed=seed)[0]


def agreement_of_halves(features: FloatArray, k: int, seed: int) -> float:
    """Adjusted Rand index of two partitions of all rows: K-means fitted to one random half, and to the other.

    Args:
        features: float32 (M, D), M >= 2 K.
        k: Number of clusters.
        seed: Of the halves and of K-means. The same seed gives the same halves for every K.

    Returns:
        1 where the partitions are the same, about 0 where they agree by chance.
    """
    order = np.random.default_rng(seed).permutation(len(features))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    first, second = (assign(features, fit_fully(features[half], k, seed))[0] for half in halves)
    return float(adjusted_rand_score(first, second))


def without_clusters(features: FloatArray, seeds: Sequence[int]) -> list[FloatArray]:
    """Points of no clusters that are otherwise alike, each array float32 (M, D): one for every seed.

    They are drawn from the normal distribution of the same mean and covariance, and scaled to unit length.
    """
    mean = features.mean(axis=0)
    _, spread, directions = np.linalg.svd(features - mean, full_matrices=False)
    axes = spread[:, None] * directions / np.sqrt(len(features))
    return [_of_unit_length(mean + _normal(seed, len(features), len(axes)) @ axes) for seed in seeds]


def _normal(seed: int, rows: int, columns: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((rows, columns), dtype=np.float32)


def _of_unit_length(points: NDArray[np.floating]) -> FloatArray:
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    scaled: FloatArray = np.divide(points, norms, out=np.zeros_like(points), where=norms > 0).astype(np.float32)
    return scaled
