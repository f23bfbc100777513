"""ClusterStore: the class found for every mask of a MaskStore, row by row, in one zarr group.

On disk (M masks, D embedding dimensions, K clusters):

    embedding  float32 (M, D)  features of each mask, as the model gave them: `cluster.features`
    cluster    int32   (M,)    index of the nearest centroid
    distance   float32 (M,)    Euclidean distance to that centroid, in the whitened space
    centroids  float32 (K, D)  in the whitened space: embedding / scale, then of unit length
    scale      float32 (D,)    standard deviation of each dimension over the training masks; 1 for features not divided
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.stores.masks import MaskStore
from maskdistill.data.stores.zarr_group import create_array, create_store, get_array, open_store, read_array

_DTYPES = {"embedding": "f4", "cluster": "i4", "distance": "f4", "centroids": "f4", "scale": "f4"}


@dataclass(frozen=True, eq=False)
class ClusterStore:
    """Clusters in memory, one row per mask; the attributes are the columns described at the top of this file."""

    embedding: NDArray[np.float32]
    cluster: NDArray[np.int32]
    distance: NDArray[np.float32]
    centroids: NDArray[np.float32]
    scale: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.cluster)

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.centroids)

    @classmethod
    def open(cls, path: Path) -> "ClusterStore":
        """Read a store. Raises MissingArtifact where there is none, CorruptArtifact where it is not a ClusterStore."""
        group = open_store(path, "clusters")
        store = cls(**{name: read_array(group, name, dtype) for name, dtype in _DTYPES.items()})
        store.check(path)
        return store

    def save(self, path: Path) -> None:
        """Write the store to `path`, which appears whole or not at all."""
        with create_store(path, "clusters") as group:
            for name, dtype in _DTYPES.items():
                create_array(group, name, np.asarray(getattr(self, name), dtype=dtype))

    def check(self, where: Path) -> None:
        """Raise CorruptArtifact unless the columns fit each other."""
        n = len(self)
        if self.embedding.ndim != 2 or self.embedding.shape[0] != n or self.distance.shape != (n,):
            raise CorruptArtifact(f"{where}: embeddings and distances are not one row for each of the {n} masks")
        width = self.embedding.shape[1]
        if self.centroids.ndim != 2 or self.centroids.shape[1] != width or self.scale.shape != (width,):
            raise CorruptArtifact(f"{where}: centroids and scale do not have the {width} dimensions of the embeddings")
        _check_numbers(self.cluster, self.k, where)


def read_k(path: Path) -> int:
    """Number of clusters of a ClusterStore, without reading its embeddings."""
    return int(get_array(open_store(path, "clusters"), "centroids").shape[0])


def read_cluster(path: Path) -> NDArray[np.int32]:
    """Cluster of each mask, int32 (M,), without reading the embeddings."""
    return read_array(open_store(path, "clusters"), "cluster", "i4")


def with_clusters(masks: MaskStore, path: Path) -> MaskStore:
    """The same masks, each with its cluster from the ClusterStore at `path`.

    Raises:
        CorruptArtifact: The store is of other masks, or names a cluster that does not exist.
    """
    cluster = read_cluster(path)
    if len(cluster) != len(masks):
        raise CorruptArtifact(f"{path}: {len(cluster)} clusters for {len(masks)} masks: run the cluster stage again")
    _check_numbers(cluster, read_k(path), path)
    return masks.with_columns(cluster=cluster)


def _check_numbers(cluster: NDArray[np.int32], k: int, where: Path) -> None:
    if len(cluster) and not (cluster.min() >= 0 and cluster.max() < k):
        raise CorruptArtifact(f"{where}: a mask belongs to a cluster that does not exist (there are {k})")
