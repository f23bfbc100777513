"""Two stores of label maps side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from maskdistill.data.arrays import IGNORE
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.progress import Progress

_VALUES = 256


def diff_labels(first: LabelStore, second: LabelStore, progress: Progress) -> dict[str, Any]:
    """Compare label maps pixel by pixel, one image at a time.

    Returns:
        `images` (in both, `only_a`, `only_b`, `resized`, which are not compared), `pixels` compared, `agreement`: share
        of them with the same value (None of none); `agreement_renamed`: the same after the clusters of the second are
        renamed one-to-one so that most agree, background and ignored pixels left as they are.
    """
    known = set(second.image_ids)
    shared = [image_id for image_id in first.image_ids if image_id in known]
    table = np.zeros((_VALUES, _VALUES), dtype=np.int64)
    resized = 0
    progress.start("label maps", len(shared), "images")
    for image_id in shared:
        a, b = first.read(first.index(image_id)), second.read(second.index(image_id))
        if a.shape == b.shape:
            pairs = a.ravel().astype(np.int64) * _VALUES + b.ravel()
            table += np.bincount(pairs, minlength=_VALUES * _VALUES).reshape(table.shape)
        else:
            resized += 1
        progress.advance()
    pixels = int(table.sum())
    return {
        "images": {
            "both": len(shared),
            "only_a": len(first) - len(shared),
            "only_b": len(second) - len(shared),
            "resized": resized,
        },
        "pixels": pixels,
        "agreement": int(np.trace(table)) / pixels if pixels else None,
        "agreement_renamed": _renamed(table) / pixels if pixels else None,
    }


def _renamed(table: NDArray[np.int64]) -> int:
    """Pixels that agree once the clusters of the second have been renamed."""
    clusters = table[1:IGNORE, 1:IGNORE]
    rows, columns = linear_sum_assignment(clusters, maximize=True)
    return int(clusters[rows, columns].sum() + table[0, 0] + table[IGNORE, IGNORE])
