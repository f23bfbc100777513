"""Clusters of any size: average linkage (agglomerative clustering) of patches, by the cosine.

K-means cuts what is large into several clusters, a background that fills most of all images among them. Average linkage
merges the two groups whose patches are most alike on the mean, again and again: what is plain and frequent becomes one
cluster, however large, and what differs from all else stays apart.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

LINKED_ROWS = 2000
"""Patches that are compared with each other: time and memory grow with the square of it, and this takes a second."""


def linked_centres(rows: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The mean of each cluster, float32 (k, C), of rows (n, C) of length 1, n >= k; the largest cluster first."""
    labels = AgglomerativeClustering(n_clusters=k, metric="cosine", linkage="average").fit_predict(rows)
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    return np.stack([rows[labels == number].mean(axis=0) for number in order])
