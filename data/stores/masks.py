"""MaskStore: any number of object masks as COCO run-length codes in one zarr group.

On disk (zarr v3; M masks, B bytes of codes, I images):

    image      int32   (M,)     index into the image ids, non-decreasing
    size_hw    int32   (M, 2)   height and width of the image, px
    bbox_xywh  float32 (M, 4)   tight box, px
    area       int32   (M,)     px
    score      float32 (M,)     1.0 where the stage that wrote the mask has no confidence
    cluster    int32   (M,)     -1 = none
    offsets    int64   (M + 1,) mask i owns counts[offsets[i] : offsets[i + 1]]
    counts     uint8   (B,)     compressed COCO counts, as pycocotools reads them
    image_ids/ the ids of all images that were processed, those without a mask included
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.coco.export import coco_dict
from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.stores import mask_table
from maskdistill.data.stores.image_masks import ImageMasks
from maskdistill.data.stores.rle import Rle
from maskdistill.data.stores.zarr_group import (
    create_array,
    create_store,
    open_store,
    read_array,
    read_strings,
    write_strings,
)

_DTYPES = {"image": "i4", "size_hw": "i4", "bbox_xywh": "f4", "area": "i4", "score": "f4", "cluster": "i4",
           "offsets": "i8", "counts": "u1"}  # fmt: skip
_ROW_SHAPES = {"size_hw": (2,), "bbox_xywh": (4,)}


@dataclass(frozen=True, eq=False)
class MaskStore:
    """Object masks in memory, one row each; the attributes are the columns described at the top of this file."""

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

    @classmethod
    def open(cls, path: Path | str) -> "MaskStore":
        """Read a store. Raises MissingArtifact where there is none, CorruptArtifact where it is not a MaskStore."""
        path = Path(path)
        group = open_store(path, "masks")
        columns = {name: read_array(group, name, dtype) for name, dtype in _DTYPES.items()}
        store = cls(image_ids=read_strings(group, "image_ids"), **columns)
        store.check(path)
        return store

    def save(self, path: Path) -> None:
        """Write the store to `path`, which appears whole or not at all."""
        with create_store(path, "masks") as group:
            for name in _DTYPES:
                create_array(group, name, getattr(self, name))
            write_strings(group, "image_ids", self.image_ids)

    def check(self, where: Path) -> None:
        """Raise CorruptArtifact unless the columns fit each other."""
        n = len(self)
        for name in ("size_hw", "bbox_xywh", "area", "score", "cluster"):
            shape = (n, *_ROW_SHAPES.get(name, ()))
            if getattr(self, name).shape != shape:
                raise CorruptArtifact(f"{where}: column {name} is {getattr(self, name).shape}, expected {shape}")
        if len(self.offsets) != n + 1 or self.offsets[0] != 0 or self.offsets[-1] != len(self.counts):
            raise CorruptArtifact(f"{where}: offsets do not span the {len(self.counts)} bytes of counts")
        if (np.diff(self.offsets) <= 0).any() or (np.diff(self.image) < 0).any():
            raise CorruptArtifact(f"{where}: offsets or images are not in order")
        if n and (self.image[0] < 0 or self.image[-1] >= len(self.image_ids)):
            raise CorruptArtifact(f"{where}: a mask belongs to an image that is not listed")

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
        """Share of its image that each mask covers, float64 (M,), 0-1."""
        return np.asarray(self.area / np.maximum(self.size_hw.astype(np.int64).prod(axis=1), 1))

    def rows_of(self, image: int) -> range:
        """Rows of the masks of one image, given as index into `image_ids`."""
        first, last = np.searchsorted(self.image, [image, image + 1])
        return range(int(first), int(last))

    def images(self) -> Iterator[ImageMasks]:
        """Every image with its masks, in order; masks are decoded only when they are looked at."""
        firsts = np.searchsorted(self.image, np.arange(len(self.image_ids) + 1)).tolist()
        return (ImageMasks(self, i, range(*rows)) for i, rows in enumerate(pairwise(firsts)))

    def rle(self, row: int) -> Rle:
        """The mask as pycocotools takes it: {"size": [height, width], "counts": bytes}."""
        code = self.counts[self.offsets[row] : self.offsets[row + 1]].tobytes()
        return {"size": self.size_hw[row].tolist(), "counts": code}

    def decode(self, row: int) -> NDArray[np.bool_]:
        """The mask as bool (height, width)."""
        return np.asarray(coco_mask.decode(self.rle(row)), dtype=bool)

    def decode_image(self, image: int) -> NDArray[np.bool_]:
        """All masks of one image as bool (n, height, width); (0, 0, 0) where it has none."""
        rows = self.rows_of(image)
        if not rows:
            return np.zeros((0, 0, 0), dtype=bool)
        masks = np.asarray(coco_mask.decode([self.rle(row) for row in rows]), dtype=bool)
        return np.moveaxis(masks, -1, 0)

    def to_coco(self, sizes_hw: Mapping[str, tuple[int, int]] | None = None) -> dict[str, Any]:
        """All masks as the content of a COCO annotation file; see `data.coco_export.coco_dict`."""
        return coco_dict(self, sizes_hw)

    def to_pandas(self) -> Any:
        """The columns as a pandas.DataFrame, one row per mask; see `data.mask_table.columns`."""
        return mask_table.to_pandas(self)

    def to_arrow(self) -> Any:
        """The same as a pyarrow.Table."""
        return mask_table.to_arrow(self)

    def _repr_html_(self) -> str:
        from maskdistill.data.stores.mask_html import store_html  # PIL is slow to import

        return store_html(self)

    def with_columns(self, *, score: ArrayLike | None = None, cluster: ArrayLike | None = None) -> "MaskStore":
        """The same masks with other scores or clusters, one value per mask."""
        return replace(
            self,
            score=self.score if score is None else np.asarray(score, dtype=np.float32),
            cluster=self.cluster if cluster is None else np.asarray(cluster, dtype=np.int32),
        )

    def select(self, keep: NDArray[np.bool_]) -> "MaskStore":
        """The masks where `keep`, bool (M,), is set. The list of images stays as it is."""
        lengths = np.diff(self.offsets)
        columns = {name: getattr(self, name)[keep] for name in _DTYPES if name not in ("offsets", "counts")}
        return MaskStore(
            image_ids=self.image_ids,
            offsets=np.concatenate([[0], np.cumsum(lengths[keep])]).astype(np.int64),
            counts=self.counts[np.repeat(keep, lengths)],
            **columns,
        )

    @staticmethod
    def concatenate(stores: Sequence["MaskStore"]) -> "MaskStore":
        """One store of all masks, in the order given. The stores must not share images."""
        if not stores:
            return MaskStoreBuilder().build()
        image_starts = np.cumsum([0] + [len(store.image_ids) for store in stores[:-1]])
        byte_starts = np.cumsum([0] + [len(store.counts) for store in stores[:-1]])
        columns = {
            field.name: np.concatenate([getattr(store, field.name) for store in stores])
            for field in fields(MaskStore)
            if field.name not in ("image_ids", "image", "offsets")
        }
        image = np.concatenate([store.image + start for store, start in zip(stores, image_starts, strict=True)])
        ends = [store.offsets[1:] + start for store, start in zip(stores, byte_starts, strict=True)]
        ids = tuple(image_id for store in stores for image_id in store.image_ids)
        if len(set(ids)) != len(ids):
            raise ValueError("stores to concatenate share images")
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), *ends])
        return MaskStore(image_ids=ids, image=image.astype(np.int32), offsets=offsets, **columns)


class MaskStoreBuilder:
    """Collects masks image by image, in the order in which the images are to stand in the store."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _DTYPES if name not in ("offsets", "counts")}
        self._codes: list[bytes] = []

    def add(
        self,
        image_id: str,
        masks: NDArray[np.bool_],
        scores: ArrayLike | None = None,
        clusters: ArrayLike | None = None,
    ) -> None:
        """Add an image and its masks, bool (n, height, width); n may be 0. Empty masks are left out."""
        columns = (np.asfortranarray(np.moveaxis(masks, 0, -1), dtype=np.uint8)) if len(masks) else None
        rles = coco_mask.encode(columns) if columns is not None else []
        self.add_rles(image_id, rles, scores, clusters)

    def add_rles(
        self, image_id: str, rles: Sequence[Rle], scores: ArrayLike | None = None, clusters: ArrayLike | None = None
    ) -> None:
        """The same for masks that are compressed COCO codes already."""
        n = len(rles)
        areas = coco_mask.area(list(rles)) if n else np.zeros(0)
        boxes = coco_mask.toBbox(list(rles)) if n else np.zeros((0, 4))
        score = np.ones(n) if scores is None else np.asarray(scores, dtype=np.float32)
        cluster = np.full(n, -1) if clusters is None else np.asarray(clusters, dtype=np.int32)
        for i in np.flatnonzero(areas).tolist():
            row = (len(self._ids), rles[i]["size"], boxes[i], areas[i], score[i], cluster[i])
            for name, value in zip(self._columns, row, strict=True):
                self._columns[name].append(value)
            self._codes.append(rles[i]["counts"])
        self._ids.append(image_id)

    def build(self) -> MaskStore:
        """The store of all that was added."""
        arrays = {
            name: np.asarray(values, dtype=_DTYPES[name]).reshape(-1, *_ROW_SHAPES.get(name, ()))
            for name, values in self._columns.items()
        }
        lengths = np.asarray([0] + [len(code) for code in self._codes], dtype=np.int64)
        counts = np.frombuffer(b"".join(self._codes), dtype=np.uint8)
        return MaskStore(image_ids=tuple(self._ids), offsets=np.cumsum(lengths), counts=counts, **arrays)


def merge_parts(parts: Iterable[Path], path: Path) -> MaskStore:
    """Join stores written in parts into one at `path`, and give it back."""
    store = MaskStore.concatenate([MaskStore.open(part) for part in parts])
    store.save(path)
    return store
