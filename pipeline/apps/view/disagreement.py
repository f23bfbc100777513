"""Where stages disagree: what a stage says of an image, and what the final model makes of it.

Shapes: M mined masks, I images of the source.
"""

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.catalog import stages_read
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.view.maps import maps_of
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun

FINAL, TAUGHT = "predictions", "pseudo-labels"


def disagreement_of_images(run: ViewedRun, layer: str) -> NDArray[np.float32]:
    """Fraction of the pixels of each image to which the final model gives another cluster than a layer does.

    The final model itself is compared with the pseudo-labels that it has learned from.

    Returns:
        float32 (I,); nan where one of the two has nothing of the image.

    Raises:
        MissingArtifact: One of the two has not been made.
    """
    other = TAUGHT if layer == FINAL else FINAL
    stages = (*stages_read(VIEWS[layer]), *stages_read(VIEWS[other]))
    return run.keep(f"disagreement {layer}", stages, lambda: _of_images(run, layer, other))


def disagreement_of_masks(run: ViewedRun) -> NDArray[np.float32]:
    """The same for the pixels of each mined mask and its cluster, float32 (M,). Raises as `disagreement_of_images`."""
    stages = (*stages_read(VIEWS["clusters"]), *stages_read(VIEWS[FINAL]))
    return run.keep("disagreement of masks", stages, lambda: _of_masks(run))


def _of_images(run: ViewedRun, layer: str, other: str) -> NDArray[np.float32]:
    first, second = maps_of(run, layer), maps_of(run, other)
    shares = [_share(first(image_id), second(image_id)) for image_id in run.source.ids]
    return np.asarray(shares, dtype=np.float32)


def _of_masks(run: ViewedRun) -> NDArray[np.float32]:
    masks, final = run.masks("cluster"), maps_of(run, FINAL)
    shares = np.full(len(masks), np.nan, dtype=np.float32)
    for position, image_id in enumerate(masks.image_ids):
        labels = final(image_id)
        if labels is None:
            continue
        for row, mask in zip(masks.rows_of(position), masks.decode_image(position), strict=True):
            if mask.shape == labels.shape and mask.any():
                shares[row] = np.mean(labels[mask] != masks.cluster[row] + 1)
    return shares


def _share(one: UInt8Array | None, other: UInt8Array | None) -> float:
    if one is None or other is None or one.shape != other.shape:
        return np.nan
    known = (one != IGNORE) & (other != IGNORE)
    return float(np.mean(one[known] != other[known])) if known.any() else np.nan
