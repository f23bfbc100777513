"""Whitening and K-means (paper section 3.2).

Shapes: M masks, D embedding dimensions, K clusters.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import pairwise_distances_argmin_min

FloatArray = NDArray[np.float32]
Rows = NDArray[np.bool_]
_BLOCK = 2**14
"""Rows that are worked on at a time where all of them in float64 would take most of the memory."""
_AT_ONCE = 2**18


def whiten_l2(features: NDArray[np.floating]) -> FloatArray:
    """Divide each dimension by its standard deviation, without centring, then scale each row to unit length.

    Args:
        features: float (M, D).

    Returns:
        float32 (M, D). Dimensions that do not vary and rows of zeros come out as zeros.
    """
    return whiten(features, dimension_scale(features))


def dimension_scale(features: NDArray[np.floating], rows: Rows | None = None) -> FloatArray:
    """Population standard deviation of each dimension of (M, D), float32 (D,); exactly 0 where it does not vary.

    With `rows`, bool (M,), it is that of some of them.
    """
    values, chosen = np.asarray(features), _numbers(len(features), rows)
    mean = _column_sums(values, chosen, lambda block: block) / len(chosen)
    variance = _column_sums(values, chosen, lambda block: np.square(block - mean)) / len(chosen)
    varies = np.zeros(values.shape[1], dtype=bool)
    for block in _blocks(chosen):
        varies |= (values[block] != values[chosen[0]]).any(axis=0)
    return np.where(varies, np.sqrt(variance), 0).astype(np.float32)


def whiten(features: NDArray[np.floating], scale: FloatArray, rows: Rows | None = None) -> FloatArray:
    """Divide (M, D) by `scale` (D,) and scale each row to unit length; dimensions of scale 0 become 0.

    With `rows`, bool (M,), some of them alone are given.
    """
    inverse = np.divide(1, scale, out=np.zeros(len(scale)), where=scale > 0)
    chosen = _numbers(len(features), rows)
    whitened = np.empty((len(chosen), len(scale)), dtype=np.float32)
    for start, block in zip(range(0, len(chosen), _BLOCK), _blocks(chosen), strict=True):
        values = np.asarray(features)[block] * inverse
        norms = np.linalg.norm(values, axis=1, keepdims=True)
        whitened[start : start + _BLOCK] = np.divide(values, norms, out=values, where=norms > 0)
    return whitened


def _numbers(n_rows: int, rows: Rows | None) -> NDArray[np.int64]:
    return np.arange(n_rows) if rows is None else np.flatnonzero(rows)


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def _column_sums(
    values: NDArray[np.floating], rows: NDArray[np.int64], of: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[np.float64]:
    """The sum of what some rows become, in float64 (D,), without a copy of all of them in float64."""
    total = np.zeros(values.shape[1])
    for block in _blocks(rows):
        # One row after the other, so that the sum is the same to the last bit however the rows are cut.
        total = np.add.reduce(np.concatenate([total[None], of(values[block])], dtype=np.float64), axis=0)
    return total


def fit(
    features: FloatArray, k: int, *, batch_size: int | None, n_init: int, max_iter: int, seed: int
) -> tuple[FloatArray, float]:
    """Mini-batch or ordinary K-means.

    Args:
        features: float32 (M, D), whitened; M >= k.
        k: Number of clusters.
        batch_size: Rows per step; None = all, which is ordinary K-means.
        n_init: Random starts, of which the best is taken.
        max_iter: Passes over the rows, at most.
        seed: The same seed and rows give the same centroids.

    Returns:
        Centroids, float32 (K, D), and the inertia: the sum of squared distances to the nearest centroid.
    """
    kmeans: KMeans | MiniBatchKMeans = KMeans(n_clusters=k, n_init=n_init, max_iter=max_iter, random_state=seed)
    if batch_size is not None:
        kmeans = MiniBatchKMeans(
            n_clusters=k,
            batch_size=batch_size,
            n_init=n_init,
            max_iter=max_iter,
            random_state=seed,
            compute_labels=False,
        )
    centroids = np.asarray(kmeans.fit(features).cluster_centers_, dtype=np.float32)
    return centroids, float((assign(features, centroids)[1].astype(np.float64) ** 2).sum())


def assign(features: FloatArray, centroids: FloatArray) -> tuple[NDArray[np.int32], FloatArray]:
    """Nearest centroid of each row: its index, int32 (M,), and Euclidean distance, float32 (M,)."""
    if not len(features):
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
    nearest, distance = pairwise_distances_argmin_min(features, centroids)
    return nearest.astype(np.int32), distance.astype(np.float32)


def assign_raw(
    features: NDArray[np.floating], scale: FloatArray, centroids: FloatArray
) -> tuple[NDArray[np.int32], FloatArray]:
    """As `assign`, of rows (M, D) that are yet to be whitened; of many rows, some hundred thousand at a time."""
    starts = range(0, max(1, len(features)), _AT_ONCE)
    found = [assign(whiten(features[start : start + _AT_ONCE], scale), centroids) for start in starts]
    return np.concatenate([cluster for cluster, _ in found]), np.concatenate([distance for _, distance in found])
