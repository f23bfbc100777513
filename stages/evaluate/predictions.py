"""The label maps and masks that each stage's artifact holds, read one at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from data.clusters import with_clusters
from data.errors import InputError
from data.images import UInt8Array
from data.labels import LabelStore, paint
from data.masks import MaskStore

Maps = Callable[[str], UInt8Array | None]
"""Gives the label map of an image id, uint8 (height, width); None where the artifact lacks the image."""

_LABEL_FILES = {"filter": "labels.zarr", "segment": "predictions.zarr"}
_REFINED_FILE = "predictions_crf.zarr"
_MASK_FILES = {"mine": ("mine", "masks.zarr"), "cluster": ("mine", "masks.zarr"),
               "distill": ("distill", "candidates.zarr"), "filter": ("filter", "masks.zarr")}  # fmt: skip


def predicted_maps(stage: str, artifacts: Mapping[str, Path]) -> Maps:
    """How to get the prediction of `stage`: 0 = background, c + 1 = cluster c.

    Masks of `mine` all count as 1. Where masks of one image overlap, the one of higher score is on top.

    Raises:
        InputError: There is nothing to evaluate of such a stage, or its artifact is not among `artifacts`.
    """
    if stage in _LABEL_FILES:
        return _from_labels(LabelStore.open(_folder(stage, artifacts) / _LABEL_FILES[stage]))
    masks = predicted_masks(stage, artifacts)
    if masks is None:
        raise InputError(f"stage {stage!r} cannot be evaluated; choose mine, cluster, distill, filter or segment")
    return _from_masks(masks)


def refined_maps(artifacts: Mapping[str, Path]) -> Maps | None:
    """How to get the predictions of `segment` after the CRF; None where it was not asked for."""
    path = _folder("segment", artifacts) / _REFINED_FILE
    return _from_labels(LabelStore.open(path)) if path.is_dir() else None


def predicted_masks(stage: str, artifacts: Mapping[str, Path]) -> MaskStore | None:
    """The masks of `stage` with their scores and clusters, those of `mine` all in cluster 0; None where it has none.

    Raises:
        InputError: The artifact is not among `artifacts`.
        CorruptArtifact: Masks and clusters do not go together.
    """
    if stage not in _MASK_FILES:
        return None
    source, name = _MASK_FILES[stage]
    masks = MaskStore.open(_folder(source, artifacts) / name)
    if stage == "mine":
        return masks.with_columns(cluster=np.zeros(len(masks)))
    if stage != "cluster":
        return masks
    return with_clusters(masks, _folder("cluster", artifacts) / "clusters.zarr")


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
