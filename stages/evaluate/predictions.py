"""The label maps and masks that each stage's artifact holds, read one at a time."""

from collections.abc import Callable

import numpy as np

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import LABELS, MASKS, PREDICTIONS_CRF, Folders, open_masks
from maskdistill.data.errors import InputError
from maskdistill.data.stores.labels import LabelStore, paint
from maskdistill.data.stores.masks import MaskStore

Maps = Callable[[str], UInt8Array | None]
"""Gives the label map of an image id, uint8 (height, width); None where the artifact lacks the image."""


def predicted_maps(stage: str, artifacts: Folders) -> Maps:
    """How to get the prediction of `stage`: 0 = background, c + 1 = cluster c.

    Masks of `mine` all count as 1. Where masks of one image overlap, the one of higher score is on top.

    Raises:
        InputError: There is nothing to evaluate of such a stage, or its artifact is not among `artifacts`.
    """
    if stage in LABELS:
        return _from_labels(LABELS[stage].open(artifacts))
    masks = predicted_masks(stage, artifacts)
    if masks is None:
        raise InputError(f"stage {stage!r} cannot be evaluated; choose mine, cluster, distill, filter or segment")
    return _from_masks(masks)


def refined_maps(artifacts: Folders) -> Maps | None:
    """How to get the predictions of `segment` after the CRF; None where it was not asked for."""
    made = PREDICTIONS_CRF.path(artifacts).is_dir()
    return _from_labels(PREDICTIONS_CRF.open(artifacts)) if made else None


def predicted_masks(stage: str, artifacts: Folders) -> MaskStore | None:
    """The masks of `stage` with their scores and clusters, those of `mine` all in cluster 0; None where it has none.

    Raises:
        InputError: The artifact is not among `artifacts`.
        CorruptArtifact: Masks and clusters do not go together.
    """
    if stage not in MASKS:
        return None
    masks = open_masks(stage, artifacts)
    return masks.with_columns(cluster=np.zeros(len(masks))) if stage == "mine" else masks


def _from_labels(store: LabelStore) -> Maps:
    known = set(store.image_ids)
    return lambda image_id: store.read(store.index(image_id)) if image_id in known else None


def _from_masks(store: MaskStore) -> Maps:
    def read(image_id: str) -> UInt8Array | None:
        rows = store.rows_of(store.index(image_id)) if image_id in store else range(0)
        if not rows:
            return None
        order = np.argsort(-store.score[rows.start : rows.stop], kind="stable")
        masks = store.decode_image(store.index(image_id))[order]
        values = store.cluster[rows.start : rows.stop][order] + 1
        return paint(masks, values, (masks.shape[1], masks.shape[2]))

    return read
