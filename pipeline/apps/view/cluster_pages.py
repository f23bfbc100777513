"""What a cluster holds: its size, how sure the detector is of it, and masks to judge it by.

Shapes: M mined masks, K clusters.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.pipeline.apps.view.layers import Columns


def summarise_clusters(
    store: ClusterStore, candidates: Columns | None, kept: Columns | None, n_examples: int
) -> list[dict[str, Any]]:
    """Figures of every cluster, by index.

    Args:
        store: The clusters of the mined masks.
        candidates: The detector's candidates; None where there are none yet.
        kept: The pseudo-labels; None where there are none yet.
        n_examples: How many of the most typical masks to name.
    """
    sizes = np.bincount(store.cluster, minlength=store.k)
    distances = _mean_by(store.cluster, store.distance, store.k)
    figures: dict[str, list[Any]] = {"size": sizes.tolist(), "mean_distance": distances}
    if candidates is not None:
        figures["candidates"] = np.bincount(candidates.cluster, minlength=store.k)[: store.k].tolist()
        figures["mean_score"] = _mean_by(candidates.cluster, candidates.score, store.k)
    if kept is not None:
        figures["kept"] = np.bincount(kept.cluster, minlength=store.k)[: store.k].tolist()
    order = _by_distance(store)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return [
        {
            "cluster": cluster,
            **{name: values[cluster] for name, values in figures.items()},
            "examples": order[starts[cluster] : starts[cluster + 1]][:n_examples].tolist(),
        }
        for cluster in range(store.k)
    ]


def pick_masks(store: ClusterStore, cluster: int, n: int, seed: int) -> dict[str, list[int]]:
    """Rows of masks of a cluster: the nearest to its centroid first, the farthest first, and `n` at random."""
    rows = np.flatnonzero(store.cluster == cluster)
    ranked = rows[np.argsort(store.distance[rows], kind="stable")]
    random = np.random.default_rng(seed).permutation(rows)[:n]
    return {"typical": ranked[:n].tolist(), "atypical": ranked[::-1][:n].tolist(), "random": random.tolist()}


def _by_distance(store: ClusterStore) -> NDArray[np.int64]:
    """Rows by cluster, within a cluster by distance to its centroid."""
    return np.lexsort((store.distance, store.cluster))


def _mean_by(cluster: NDArray[np.int32], values: NDArray[np.float32], k: int) -> list[float | None]:
    """Mean of the values of each cluster; None for empty ones."""
    counts = np.bincount(cluster, minlength=k)[:k]
    sums = np.bincount(cluster, weights=values, minlength=k)[:k]
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
