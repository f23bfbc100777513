"""Ground-truth objects of one image, for evaluation only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.stores.rle import Rle


@dataclass(frozen=True, eq=False)
class Instances:
    """The objects of one image, n of them.

    Attributes:
        rles: n masks as compressed COCO codes, {"size": [height, width], "counts": bytes}.
        class_ids: int64 (n,), class of each, 1 or more.
        is_crowd: bool (n,), regions that hold an unknown number of objects: what is found there is neither right
            nor wrong.
    """

    rles: Sequence[Rle]
    class_ids: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rles)

    @classmethod
    def of(cls, rles: Sequence[Rle], class_ids: Sequence[int], is_crowd: Sequence[bool]) -> "Instances":
        """From plain lists of equal length, which may be empty."""
        return cls(rles, np.asarray(class_ids, dtype=np.int64), np.asarray(is_crowd, dtype=bool))

    @classmethod
    def of_map(cls, objects: UInt8Array, class_ids: Sequence[int]) -> "Instances":
        """From a map of objects, none of them a crowd.

        Args:
            objects: uint8 (height, width), k where the k-th object is, from 1; any other value belongs to none.
            class_ids: Class of object 1, 2, ...
        """
        masks = objects[..., None] == np.arange(1, len(class_ids) + 1)
        rles = coco_mask.encode(np.asfortranarray(masks, dtype=np.uint8)) if len(class_ids) else []
        return cls.of(rles, class_ids, [False] * len(class_ids))
