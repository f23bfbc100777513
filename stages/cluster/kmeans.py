"""Whitening and K-means (paper section 3.2).

Shapes: M masks, D embedding dimensions, K clusters.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import pairwise_distances_argmin_min

FloatArray = NDArray[np.float32]


def whiten_l2(features: NDArray[np.floating]) -> FloatArray:
    """Divide each dimension by its standard deviation, without centring, then scale each row to unit length.

    Args:
        features: float (M, D).

    Returns:
        float32 (M, D). Dimensions that do not vary and rows of zeros come out as zeros.
    """
    return whiten(features, dimension_scale(features))


def dimension_scale(features: NDArray[np.floating]) -> FloatArray:
    """Population standard deviation of each dimension of (M, D), float32 (D,); exactly 0 where it does not vary."""
    values = np.asarray(features)
    scale = values.std(axis=0, dtype=np.float64)
    constant = values.max(axis=0) == values.min(axis=0)
    return np.where(constant, 0, scale).astype(np.float32)


def whiten(features: NDArray[np.floating], scale: FloatArray) -> FloatArray:
    """Divide (M, D) by `scale` (D,) and scale each row to unit length; dimensions of scale 0 become 0."""
    inverse = np.divide(1, scale, out=np.zeros(len(scale)), where=scale > 0)
    values = np.asarray(features) * inverse
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    np.divide(values, norms, out=values, where=norms > 0)
    return values.astype(np.float32)


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
