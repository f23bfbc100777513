"""LabelStore: one label map per image, each of its own size, in one zarr group; and painting masks into such maps.

On disk (I images, P pixels in all): `size_hw` int32 (I, 2), `offsets` int64 (I + 1,), `pixels` uint8 (P,) and
`image_ids/`. 0 is background, cluster c is c + 1, 255 is ignored.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.stores.zarr_group import (
    create_array,
    create_empty_array,
    create_store,
    get_array,
    open_store,
    read_array,
    read_rows,
    read_strings,
    write_strings,
)


class LabelStore:
    """Label maps on disk, read one at a time."""

    def __init__(self, path: Path) -> None:
        group = open_store(path, "labels")
        self.path = path
        self.image_ids = read_strings(group, "image_ids")
        self.size_hw: NDArray[np.int32] = read_array(group, "size_hw", "i4")
        self.offsets: NDArray[np.int64] = read_array(group, "offsets", "i8")
        self._pixels = get_array(group, "pixels")
        self.check()

    @classmethod
    def open(cls, path: Path | str) -> "LabelStore":
        """Open a store. Raises MissingArtifact where there is none, CorruptArtifact where it is not a LabelStore."""
        return cls(Path(path))

    def __len__(self) -> int:
        return len(self.image_ids)

    def check(self) -> None:
        """Raise CorruptArtifact unless the columns fit each other."""
        sizes = self.size_hw.astype(np.int64).prod(axis=1)
        fits = len(sizes) == len(self) and np.array_equal(np.cumsum([0, *sizes]), self.offsets)
        if not fits or self.offsets[-1] != self._pixels.shape[0]:
            raise CorruptArtifact(f"{self.path}: sizes, offsets and pixels do not fit each other")

    @cached_property
    def _index(self) -> dict[str, int]:
        return {image_id: i for i, image_id in enumerate(self.image_ids)}

    def index(self, image_id: str) -> int:
        """Position of an image id. Raises KeyError where the store has no map of it."""
        return self._index[image_id]

    def read(self, index: int) -> UInt8Array:
        """The label map of one image as uint8 (height, width)."""
        pixels: UInt8Array = read_rows(self._pixels, int(self.offsets[index]), int(self.offsets[index + 1]))
        return pixels.reshape(self.size_hw[index])


def write_labels(path: Path, maps: Iterable[tuple[str, UInt8Array]]) -> None:
    """Write (image id, label map) pairs as one store; all maps are held in memory meanwhile."""
    pairs = list(maps)
    sizes = np.asarray([label_map.shape for _, label_map in pairs], dtype=np.int32).reshape(-1, 2)
    with create_store(path, "labels") as group:
        create_array(group, "size_hw", sizes)
        create_array(group, "offsets", np.cumsum([0, *sizes.astype(np.int64).prod(axis=1)], dtype=np.int64))
        pixels = [label_map.ravel() for _, label_map in pairs] or [np.zeros(0, dtype=np.uint8)]
        create_array(group, "pixels", np.concatenate(pixels).astype(np.uint8))
        write_strings(group, "image_ids", [image_id for image_id, _ in pairs])


def merge_label_parts(parts: Sequence[Path], path: Path) -> LabelStore:
    """Join stores written in parts into one at `path`, one part in memory at a time."""
    stores = [LabelStore.open(part) for part in parts]
    sizes = np.concatenate([store.size_hw for store in stores] or [np.zeros((0, 2), dtype=np.int32)])
    offsets = np.cumsum([0, *sizes.astype(np.int64).prod(axis=1)], dtype=np.int64)
    with create_store(path, "labels") as group:
        create_array(group, "size_hw", sizes)
        create_array(group, "offsets", offsets)
        write_strings(group, "image_ids", [image_id for store in stores for image_id in store.image_ids])
        pixels = create_empty_array(group, "pixels", (int(offsets[-1]),), np.uint8)
        start = 0
        for store in stores:
            stop = start + int(store.offsets[-1])
            if stop > start:
                pixels[start:stop] = read_rows(store._pixels, 0, stop - start)
            start = stop
    return LabelStore.open(path)


def paint(masks: NDArray[np.bool_], values: ArrayLike, size_hw: tuple[int, int]) -> UInt8Array:
    """Paint masks into one label map; where they overlap, the earlier one in the list stays on top.

    Args:
        masks: bool (n, height, width), the most important first; n may be 0.
        values: n label values, 1-254.
        size_hw: Height and width of the map, px.

    Returns:
        uint8 (height, width), 0 where no mask is.
    """
    # Masks that are stored come column by column: a map of the same layout is painted several times as fast.
    by_column = len(masks) and masks[0].flags.f_contiguous
    label_map = np.zeros(size_hw, dtype=np.uint8, order="F" if by_column else "C")
    for mask, value in zip(masks[::-1], np.asarray(values)[::-1], strict=True):
        np.copyto(label_map, np.uint8(value), where=mask)
    return np.ascontiguousarray(label_map)
