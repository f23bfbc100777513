"""The mask embeddings in two dimensions, by principal components of the space in which K-means ran.

Shapes: M masks, D embedding dimensions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.stages.cluster.kmeans import whiten

_FITTED = 20_000
_TOP = 65_535


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """Where the masks lie.

    Attributes:
        points: uint16 (M, 2), x and y, each axis from 0 to 65535.
        explained: Fraction of the variance that each of the two axes holds, 0-1; 0 where the axes mean nothing.
    """

    points: NDArray[np.uint16]
    explained: tuple[float, float]


def project(store: ClusterStore, seed: int = 0) -> EmbeddingMap:
    """Lay the masks out on the two directions in which their whitened embeddings differ most."""
    return _project(whiten(store.embedding, store.scale), seed)


def project_together(store: ClusterStore, other: ClusterStore, seed: int = 0) -> EmbeddingMap:
    """The masks of two runs on one map, those of the first one first, whitened as that one has it."""
    both = np.concatenate([store.embedding, other.embedding])
    return _project(whiten(both, store.scale), seed)


def _project(space: NDArray[np.float32], seed: int) -> EmbeddingMap:
    """Two principal components, fitted to at most 20,000 rows, drawn at random, and applied to all."""
    if min(space.shape) < 2:
        return EmbeddingMap(np.zeros((len(space), 2), dtype=np.uint16), (0.0, 0.0))
    chosen = np.random.default_rng(seed).permutation(len(space))[:_FITTED]
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(space[chosen])
    points = pca.transform(space)
    explained = np.nan_to_num(pca.explained_variance_ratio_)
    return EmbeddingMap(on_grid(points), (float(explained[0]), float(explained[1])))


def on_grid(points: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Points (M, 2) with each axis stretched from 0 to 65535."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1)
    return np.asarray(((points - low) / span * _TOP).round(), dtype=np.uint16)
