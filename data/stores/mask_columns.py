"""MaskColumns: any number of object masks in memory, one row each, as COCO run-length codes.

The columns (M masks, B bytes of codes, I images), in memory as on disk:

    image      int32   (M,)     index into the image ids, non-decreasing
    size_hw    int32   (M, 2)   height and width of the image, px
    bbox_xywh  float32 (M, 4)   tight box, px
    area       int32   (M,)     px
    score      float32 (M,)     1.0 where the stage that wrote the mask has no confidence
    cluster    int32   (M,)     -1 = none
    offsets    int64   (M + 1,) mask i owns counts[offsets[i] : offsets[i + 1]]
    counts     uint8   (B,)     compressed COCO counts, as pycocotools reads them
    image_ids  str     (I,)     the ids of all images that were processed, those without a mask included
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.stores.rle import Rle

Window = tuple[slice, slice]
"""Some rows and columns of an image."""

DTYPES = {"image": "i4", "size_hw": "i4", "bbox_xywh": "f4", "area": "i4", "score": "f4", "cluster": "i4",
          "offsets": "i8", "counts": "u1"}  # fmt: skip
"""Type of every column but the image ids."""
ROW_SHAPES = {"size_hw": (2,), "bbox_xywh": (4,)}
"""Shape of a row, for the columns that hold more than one number per mask."""


@dataclass(frozen=True, eq=False)
class MaskColumns:
    """Object masks by row and by image; the attributes are the columns described at the top of this file."""

    image_ids: tuple[str, ...]
    image: NDArray[np.int32]
    size_hw: NDArray[np.int32]
    bbox_xywh: NDArray[np.float32]
    area: NDArray[np.int32]
    score: NDArray[np.float32]
    cluster: NDArray[np.int32]
    offsets: NDArray[np.int64]
    counts: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.image)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {image_id: i for i, image_id in enumerate(self.image_ids)}

    def index(self, image_id: str) -> int:
        """Position of an image in `image_ids`. Raises KeyError where the store does not list it."""
        return self._index[image_id]

    def __contains__(self, image_id: object) -> bool:
        """Whether the store lists an image, with masks or without."""
        return image_id in self._index

    @property
    def area_share(self) -> NDArray[np.float64]:
        """Fraction of its image that each mask covers, float64 (M,), 0-1."""
        return np.asarray(self.area / np.maximum(self.size_hw.astype(np.int64).prod(axis=1), 1))

    def rows_of(self, image: int) -> range:
        """Rows of the masks of one image, given as index into `image_ids`."""
        first, last = np.searchsorted(self.image, [image, image + 1])
        return range(int(first), int(last))

    def rle(self, row: int) -> Rle:
        """The mask as pycocotools takes it: {"size": [height, width], "counts": bytes}."""
        code = self.counts[self.offsets[row] : self.offsets[row + 1]].tobytes()
        return {"size": self.size_hw[row].tolist(), "counts": code}

    def decode(self, row: int) -> NDArray[np.bool_]:
        """The mask as bool (height, width)."""
        mask: NDArray[np.bool_] = coco_mask.decode(self.rle(row)).view(bool)
        return mask

    def decode_image(self, image: int) -> NDArray[np.bool_]:
        """All masks of one image as bool (n, height, width); (0, 0, 0) where it has none."""
        return self.decode_rows(self.rows_of(image))

    def decode_rows(self, rows: Sequence[int]) -> NDArray[np.bool_]:
        """Masks of one size as bool (n, height, width), column by column in memory; (0, 0, 0) of none."""
        if not len(rows):
            return np.zeros((0, 0, 0), dtype=bool)
        masks: NDArray[np.bool_] = coco_mask.decode([self.rle(row) for row in rows]).view(bool)
        return np.moveaxis(masks, -1, 0)

    def window(self, row: int) -> Window:
        """The rows and the columns of the mask's box: outside of them it is empty."""
        x, y, width, height = (int(value) for value in self.bbox_xywh[row])
        return slice(y, y + height), slice(x, x + width)
