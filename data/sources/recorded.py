"""The images of an earlier run, as far as they are still there, and no images at all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances


class NoImages(ImageSource):
    """Takes the place of images that cannot be found.

    Attributes:
        reason: Why they cannot.
    """

    ids = ()
    n_train = 0

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def read(self, index: int) -> UInt8Array:
        """There is none. Raises UnreadableImage."""
        raise UnreadableImage(self.reason)

    def fingerprint(self) -> str:
        """Never that of images."""
        return ""


class RecordedImages(ImageSource):
    """The ids of an earlier run; pixels and labels come from the images as they are now, where these have them."""

    def __init__(self, ids: Sequence[str], n_train: int, now: ImageSource) -> None:
        self.ids, self.n_train, self.class_names = ids, n_train, now.class_names
        self._now = now
        self._index_now: Mapping[str, int] = {image_id: i for i, image_id in enumerate(now.ids)}

    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (H, W, 3) RGB. Raises UnreadableImage where the image is gone."""
        now = self._index_now.get(self.ids[index])
        if now is None:
            raise UnreadableImage(f"image {self.ids[index]} is not there any more; put it back to see it")
        return self._now.read(now)

    def file(self, index: int) -> Path | None:
        """The file of an image; None where it is gone."""
        now = self._index_now.get(self.ids[index])
        return None if now is None else self._now.file(now)

    def fingerprint(self) -> str:
        """That of the images as they are now: nothing new is made from these."""
        return self._now.fingerprint()

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W)."""
        now = self._index_now.get(self.ids[index])
        return None if now is None else self._now.read_labels(now)

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of the objects as float32 (n, 4)."""
        now = self._index_now.get(self.ids[index])
        return None if now is None else self._now.read_boxes(now)

    def read_instances(self, index: int) -> Instances | None:
        """The objects."""
        now = self._index_now.get(self.ids[index])
        return None if now is None else self._now.read_instances(now)

    def labels_fingerprint(self) -> str | None:
        """That of the labels as they are now."""
        return self._now.labels_fingerprint()
