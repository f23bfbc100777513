"""What each stage drew, image by image, with the columns that the page sorts and filters by.

Shapes: M masks of a layer, n masks of one image, I images of the source.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskdistill.data.arrays import IGNORE
from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.drawing.cells import SizeHW
from maskdistill.stages.networks.resize import resize_mask


@dataclass(frozen=True, eq=False)
class Columns:
    """What is known of each mask without decoding it.

    Attributes:
        image: int32 (M,), index into the image source, non-decreasing.
        cluster: int32 (M,), -1 = none.
        score: float32 (M,), 0-1.
        area: float32 (M,), fraction of the image, 0-1.
    """

    image: NDArray[np.int32]
    cluster: NDArray[np.int32]
    score: NDArray[np.float32]
    area: NDArray[np.float32]

    @classmethod
    def of(cls, image: ArrayLike, cluster: ArrayLike, score: ArrayLike, area: ArrayLike) -> "Columns":
        """Columns of any array-likes."""
        return cls(
            np.asarray(image, dtype=np.int32),
            np.asarray(cluster, dtype=np.int32),
            np.asarray(score, dtype=np.float32),
            np.asarray(area, dtype=np.float32),
        )

    def __len__(self) -> int:
        return len(self.image)

    def rows_of(self, image: int) -> range:
        """Rows of the masks of one image."""
        first, last = np.searchsorted(self.image, [image, image + 1])
        return range(int(first), int(last))

    def take(self, rows: Any) -> "Columns":
        """The same columns of some rows."""
        return Columns(self.image[rows], self.cluster[rows], self.score[rows], self.area[rows])


NO_MASKS = Columns.of([], [], [], [])
"""The columns of a layer that holds nothing."""


@dataclass(frozen=True, eq=False)
class Regions:
    """What a layer has on one image.

    Attributes:
        columns: One row per mask.
        masks: bool (n, height, width), the topmost first.
    """

    columns: Columns
    masks: NDArray[np.bool_]

    def take(self, keep: NDArray[np.bool_]) -> "Regions":
        """The masks where `keep`, bool (n,), is set."""
        return Regions(self.columns.take(keep), self.masks[keep])


class Layer(ABC):
    """The output of one stage.

    Attributes:
        quick: Whether the columns are at hand; where not, their first use reads all that the stage wrote.
    """

    quick = True

    @property
    @abstractmethod
    def columns(self) -> Columns:
        """One row per mask."""

    @abstractmethod
    def regions(self, image: int, size_hw: SizeHW) -> Regions:
        """The masks of an image, sampled to another size."""

    @abstractmethod
    def size_of(self, image: int) -> SizeHW | None:
        """Height and width of an image in px; None where the layer does not know it."""


class MaskLayer(Layer):
    """Masks of a MaskStore; a row is a row of the store."""

    def __init__(self, store: MaskStore, source: ImageSource) -> None:
        self.store = store
        try:
            image_of = np.asarray([source.index(image_id) for image_id in store.image_ids], dtype=np.int32)
        except KeyError as error:
            raise CorruptArtifact(f"the store has masks of {error}, which is not an image of this run") from None
        if (np.diff(image_of) < 0).any():
            raise CorruptArtifact("the store has its images in another order than the run")
        self._columns = Columns.of(image_of[store.image], store.cluster, store.score, store.area_share)

    @property
    def columns(self) -> Columns:
        """One row per row of the store."""
        return self._columns

    def regions(self, image: int, size_hw: SizeHW) -> Regions:
        """The masks of an image, sampled to another size."""
        rows = self.columns.rows_of(image)
        masks = [resize_mask(self.store.decode(row), size_hw) for row in rows]
        return Regions(self.columns.take(rows), _stack(masks, size_hw))

    def size_of(self, image: int) -> SizeHW | None:
        """Height and width of an image in px; None where it has no mask."""
        rows = self.columns.rows_of(image)
        return as_size(self.store.size_hw[rows[0]]) if rows else None


class LabelLayer(Layer):
    """Label maps of a LabelStore; what a map gives to one cluster counts as a mask, and has no score."""

    quick = False

    def __init__(self, store: LabelStore, source: ImageSource) -> None:
        self.store = store
        self._source = source

    @cached_property
    def columns(self) -> Columns:
        """One row per image and cluster."""
        images = sorted(self._source.index(image_id) for image_id in self.store.image_ids)
        found = [self._columns_of(image, self.read(image)) for image in images]
        names = ("image", "cluster", "score", "area")
        return Columns.of(*(np.concatenate([getattr(one, name) for one in (NO_MASKS, *found)]) for name in names))

    def regions(self, image: int, size_hw: SizeHW) -> Regions:
        """The masks of an image, sampled to another size."""
        if self.size_of(image) is None:
            return Regions(NO_MASKS, _stack([], size_hw))
        label_map = self.read(image)
        columns = self._columns_of(image, label_map)
        masks = [resize_mask(label_map == cluster + 1, size_hw) for cluster in columns.cluster]
        return Regions(columns, _stack(masks, size_hw))

    def size_of(self, image: int) -> SizeHW | None:
        """Height and width of an image in px; None where there is no map of it."""
        try:
            return as_size(self.store.size_hw[self.store.index(self._source.ids[image])])
        except KeyError:
            return None

    def read(self, image: int) -> NDArray[np.uint8]:
        """The label map of an image of the source, uint8 (height, width)."""
        return self.store.read(self.store.index(self._source.ids[image]))

    def _columns_of(self, image: int, label_map: NDArray[np.uint8]) -> Columns:
        pixels = np.bincount(label_map.ravel(), minlength=IGNORE + 1)
        values = np.flatnonzero(pixels[1:IGNORE]) + 1
        n = len(values)
        return Columns.of(np.full(n, image), values - 1, np.ones(n), pixels[values] / max(1, label_map.size))


def as_size(size_hw: NDArray[np.int32]) -> SizeHW:
    """A row of a column of sizes."""
    return int(size_hw[0]), int(size_hw[1])


def _stack(masks: list[NDArray[np.bool_]], size_hw: SizeHW) -> NDArray[np.bool_]:
    return np.stack(masks) if masks else np.zeros((0, *size_hw), dtype=bool)
