"""What an image source is: ids, pixels and, for evaluation only, ground truth."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.sources.frames import Header
from maskdistill.data.sources.instances import Instances
from maskdistill.data.tally import Tally


@dataclass(frozen=True, eq=False)
class Glance:
    """What was read of an image: its pixels, or those of a smaller copy.

    Attributes:
        pixels: uint8 (h, w, 3) RGB.
        size_hw: Height and width of the image itself, px.
    """

    pixels: UInt8Array
    size_hw: tuple[int, int]

    @property
    def read_hw(self) -> tuple[int, int]:
        """Height and width of what was read, px."""
        return self.pixels.shape[0], self.pixels.shape[1]


def own_size(pixels: UInt8Array) -> Glance:
    """An image that was read at its own size."""
    return Glance(pixels, (pixels.shape[0], pixels.shape[1]))


class ImageSource(ABC):
    """Images by index: the training images first, then the validation images.

    Stages that learn (K-means, detector, segmenter) fit on the training images; every stage is applied to all.
    Only `stages.evaluate` may call the `read_labels`, `read_boxes`, `read_instances` and `labels_fingerprint` methods.

    Attributes:
        ids: Unique id of each image, stable between runs.
        n_train: How many of `ids`, counted from the front, are training images.
        class_names: Name of each class id of the ground truth, background first; None without ground truth.
        truth_from: The setting that the ground truth is read by.
        truth_remedy: What to do where all of it is background and pixels without label.
        notes: What was left out when the images were listed, a line each.
        stretch: How the values of pictures are brought into 8 bits, as `data.stretch` has it.
    """

    ids: Sequence[str]
    n_train: int
    class_names: Sequence[str] | None = None
    truth_from: str = "data.labels"
    truth_remedy: str = "write 1 for the objects"
    notes: Sequence[str] = ()
    stretch: str = "auto"

    @cached_property
    def truth_remarks(self) -> Tally:
        """What was left out of ground truth that has been read, or taken for granted."""
        return Tally()

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {image_id: i for i, image_id in enumerate(self.ids)}

    def index(self, image_id: str) -> int:
        """Position of an image id. Raises KeyError where there is no such image."""
        return self._index[image_id]

    def is_train(self, image_id: str) -> bool:
        """Whether the image belongs to the training part; one that the source lacks does not."""
        return self._index.get(image_id, self.n_train) < self.n_train

    def are_train(self, image_ids: Sequence[str]) -> NDArray[np.bool_]:
        """Which of some images belong to the training part, bool (n,); one that the source lacks does not."""
        return np.asarray([self.is_train(image_id) for image_id in image_ids], dtype=bool)

    @abstractmethod
    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (H, W, 3) RGB. Raises UnreadableImage with the file and the reason."""

    def glance(self, index: int, short_side: int | None) -> Glance:
        """An image for a look at a short side of so many px, or less; None = at its own size.

        It is smaller than the image where that is read faster, and then its short side is still half as long again, or
        longer; always the same for the same image. Raises UnreadableImage with the file and the reason.
        """
        return own_size(self.read(index))

    def header(self, index: int) -> Header:
        """Size and orientation of an image as its file says. Raises UnreadableImage."""
        height, width = self.read(index).shape[:2]
        return Header((height, width))

    def remarks(self, index: int) -> tuple[str, ...]:
        """What was done to an image that has been read, such as a stretch of its values."""
        return ()

    def describe_labels(self) -> str | None:
        """What is wrong with the ground truth as a whole, without reading any of it; None where nothing is known."""
        return None

    def states(self) -> Mapping[str, str]:
        """What each image's file is like now, by id: size and time, or a hash; {} where images are no files."""
        return {}

    def file(self, index: int) -> Path | None:
        """The file of an image; None where it is none of its own."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of the images and of their split. Labels never enter it."""

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W), 0 = background, 255 = ignore; None without ground truth."""
        return None

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of the objects as float32 (n, 4) x1 y1 x2 y2 in px; None without ground truth."""
        return None

    def read_instances(self, index: int) -> Instances | None:
        """Masks and classes of the objects; None without ground truth of single objects."""
        return None

    def labels_fingerprint(self) -> str | None:
        """Hash of the ground truth; None where there is none."""
        return None
