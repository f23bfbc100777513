"""Clusters as the cluster stage leaves them, without a K-means: for stages that need no more than their numbers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.stores.clusters import ClusterStore


def save_clusters(path: Path, cluster: NDArray[np.int32], k: int) -> None:
    """Write the cluster of each mask, int32 (n,), with embeddings and centroids of zeros."""
    zeros = np.zeros((len(cluster), 1), dtype=np.float32)
    centroids = np.zeros((k, 1), dtype=np.float32)
    ClusterStore(zeros, cluster, zeros[:, 0], centroids, np.ones(1, dtype=np.float32)).save(path)
