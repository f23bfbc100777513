"""Photos that carry their orientation beside the pixels (EXIF), and what was drawn on them in one frame or the other.

Pixels are always read upright, as they are displayed. Annotations may have been drawn on the pixels as they are stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import FloatArray

Frame = Literal["stored", "displayed"]
AnnotationFrame = Literal["auto", "stored", "displayed"]
SizeHw = tuple[int, int]
D = TypeVar("D", bound=np.generic)

UPRIGHT = 1
"""EXIF orientation of pixels that are stored as they are displayed."""


@dataclass(frozen=True)
class Header:
    """What an image file says before its pixels.

    Attributes:
        stored_hw: Height and width of the pixels as they are stored, px.
        orientation: EXIF orientation, 1 to 8.
    """

    stored_hw: SizeHw
    orientation: int = UPRIGHT

    @property
    def displayed_hw(self) -> SizeHw:
        """Height and width upright, px."""
        return self.stored_hw[::-1] if self.orientation >= 5 else self.stored_hw

    def size_of(self, frame: Frame) -> SizeHw:
        """Height and width in a frame, px."""
        return self.stored_hw if frame == "stored" else self.displayed_hw

    @property
    def turned(self) -> bool:
        """Whether stored and displayed pixels differ."""
        return self.orientation != UPRIGHT

    def told_by(self, size_hw: SizeHw | None) -> Frame | None:
        """The frame that annotations for a size must be in; None where the size tells nothing, or is another."""
        if size_hw is None or self.stored_hw == self.displayed_hw:
            return None
        frames: tuple[Frame, Frame] = ("stored", "displayed")
        return next((frame for frame in frames if self.size_of(frame) == size_hw), None)


def frame_of(header: Header, size_hw: SizeHw | None, setting: AnnotationFrame, otherwise: Frame) -> Frame | None:
    """The frame in which an image was annotated.

    Args:
        header: The image's.
        size_hw: Its height and width as the annotations have them; None = they do not tell.
        setting: `data.annotation_frame`.
        otherwise: What is taken where the size does not tell.

    Returns:
        None where the annotations are for an image of another size.
    """
    if not header.turned:
        frame: Frame = "displayed"
    elif setting != "auto":
        frame = setting
    else:
        frame = header.told_by(size_hw) or otherwise
    return frame if size_hw in (None, header.size_of(frame)) else None


def likely_frame(images: Iterable[tuple[Header, SizeHw | None]]) -> Frame:
    """What most images tell by their sizes, for those that do not; as displayed where none tells."""
    told = [header.told_by(size_hw) for header, size_hw in images if header.turned]
    return "stored" if told.count("stored") > told.count("displayed") else "displayed"


def upright(array: NDArray[D], orientation: int) -> NDArray[D]:
    """An array (H, W, ...) as it is stored, turned as its EXIF orientation says."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def upright_boxes(boxes_xyxy: FloatArray, header: Header) -> FloatArray:
    """Boxes (n, 4) on the stored pixels, turned like these."""
    height, width = header.stored_hw
    x, y = boxes_xyxy[:, 0::2], boxes_xyxy[:, 1::2]
    if header.orientation in (5, 6, 7, 8):
        x, y, height, width = y, x, width, height
    if header.orientation in (3, 4, 7, 8):
        y = height - y
    if header.orientation in (2, 3, 6, 7):
        x = width - x
    corners = (x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1))
    turned: FloatArray = np.stack(corners, axis=1).astype(np.float32) if len(boxes_xyxy) else boxes_xyxy
    return turned
