"""Fixtures that the tests of all three rooms share."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from helpers.paths import ROOT
from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.image_source import ImageSource


class BlobSource(ImageSource):
    """Small noisy images with one bright rectangle each, its label map and its box; every read is counted."""

    class_names = ("background", "red", "green")

    def __init__(self, n_images: int = 6, n_train: int = 4, unreadable: tuple[int, ...] = ()) -> None:
        self.ids = tuple(f"blob{i}" for i in range(n_images))
        self.n_train = n_train
        self.unreadable = unreadable
        self.reads: list[int] = []

    def _size_hw(self, index: int) -> tuple[int, int]:
        return (48, 64) if index % 3 else (70, 50)

    def _box(self, index: int) -> tuple[int, int, int, int]:
        return 8 + index, 10, 34 + index, 40

    def read(self, index: int) -> UInt8Array:
        self.reads.append(index)
        if index in self.unreadable:
            raise UnreadableImage(f"/nowhere/{self.ids[index]}.jpg: truncated")
        rng = np.random.default_rng(index)
        pixels = rng.integers(0, 60, (*self._size_hw(index), 3), dtype=np.uint8)
        x1, y1, x2, y2 = self._box(index)
        pixels[y1:y2, x1:x2, index % 2] += 180
        return pixels

    def fingerprint(self) -> str:
        return f"blobs-{len(self)}-{self.n_train}"

    def read_labels(self, index: int) -> UInt8Array | None:
        labels = np.zeros(self._size_hw(index), dtype=np.uint8)
        x1, y1, x2, y2 = self._box(index)
        labels[y1:y2, x1:x2] = 1 + index % 2
        labels[0] = IGNORE
        return labels

    def read_boxes(self, index: int) -> FloatArray | None:
        return np.asarray([self._box(index)], dtype=np.float32)

    def labels_fingerprint(self) -> str | None:
        return "blob-labels"


@pytest.fixture(scope="module")
def importable() -> Iterator[None]:
    """Lets the processes that a test starts find the modules of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield


@pytest.fixture
def make_source() -> Callable[..., BlobSource]:
    """Makes a BlobSource of any length, with images that cannot be read where asked."""
    return BlobSource


@pytest.fixture
def tiny_source() -> BlobSource:
    """Six images of two sizes and two classes, the first four for training."""
    return BlobSource()
