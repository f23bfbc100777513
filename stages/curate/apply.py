"""Edits applied to masks and clusters, the same in the stage and in the page that shows them.

Shapes: M masks, D embedding dimensions, K clusters.
"""

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.edits import ClusterEdits, Edits, Split
from maskdistill.data.errors import InputError
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.mask_columns import MaskColumns
from maskdistill.data.stores.named_masks import find_masks
from maskdistill.stages.cluster.kmeans import assign, fit, whiten

_SEED = 0
_STARTS, _PASSES = 10, 100


def kept_masks(masks: MaskColumns, edits: Edits) -> NDArray[np.bool_]:
    """Which masks are left, bool (M,). Raises InputError where the edits name what is not there."""
    keep = np.ones(len(masks), dtype=bool)
    keep[find_masks(masks, edits.masks.excluded, "masks.excluded")] = False
    for image_id in edits.images.excluded:
        if image_id not in masks:
            raise InputError(f"images.excluded: {image_id}: no such image; take it out")
        rows = masks.rows_of(masks.index(image_id))
        keep[rows.start : rows.stop] = False
    return keep


def regroup(store: ClusterStore, edits: ClusterEdits) -> ClusterStore:
    """The same masks in clusters that were split and merged.

    Raises:
        InputError: The edits name a cluster that is not there, one in two groups, or split one of too few masks.
    """
    if not edits.split and not edits.merged:
        return store
    space = whiten(store.embedding, store.scale)
    cluster, centroids = store.cluster.copy(), [*store.centroids]
    for split in edits.split:
        _split(space, cluster, centroids, split)
    _check_groups(edits.merged, len(centroids))
    for group in edits.merged:
        _merge(space, cluster, centroids, group)
    stacked = np.asarray(centroids, dtype=np.float32)
    distance = np.linalg.norm(space - stacked[cluster], axis=1).astype(np.float32)
    # Where nothing was changed, distances stay what they are to the last bit.
    touched = np.isin(cluster, [*(split.cluster for split in edits.split), *map(min, edits.merged)])
    distance = np.where(touched | (cluster != store.cluster), distance, store.distance)
    return ClusterStore(store.embedding, cluster, distance, stacked, store.scale)


def group_of(edits: ClusterEdits, n_clusters: int) -> list[int]:
    """The number that each of the clusters, those that splits add included, has once clusters are merged."""
    numbers = list(range(n_clusters))
    for group in edits.merged:
        for number in group:
            if number < len(numbers):
                numbers[number] = min(group)
    return numbers


def _split(
    space: NDArray[np.float32], cluster: NDArray[np.int32], centroids: list[NDArray[np.float32]], split: Split
) -> None:
    """Take a cluster apart, in place: its largest part keeps the number, and the others get the next ones."""
    _check(split.cluster, len(centroids), "clusters.split")
    rows = np.flatnonzero(cluster == split.cluster)
    if len(rows) < split.into:
        few = f"cluster {split.cluster} has only {len(rows)} masks"
        raise InputError(f"clusters.split: {few}, and {split.into} parts are wanted")
    found, _ = fit(space[rows], split.into, batch_size=None, n_init=_STARTS, max_iter=_PASSES, seed=_SEED)
    part, _ = assign(space[rows], found)
    first, *others = np.argsort(-np.bincount(part, minlength=split.into), kind="stable").tolist()
    centroids[split.cluster] = found[first]
    for one in others:
        cluster[rows[part == one]] = len(centroids)
        centroids.append(found[one])


def _merge(
    space: NDArray[np.float32],
    cluster: NDArray[np.int32],
    centroids: list[NDArray[np.float32]],
    group: tuple[int, ...],
) -> None:
    """Make one of several clusters, in place: the one of the lowest number."""
    members = np.isin(cluster, group)
    cluster[members] = min(group)
    if members.any():
        centroids[min(group)] = space[members].mean(axis=0)


def _check_groups(merged: tuple[tuple[int, ...], ...], n_clusters: int) -> None:
    seen: set[int] = set()
    for group in merged:
        for number in group:
            _check(number, n_clusters, "clusters.merged")
            if number in seen:
                raise InputError(f"clusters.merged: {number} stands in it twice; keep one of them")
            seen.add(number)
        if len(group) < 2:
            raise InputError(f"clusters.merged: {list(group)} is no group; name two clusters or more")


def _check(number: int, n_clusters: int, where: str) -> None:
    if number >= n_clusters:
        raise InputError(f"{where}: there is no cluster {number}; there are {n_clusters}, counted from 0")
