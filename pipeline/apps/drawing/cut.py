"""Cut-outs: one mask with some of what is around it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.pipeline.apps.drawing.cells import fit_size
from maskdistill.pipeline.apps.drawing.overlay import check_same_size, draw_masks
from maskdistill.stages.networks.resize import resize_mask

_MARGIN = 0.15
_LEAST_MARGIN = 2


def cut_out(
    image: UInt8Array, mask: NDArray[np.bool_], bbox_xywh: Sequence[float], cluster: int, edge: int | None = None
) -> UInt8Array:
    """The part of an image around a mask, the mask drawn on it.

    Args:
        image: uint8 (H, W, 3) RGB.
        mask: bool (H, W).
        bbox_xywh: Its box, px.
        cluster: The cluster whose colour it gets.
        edge: Long side of the result, px; None = as in the image.

    Returns:
        uint8 (height, width, 3) RGB.
    """
    check_same_size(image, mask)
    window = _window(bbox_xywh)
    part, part_mask = image[window], mask[window]
    if edge is not None:
        size_hw = fit_size((part.shape[0], part.shape[1]), edge)
        resized = Image.fromarray(part).resize(size_hw[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0)
        part, part_mask = np.asarray(resized), resize_mask(part_mask, size_hw)
    return draw_masks(part, part_mask[None], [cluster])


def _window(bbox_xywh: Sequence[float]) -> tuple[slice, slice]:
    x, y, width, height = (int(value) for value in bbox_xywh)
    margin = max(_LEAST_MARGIN, round(_MARGIN * max(width, height)))
    return (
        slice(max(0, y - margin), y + height + margin),
        slice(max(0, x - margin), x + width + margin),
    )
