"""What a cluster holds: its size, how sure the detector is of it, and masks to judge it by.

Shapes: M mined masks, K clusters.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.pipeline.apps.inspect.typical import by_distance
from maskdistill.pipeline.apps.view.layers import Columns


def summarise_clusters(
    store: ClusterStore, candidates: Columns | None, kept: Columns | None, n_examples: int
) -> list[dict[str, Any]]:
    """Statistics of every cluster, by index.

    Args:
        store: The clusters of the mined masks.
        candidates: The detector's candidates; None where there are none yet.
        kept: The pseudo-labels; None where there are none yet.
        n_examples: How many of the most typical masks to name.
    """
    sizes = np.bincount(store.cluster, minlength=store.k)
    distances = _mean_by(store.cluster, store.distance, store.k)
    statistics: dict[str, list[Any]] = {"size": sizes.tolist(), "mean_distance": distances}
    if candidates is not None:
        statistics["candidates"] = np.bincount(candidates.cluster, minlength=store.k)[: store.k].tolist()
        statistics["mean_score"] = _mean_by(candidates.cluster, candidates.score, store.k)
    if kept is not None:
        statistics["kept"] = np.bincount(kept.cluster, minlength=store.k)[: store.k].tolist()
    ranked = by_distance(store)
    return [
        {
            "cluster": cluster,
            **{name: values[cluster] for name, values in statistics.items()},
            "examples": ranked[cluster][:n_examples].tolist(),
        }
        for cluster in range(store.k)
    ]


def pick_masks(store: ClusterStore, cluster: int, n: int, seed: int) -> dict[str, list[int]]:
    """Rows of masks of a cluster: the nearest to its centroid first, the farthest first, and `n` at random."""
    ranked = by_distance(store)[cluster]
    random = np.random.default_rng(seed).permutation(np.sort(ranked))[:n]
    return {"typical": ranked[:n].tolist(), "atypical": ranked[::-1][:n].tolist(), "random": random.tolist()}


def _mean_by(cluster: NDArray[np.int32], values: NDArray[np.float32], k: int) -> list[float | None]:
    """Mean of the values of each cluster; None for empty ones."""
    counts = np.bincount(cluster, minlength=k)[:k]
    sums = np.bincount(cluster, weights=values, minlength=k)[:k]
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
