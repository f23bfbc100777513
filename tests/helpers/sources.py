"""Small image sources: in memory, and the files that the others are read from."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.frames import Header
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances


class MemorySource(ImageSource):
    """Images in memory by id, in the order given; every read is counted.

    Attributes:
        reads: Index of each image that was read, in order.
    """

    def __init__(
        self,
        images: Mapping[str, UInt8Array],
        n_train: int | None = None,
        labels: Mapping[str, UInt8Array] | None = None,
        class_names: Sequence[str] | None = None,
        unreadable: Iterable[int] = (),
    ) -> None:
        """Keep the images; without `n_train` all are training images, and those in `unreadable` cannot be read."""
        self.ids = tuple(images)
        self.n_train = len(images) if n_train is None else n_train
        self.class_names = class_names
        self.reads: list[int] = []
        self._images, self._labels = dict(images), dict(labels or {})
        self._unreadable = frozenset(unreadable)

    def read(self, index: int) -> UInt8Array:
        self.reads.append(index)
        if index in self._unreadable:
            raise UnreadableImage(f"/nowhere/{self.ids[index]}.jpg: truncated")
        return self._images[self.ids[index]].copy()

    def header(self, index: int) -> Header:
        height, width = self._images[self.ids[index]].shape[:2]
        return Header((height, width))

    def fingerprint(self) -> str:
        return f"{self.n_train} of {self.ids}"

    def read_labels(self, index: int) -> UInt8Array | None:
        labels = self._labels.get(self.ids[index])
        return None if labels is None else labels.copy()

    def labels_fingerprint(self) -> str | None:
        return f"labels of {tuple(self._labels)}" if self._labels else None


class BlobSource(MemorySource):
    """Small noisy images with one bright rectangle each, its label map and its box."""

    def __init__(self, n_images: int = 6, n_train: int = 4, unreadable: Iterable[int] = ()) -> None:
        ids = [f"blob{i}" for i in range(n_images)]
        images = {image_id: self._draw(i) for i, image_id in enumerate(ids)}
        labels = {image_id: self._label(i) for i, image_id in enumerate(ids)}
        super().__init__(images, n_train, labels, ("background", "red", "green"), unreadable)

    def size_hw(self, index: int) -> tuple[int, int]:
        """Height and width, px."""
        return (48, 64) if index % 3 else (70, 50)

    def box_xyxy(self, index: int) -> tuple[int, int, int, int]:
        """The rectangle: x1, y1, x2, y2 in px, the far edge excluded."""
        return 8 + index, 10, 34 + index, 40

    def read_boxes(self, index: int) -> FloatArray | None:
        return np.asarray([self.box_xyxy(index)], dtype=np.float32)

    def _draw(self, index: int) -> UInt8Array:
        rng = np.random.default_rng(index)
        pixels = rng.integers(0, 60, (*self.size_hw(index), 3), dtype=np.uint8)
        x1, y1, x2, y2 = self.box_xyxy(index)
        pixels[y1:y2, x1:x2, index % 2] += 180
        return pixels

    def _label(self, index: int) -> UInt8Array:
        labels = np.zeros(self.size_hw(index), dtype=np.uint8)
        x1, y1, x2, y2 = self.box_xyxy(index)
        labels[y1:y2, x1:x2] = 1 + index % 2
        labels[0] = IGNORE
        return labels


class SealedSource(BlobSource):
    """Blobs whose ground truth is there, and fails who reads it."""

    def read_labels(self, index: int) -> UInt8Array | None:
        raise AssertionError("a label map was read")

    def read_boxes(self, index: int) -> FloatArray | None:
        raise AssertionError("boxes were read")

    def read_instances(self, index: int) -> Instances | None:
        raise AssertionError("objects were read")

    def labels_fingerprint(self) -> str | None:
        raise AssertionError("the hash of the labels was read")


def write_image(path: Path, pixels: NDArray[np.uint8] | int = 0, size_hw: tuple[int, int] = (4, 6)) -> Path:
    """Write an image file, its folders too: the pixels, (H, W) or (H, W, 3), or one value everywhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full(size_hw, pixels, dtype=np.uint8) if isinstance(pixels, int) else pixels
    Image.fromarray(array).save(path)
    return path


def write_images(folder: Path, names: Iterable[str], size_hw: tuple[int, int] = (4, 6)) -> Path:
    """Write a black image of each name below a folder, and give the folder back."""
    for name in names:
        write_image(folder / name, np.zeros((*size_hw, 3), dtype=np.uint8))
    return folder
