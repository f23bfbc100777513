"""What the ViT sees of a mask."""

from collections.abc import Iterator, Sequence
from typing import Any

from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.resize import limit_long_side, resize, resize_mask, short_side_size
from maskdistill.stages.networks.vit_inputs import Prepared


def views(
    store: MaskStore, source: ImageSource, rows: Sequence[int], config: ClusterConfig, patch_size: int
) -> Iterator[Prepared]:
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
            _crop(store, row, pixels, config)
            if config.view == "crop"
            else _masked(store, row, pixels, config, patch_size)
        )


def _crop(store: MaskStore, row: int, pixels: Any, config: ClusterConfig) -> Prepared:
    x, y, width, height = store.bbox_xywh[row].astype(int)
    crop = pixels[y : y + height, x : x + width]
    return Prepared(row, resize(crop, limit_long_side(crop.shape[:2], config.max_side)))


def _masked(store: MaskStore, row: int, pixels: Any, config: ClusterConfig, patch_size: int) -> Prepared:
    size = short_side_size(pixels.shape[:2], config.short_side, patch_size, config.max_patches)
    return Prepared(row, resize(pixels, size), resize_mask(store.decode(row), size))
