"""The first images of each split of another source: for a quick look, and for what need not see them all."""

from collections.abc import Mapping
from pathlib import Path

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.sources.frames import Header
from maskdistill.data.sources.image_source import Glance, ImageSource
from maskdistill.data.sources.instances import Instances


class FirstImages(ImageSource):
    """The first `n_images` training images of a source, and as many of its validation images."""

    def __init__(self, source: ImageSource, n_images: int) -> None:
        n_val = min(n_images, len(source) - source.n_train)
        self.n_train = min(n_images, source.n_train)
        self._source = source
        self._items = (*range(self.n_train), *range(source.n_train, source.n_train + n_val))
        self.ids = tuple(source.ids[i] for i in self._items)
        self.class_names = source.class_names
        self.truth_from, self.truth_remedy = source.truth_from, source.truth_remedy
        self.notes, self.stretch = source.notes, source.stretch
        self.truth_remarks = source.truth_remarks

    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (H, W, 3) RGB."""
        return self._source.read(self._items[index])

    def glance(self, index: int, short_side: int | None) -> Glance:
        """An image for a look at a short side of so many px, or less; None = at its own size."""
        return self._source.glance(self._items[index], short_side)

    def header(self, index: int) -> Header:
        """Size and orientation of an image as its file says."""
        return self._source.header(self._items[index])

    def remarks(self, index: int) -> tuple[str, ...]:
        """What was done to an image that has been read."""
        return self._source.remarks(self._items[index])

    def describe_labels(self) -> str | None:
        """What is wrong with the ground truth of all images."""
        return self._source.describe_labels()

    def states(self) -> Mapping[str, str]:
        """Those of the images that are left."""
        states = self._source.states()
        return {image_id: states[image_id] for image_id in self.ids if image_id in states}

    def file(self, index: int) -> Path | None:
        """The file of an image; None where it is none of its own."""
        return self._source.file(self._items[index])

    def fingerprint(self) -> str:
        """That of the other source, and how many images of it there are."""
        return f"{self._source.fingerprint()} {self.n_train} {len(self)}"

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W)."""
        return self._source.read_labels(self._items[index])

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of the objects as float32 (n, 4)."""
        return self._source.read_boxes(self._items[index])

    def read_instances(self, index: int) -> Instances | None:
        """The objects."""
        return self._source.read_instances(self._items[index])

    def labels_fingerprint(self) -> str | None:
        """That of the other source."""
        return self._source.labels_fingerprint()
