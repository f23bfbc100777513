"""What the ViT sees of a mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.resize import limit_long_side, patch_cover, resize, resize_mask, short_side_size
from maskdistill.stages.networks.vit_inputs import Prepared


@dataclass(frozen=True, eq=False)
class MaskView(Prepared):
    """The view of a mask, and what of it is the mask.

    Attributes:
        cover: Fraction of each patch that the mask covers, float32 (rows, columns).
    """

    cover: NDArray[np.float32] = field(kw_only=True)


def views(
    store: MaskStore, source: ImageSource, rows: Sequence[int], config: ClusterConfig, patch_size: int
) -> Iterator[MaskView]:
    """The view of each mask row, in order; an image with several masks is read once.

    Raises:
        MaskDistillError: An image is not any more what its mask was mined from.
    """
    image, pixels = -1, None
    for row in rows:
        if store.image[row] != image:
            image = int(store.image[row])
            height, width = store.size_hw[row].tolist()
            pixels = read_known(source, store.image_ids[image], (height, width))
        yield (
            _crop(store, row, pixels, config, patch_size)
            if config.view == "crop"
            else _masked(store, row, pixels, config, patch_size)
        )


def _crop(store: MaskStore, row: int, pixels: Any, config: ClusterConfig, patch_size: int) -> MaskView:
    x, y, width, height = store.bbox_xywh[row].astype(int)
    inside = np.s_[y : y + height, x : x + width]
    crop, mask = pixels[inside], store.decode(row)[inside]
    size = limit_long_side(mask.shape, config.max_side)
    return MaskView(row, resize(crop, size), cover=patch_cover(mask, size, patch_size))


def _masked(store: MaskStore, row: int, pixels: Any, config: ClusterConfig, patch_size: int) -> MaskView:
    mask = store.decode(row)
    size = short_side_size(mask.shape, config.short_side, patch_size, config.max_patches)
    cover = patch_cover(mask, size, patch_size)
    return MaskView(row, resize(pixels, size), resize_mask(mask, size), cover=cover)
