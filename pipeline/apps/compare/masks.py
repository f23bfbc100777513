"""Two mask stores side by side: which masks are the same object, which are gone, and which clusters moved."""

import heapq
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment

from maskdistill.data.stores.image_masks import ImageMasks
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.progress import Progress

MATCH_IOU = 0.5
_EXAMPLES = 10
_STEP = 200


@dataclass
class _Tally:
    """Counts over the images so far."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    changed: list[tuple[int, str]] = field(default_factory=list)
    resized: int = 0


def diff_masks(first: MaskStore, second: MaskStore, progress: Progress) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Match the masks of two stores image by image.

    The matching is one-to-one and of the largest total IoU (Hungarian); pairs below IoU 0.5 do not count. Masks of
    images that only one store has, or that changed their size, are lost or added.

    Returns:
        Counts, and rows of the matched masks in both stores, int64 (n, 2). The counts: `images` (in both, `only_a`,
        `only_b`, `resized`, `changed`), `a` and `b` (number of masks), `matched`, `identical` (same pixels), `lost`,
        `added`, `mean_iou` of the matched ones (None of none), and the `most_changed` images with how many masks they
        lost and were added.
    """
    theirs = {image.id: image for image in second.images()}
    tally = _Tally()
    shared = 0
    progress.start("masks", len(first.image_ids), "images")
    for i, image in enumerate(first.images()):
        if i % _STEP == 0:
            progress.advance(min(_STEP, len(first.image_ids) - i))
        other = theirs.get(image.id)
        if other is not None:
            shared += 1
            _compare(image, other, tally)
    n = len(tally.pairs)
    most_changed = heapq.nsmallest(_EXAMPLES, tally.changed, key=lambda entry: (-entry[0], entry[1]))
    counts = {
        "images": {
            "both": shared,
            "only_a": len(first.image_ids) - shared,
            "only_b": len(second.image_ids) - shared,
            "resized": tally.resized,
            "changed": len(tally.changed),
        },
        "a": len(first),
        "b": len(second),
        "matched": n,
        "identical": sum(iou == 1 for iou in tally.ious),
        "lost": len(first) - n,
        "added": len(second) - n,
        "mean_iou": float(np.mean(tally.ious)) if n else None,
        "most_changed": [{"image": image_id, "lost_and_added": count} for count, image_id in most_changed],
    }
    return counts, np.asarray(tally.pairs, dtype=np.int64).reshape(-1, 2)


def diff_clusters(first: NDArray[np.int32], second: NDArray[np.int32]) -> dict[str, Any]:
    """How many matched masks changed their cluster, given both clusters of each, int32 (n,).

    Returns:
        `compared`, `changed`, and `changed_renamed`: how many still do after the clusters of the second artifact are
        renamed one-to-one so that the fewest do, as K-means numbers its clusters at random.
    """
    table = np.zeros((int(first.max(initial=-1)) + 2, int(second.max(initial=-1)) + 2), dtype=np.int64)
    np.add.at(table, (first + 1, second + 1), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return {
        "compared": len(first),
        "changed": int((first != second).sum()),
        "changed_renamed": len(first) - int(table[rows, columns].sum()),
    }


def match_masks(first: ImageMasks, second: ImageMasks) -> list[tuple[int, int, float]]:
    """Pairs of rows, with their IoU of at least 0.5, of two images of one size."""
    if _codes(first) == _codes(second):
        return [(a, b, 1.0) for a, b in zip(first.rows, second.rows, strict=True)]
    ious = np.asarray(coco_mask.iou(first.rles(), second.rles(), [0] * len(second)))
    pairs = zip(*linear_sum_assignment(ious, maximize=True), strict=True)
    return [(first.rows[a], second.rows[b], float(ious[a, b])) for a, b in pairs if ious[a, b] >= MATCH_IOU]


def _compare(first: ImageMasks, second: ImageMasks, tally: _Tally) -> None:
    matches: list[tuple[int, int, float]] = []
    if len(first) and len(second):
        if first.size_hw == second.size_hw:
            matches = match_masks(first, second)
        else:
            tally.resized += 1
    tally.pairs += [(a, b) for a, b, _ in matches]
    tally.ious += [iou for _, _, iou in matches]
    unmatched = len(first) + len(second) - 2 * len(matches)
    if unmatched:
        tally.changed.append((unmatched, first.id))


def _codes(image: ImageMasks) -> tuple[bytes, bytes]:
    """The masks of an image as bytes: two images of the same masks, in the same order, have the same."""
    offsets = image.store.offsets[image.rows.start : image.rows.stop + 1]
    return (offsets - offsets[0]).tobytes(), image.store.counts[offsets[0] : offsets[-1]].tobytes()
