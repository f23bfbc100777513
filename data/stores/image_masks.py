"""ImageMasks: one image with its masks, a view of some rows of a store."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.stores.mask_columns import MaskColumns
from maskdistill.data.stores.rle import Rle


@dataclass(frozen=True, eq=False)
class ImageMasks:
    """The n masks of one image; they are decoded only when `masks` is read.

    Attributes:
        store: The masks of all images.
        position: Index of the image into `store.image_ids`.
        rows: Rows of its masks in the store.
    """

    store: MaskColumns
    position: int
    rows: range

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def id(self) -> str:
        """Id of the image."""
        return self.store.image_ids[self.position]

    @property
    def size_hw(self) -> tuple[int, int] | None:
        """Height and width of the image, px; None where it has no mask, as the store then does not know."""
        if not self.rows:
            return None
        height, width = self.store.size_hw[self.rows.start].tolist()
        return height, width

    @property
    def masks(self) -> NDArray[np.bool_]:
        """The masks, bool (n, height, width); (0, 0, 0) without any. Decoded anew each time."""
        return self.store.decode_image(self.position)

    @property
    def bbox_xywh(self) -> NDArray[np.float32]:
        """Tight boxes, float32 (n, 4), px."""
        return self.store.bbox_xywh[self.rows.start : self.rows.stop]

    @property
    def area(self) -> NDArray[np.int32]:
        """Areas, int32 (n,), px."""
        return self.store.area[self.rows.start : self.rows.stop]

    @property
    def score(self) -> NDArray[np.float32]:
        """Confidences, float32 (n,)."""
        return self.store.score[self.rows.start : self.rows.stop]

    @property
    def cluster(self) -> NDArray[np.int32]:
        """Clusters, int32 (n,), -1 = none."""
        return self.store.cluster[self.rows.start : self.rows.stop]

    def rles(self) -> list[Rle]:
        """The masks as pycocotools takes them."""
        return [self.store.rle(row) for row in self.rows]


def images_of(store: MaskColumns) -> Iterator[ImageMasks]:
    """Every image with its masks, in order; masks are decoded only when they are looked at."""
    firsts = np.searchsorted(store.image, np.arange(len(store.image_ids) + 1)).tolist()
    return (ImageMasks(store, i, range(*rows)) for i, rows in enumerate(pairwise(firsts)))
