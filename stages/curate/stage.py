"""Masks and clusters as they were changed by hand, in the form in which `mine` and `cluster` leave them.

Writes `masks.zarr`, each mask with its cluster, `clusters.zarr`, and the edits that it applied.
"""

from collections.abc import Container
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskdistill.data.catalog import CLUSTERS, CURATED, CURATED_BY, CURATED_CLUSTERS, open_masks
from maskdistill.data.edits import read_edits, write_edits
from maskdistill.data.errors import InputError, about
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.curate.apply import kept_masks, regroup
from maskdistill.stages.curate.config import CurateConfig
from maskdistill.stages.progress import Progress


def run(config: CurateConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Leave out what was excluded, and split and merge clusters.

    Args:
        config: The settings of the stage; `edits` names a file.
        inputs: The artifacts of `mine` and `cluster`.
        workdir: Where `masks.zarr`, without excluded images, and `clusters.zarr` are written, row by row alike.
        progress: Told about every mask.

    Raises:
        InputError: The edits name what is not there, or leave no mask.
    """
    masks, clusters = open_masks("cluster", inputs.artifacts), CLUSTERS.open(inputs.artifacts)
    progress.start("edits", len(masks), "masks")
    with about(config.edits):
        edits = read_edits(config.files()["edits"].expanduser())
        keep, grouped = kept_masks(masks, edits), regroup(clusters, edits.clusters)
        if not keep.any():
            raise InputError("all masks are excluded, so there is nothing to learn from")
    excluded = set(edits.images.excluded)
    curated = _without_images(masks.with_columns(cluster=grouped.cluster).select(keep), excluded)
    curated.save(workdir / CURATED.file)
    columns = (grouped.embedding[keep], grouped.cluster[keep], grouped.distance[keep])
    ClusterStore(*columns, grouped.centroids, grouped.scale).save(workdir / CURATED_CLUSTERS.file)
    write_edits(workdir / CURATED_BY.file, edits)
    progress.advance(len(masks))
    sizes = np.bincount(columns[1], minlength=grouped.k).tolist()
    counts = {"excluded_masks": int((~keep).sum()), "excluded_images": len(excluded)}
    return StageOutputs(len(curated), "masks", {"clusters": grouped.k, "cluster_sizes": sizes, **counts})


def _without_images(masks: MaskStore, excluded: Container[str]) -> MaskStore:
    """The same masks; the list of images lacks some, which have none of them."""
    left = np.asarray([image_id not in excluded for image_id in masks.image_ids], dtype=bool)
    ids = tuple(image_id for image_id in masks.image_ids if image_id not in excluded)
    return replace(masks, image_ids=ids, image=(np.cumsum(left) - 1)[masks.image].astype(np.int32))
