"""MaskStore: any number of object masks as COCO run-length codes, in memory and as one zarr v3 group on disk.

On disk: one array for each column of MaskColumns (`mask_columns.py` describes them), and the group `image_ids/`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.coco.export import coco_dict
from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.stores import mask_table
from maskdistill.data.stores.image_masks import ImageMasks, images_of
from maskdistill.data.stores.mask_columns import DTYPES, ROW_SHAPES, MaskColumns
from maskdistill.data.stores.rle import Rle, areas, encode_all
from maskdistill.data.stores.zarr_group import (
    create_array,
    create_store,
    file_states,
    open_store,
    read_array,
    read_strings,
    write_strings,
)


class MaskStore(MaskColumns):
    """Object masks, one row each: the columns of MaskColumns, and what is done with them.

    They are opened and saved, selected and joined, and given as tables, as COCO annotations and to a notebook.
    """

    @classmethod
    def open(cls, path: Path | str) -> "MaskStore":
        """Read a store. Raises MissingArtifact where there is none, CorruptArtifact where it is not a MaskStore.

        One that this process has opened before, and whose files look as they did, is read column by column as needed.
        """
        path = Path(path)
        group = open_store(path, "masks")
        if _sound.get(path) == (state := file_states(path)):
            return _StoredMasks.of(group)
        columns = {name: read_array(group, name, dtype) for name, dtype in DTYPES.items()}
        store = cls(image_ids=read_strings(group, "image_ids"), **columns)
        store.check(path)
        _sound[path] = state
        return store

    def save(self, path: Path) -> None:
        """Write the store to `path`, which appears whole or not at all."""
        with create_store(path, "masks") as group:
            for name in DTYPES:
                create_array(group, name, getattr(self, name))
            write_strings(group, "image_ids", self.image_ids)

    def check(self, where: Path) -> None:
        """Raise CorruptArtifact unless the columns fit each other."""
        n = len(self)
        for name in ("size_hw", "bbox_xywh", "area", "score", "cluster"):
            shape = (n, *ROW_SHAPES.get(name, ()))
            if getattr(self, name).shape != shape:
                raise CorruptArtifact(f"{where}: column {name} is {getattr(self, name).shape}, expected {shape}")
        if len(self.offsets) != n + 1 or self.offsets[0] != 0 or self.offsets[-1] != len(self.counts):
            raise CorruptArtifact(f"{where}: offsets do not span the {len(self.counts)} bytes of counts")
        if (np.diff(self.offsets) <= 0).any() or (np.diff(self.image) < 0).any():
            raise CorruptArtifact(f"{where}: offsets or images are not in order")
        if n and (self.image[0] < 0 or self.image[-1] >= len(self.image_ids)):
            raise CorruptArtifact(f"{where}: a mask belongs to an image that is not listed")
        self._check_values(where)

    def _check_values(self, where: Path) -> None:
        """Raise CorruptArtifact where a number is one that no mask can have."""
        size, (x, y, width, height) = self.size_hw.astype(np.int64), self.bbox_xywh.T
        sound = {
            "size_hw": (size > 0).all(axis=1),
            "area": (self.area > 0) & (self.area <= size.prod(axis=1)),
            "score": (self.score >= 0) & (self.score <= 1),
            "cluster": self.cluster >= -1,
            "bbox_xywh": (x >= 0) & (y >= 0) & (x + width <= size[:, 1]) & (y + height <= size[:, 0]),
        }
        for name, rows in sound.items():
            if not rows.all():
                row = int(np.argmin(rows))
                raise CorruptArtifact(f"{where}: {name} of mask {row} is {getattr(self, name)[row]}, which none can be")

    def images(self) -> Iterator[ImageMasks]:
        """Every image with its masks, in order; masks are decoded only when they are looked at."""
        return images_of(self)

    def to_coco(self, sizes_hw: Mapping[str, tuple[int, int]] | None = None) -> dict[str, Any]:
        """All masks as the content of a COCO annotation file; see `maskdistill.data.coco.export.coco_dict`."""
        return coco_dict(self, sizes_hw)

    def to_pandas(self) -> Any:
        """The columns as a pandas.DataFrame, one row per mask; see `maskdistill.data.stores.mask_table.columns`."""
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
        columns = {name: getattr(self, name)[keep] for name in DTYPES if name not in ("offsets", "counts")}
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


class _StoredMasks(MaskStore):
    """A store that this process has checked before: each column is read when it is first asked for."""

    _group: zarr.Group

    @classmethod
    def of(cls, group: zarr.Group) -> "_StoredMasks":
        store = cls.__new__(cls)
        object.__setattr__(store, "_group", group)
        return store

    def __getattr__(self, name: str) -> Any:
        if name not in ("image_ids", *DTYPES):
            raise AttributeError(name)
        is_column = name in DTYPES
        value = read_array(self._group, name, DTYPES[name]) if is_column else read_strings(self._group, name)
        object.__setattr__(self, name, value)
        return value


_sound: dict[Path, Mapping[str, tuple[int, int]]] = {}
"""The stores that have been checked, and how their files looked."""


class MaskStoreBuilder:
    """Collects masks image by image, in the order in which the images are to stand in the store."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in DTYPES if name not in ("offsets", "counts")}
        self._codes: list[bytes] = []

    def add(
        self,
        image_id: str,
        masks: NDArray[np.bool_],
        scores: ArrayLike | None = None,
        clusters: ArrayLike | None = None,
    ) -> None:
        """Add an image and its masks, bool (n, height, width); n may be 0. Empty masks are left out."""
        self.add_rles(image_id, encode_all(masks), scores, clusters)

    def add_rles(
        self, image_id: str, rles: Sequence[Rle], scores: ArrayLike | None = None, clusters: ArrayLike | None = None
    ) -> None:
        """The same for masks that are compressed COCO codes already."""
        n = len(rles)
        boxes = coco_mask.toBbox(list(rles)) if n else np.zeros((0, 4))
        score = np.ones(n) if scores is None else np.asarray(scores, dtype=np.float32)
        cluster = np.full(n, -1) if clusters is None else np.asarray(clusters, dtype=np.int32)
        area = areas(rles)
        for i in np.flatnonzero(area).tolist():
            row = (len(self._ids), rles[i]["size"], boxes[i], area[i], score[i], cluster[i])
            for name, value in zip(self._columns, row, strict=True):
                self._columns[name].append(value)
            self._codes.append(rles[i]["counts"])
        self._ids.append(image_id)

    def build(self) -> MaskStore:
        """The store of all that was added."""
        arrays = {
            name: np.asarray(values, dtype=DTYPES[name]).reshape(-1, *ROW_SHAPES.get(name, ()))
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
