"""Clusters of any size: average linkage (agglomerative clustering) of patches, by the cosine.

K-means cuts what is large into several clusters, a background that fills most of all images among them. Average linkage
merges the two groups whose patches are most alike on the mean, again and again: what is plain and frequent becomes one
cluster, however large, and what differs from all else stays apart. So do single odd patches, which would take the place
of clusters; what is too small for one is left out of the centres.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

LINKED_ROWS = 2000
"""Patches that are compared with each other: time and memory grow with the square of it, and this takes a second."""

_LEAST_SHARE = 0.05
"""Of the rows that a cluster would have if all were equally large, the fraction below which it is none."""
_MOST_GROUPS = 0.25
"""Of the rows, the most groups into which they are cut; in finer cuts the background itself falls apart."""


def linked_centres(rows: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The mean of each cluster, float32 (k, C), of rows (n, C) of length 1, n >= k; the largest cluster first.

    The rows are cut into as few groups as hold k that are large enough for a cluster; where no cut does, into those
    that hold the most, and the largest of the others are taken as well.
    """
    tree = linkage(squareform(np.clip(1 - rows @ rows.T, 0, 2), checks=False), method="average")
    groups = cut_tree(tree, n_clusters=_cut(tree, k))[:, 0]
    largest = np.argsort(-np.bincount(groups), kind="stable")[:k]
    return np.stack([rows[groups == group].mean(axis=0) for group in largest])


def _cut(tree: NDArray[np.float64], k: int) -> int:
    """Into how many groups to cut a tree of n - 1 merges, float64 (n - 1, 4) as scipy has it."""
    n = len(tree) + 1
    is_large = np.concatenate([np.ones(n), tree[:, 3]]) >= _LEAST_SHARE * n / k
    children = tree[:, :2].astype(np.int64)
    n_large = is_large[:n].sum() + np.cumsum(is_large[n:] - is_large[children].sum(axis=1, dtype=np.int64))
    cuts = np.arange(k, max(k, int(_MOST_GROUPS * n)) + 1)  # into m groups: before the last m - 1 merges
    found = np.minimum(np.concatenate([[is_large[:n].sum()], n_large])[n - cuts], k)
    return int(cuts[found.argmax()])
