"""The label map that each stage's artifact holds for an image, read one at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from data.clusters import read_cluster
from data.errors import CorruptArtifact, InputError
from data.images import UInt8Array
from data.labels import LabelStore, paint
from data.masks import MaskStore

Maps = Callable[[str], UInt8Array | None]
"""Gives the label map of an image id, uint8 (height, width); None where the artifact lacks the image."""


def predicted_maps(stage: str, artifacts: Mapping[str, Path]) -> Maps:
    """How to get the prediction of `stage`: 0 = background, c + 1 = cluster c.

    Masks of `mine` all count as 1. Where masks of one image overlap, the one of higher score is on top.

    Raises:
        InputError: There is nothing to evaluate of such a stage, or its artifact is not among `artifacts`.
    """
    if stage in ("filter", "segment"):
        name = "labels.zarr" if stage == "filter" else "predictions.zarr"
        return _from_labels(LabelStore.open(_folder(stage, artifacts) / name))
    if stage == "distill":
        return _from_masks(MaskStore.open(_folder(stage, artifacts) / "candidates.zarr"))
    if stage not in ("mine", "cluster"):
        raise InputError(f"stage {stage!r} cannot be evaluated; choose mine, cluster, distill, filter or segment")
    masks = MaskStore.open(_folder("mine", artifacts) / "masks.zarr")
    if stage == "mine":
        return _from_masks(masks.with_columns(cluster=np.zeros(len(masks))))
    path = _folder("cluster", artifacts) / "clusters.zarr"
    cluster = read_cluster(path)
    if len(cluster) != len(masks):
        raise CorruptArtifact(f"{path}: {len(cluster)} clusters for {len(masks)} masks")
    return _from_masks(masks.with_columns(cluster=cluster))


def _folder(stage: str, artifacts: Mapping[str, Path]) -> Path:
    if stage not in artifacts:
        raise InputError(f"the artifact of {stage} is needed for this evaluation and was not given")
    return artifacts[stage]


def _from_labels(store: LabelStore) -> Maps:
    known = set(store.image_ids)
    return lambda image_id: store.read(store.index(image_id)) if image_id in known else None


def _from_masks(store: MaskStore) -> Maps:
    index = {image_id: i for i, image_id in enumerate(store.image_ids)}

    def read(image_id: str) -> UInt8Array | None:
        rows = store.rows_of(index[image_id]) if image_id in index else range(0)
        if not rows:
            return None
        order = np.argsort(-store.score[rows.start : rows.stop], kind="stable")
        masks = store.decode_image(index[image_id])[order]
        values = store.cluster[rows.start : rows.stop][order] + 1
        return paint(masks, values, (masks.shape[1], masks.shape[2]))

    return read
