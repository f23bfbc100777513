"""The masks to judge a cluster by: those near its centroid, and the clusters that hold the most."""

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.stores.clusters import ClusterStore

MOST_CLUSTERS = 40
"""What a page of pictures has room for."""


def largest_clusters(clusters: ClusterStore, most: int = MOST_CLUSTERS) -> list[int]:
    """At most so many of the clusters that hold a mask, the largest first."""
    sizes = np.bincount(clusters.cluster, minlength=clusters.k)
    order = np.argsort(-sizes, kind="stable")[:most]
    return [int(cluster) for cluster in order if sizes[cluster]]


def by_distance(clusters: ClusterStore) -> list[NDArray[np.int64]]:
    """Rows of the masks of each cluster, int64 (n,), the most typical first: by their distance to its centroid."""
    order = np.lexsort((clusters.distance, clusters.cluster))
    ends = np.cumsum(np.bincount(clusters.cluster, minlength=clusters.k))
    return np.split(order, ends[:-1])
