"""Masks of one detector for the next: what a further round learns from, and clusters for a detector without classes."""

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder

_SAME = 0.5


def next_targets(candidates: MaskStore, targets: MaskStore, min_score: float) -> MaskStore:
    """The masks of the next round: the confident candidates, and the old targets that none of them stands for.

    A candidate stands for a target where their masks have an IoU of 0.5 or more. Candidates of a round have no overlap
    rule of their own: the non-maximum suppression of the detector has been at them.

    Args:
        candidates: Of all images, with clusters and scores.
        targets: What the detector learned from; the same images.
        min_score: Score from which a candidate is confident, 0-1.
    """
    builder = MaskStoreBuilder()
    for image, image_id in enumerate(targets.image_ids):
        confident = [row for row in candidates.rows_of(image) if candidates.score[row] >= min_score]
        old = list(targets.rows_of(image))
        iou = _overlaps(candidates, confident, targets, old)
        kept = [row for row, best in zip(old, iou.max(axis=0, initial=0), strict=True) if best < _SAME]
        builder.add_rles(
            image_id,
            [*(candidates.rle(row) for row in confident), *(targets.rle(row) for row in kept)],
            clusters=[*candidates.cluster[confident], *targets.cluster[kept]],
        )
    return builder.build()


def clusters_by_overlap(candidates: MaskStore, mined: MaskStore) -> MaskStore:
    """Give each candidate the cluster of the mined mask of its image that it has the largest IoU with.

    The two must show the same thing: at least half of the smaller one lies in the other. A candidate without such a
    mask has no cluster, and is left out.
    """
    clusters = np.full(len(candidates), -1, dtype=np.int32)
    for image in np.unique(candidates.image).tolist():
        rows, others = list(candidates.rows_of(image)), list(mined.rows_of(image))
        if not others:
            continue
        iou = _overlaps(candidates, rows, mined, others)
        iou[_inner_share(candidates, rows, mined, others) < _SAME] = 0
        found = mined.cluster[np.asarray(others)[iou.argmax(axis=1)]]
        clusters[rows] = np.where(iou.max(axis=1) > 0, found, -1)
    return candidates.with_columns(cluster=clusters).select(clusters >= 0)


def _overlaps(
    first: MaskStore, first_rows: list[int], second: MaskStore, second_rows: list[int], *, of_first: bool = False
) -> NDArray[np.float64]:
    """IoU of masks of one image, (len(first_rows), len(second_rows)); or the covered fraction of each first one."""
    if not first_rows or not second_rows:
        return np.zeros((len(first_rows), len(second_rows)))
    codes = [first.rle(row) for row in first_rows], [second.rle(row) for row in second_rows]
    # pycocotools divides by the area of the first mask alone where the second is a "crowd".
    return np.asarray(coco_mask.iou(*codes, [int(of_first)] * len(second_rows)), dtype=np.float64)


def _inner_share(
    first: MaskStore, first_rows: list[int], second: MaskStore, second_rows: list[int]
) -> NDArray[np.float64]:
    """Which fraction of the smaller of two masks lies in the other."""
    ours = _overlaps(first, first_rows, second, second_rows, of_first=True)
    theirs = _overlaps(second, second_rows, first, first_rows, of_first=True)
    return np.maximum(ours, theirs.T)
