"""Label maps from image files: the class of each pixel."""

from pathlib import Path

import numpy as np

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.data.sources.decode import open_image, reason_of
from maskdistill.data.sources.frames import AnnotationFrame, Frame, Header, frame_of, upright
from maskdistill.data.sources.palette import Palette


def read_class_indices(path: Path, n_classes: int, palette: Palette | None = None) -> UInt8Array:
    """Read a label PNG, palette or grey, as class indices; the colours of its own palette mean nothing.

    Args:
        path: The file.
        n_classes: Number of classes, background included.
        palette: Colours of the classes, for files that are RGB.

    Returns:
        uint8 (height, width), values 0 to `n_classes` - 1 and 255 = ignore.

    Raises:
        InputError: The file is unreadable, has several channels without a palette to read them by, or holds an index
            or a colour of no class.
    """
    try:
        with open_image(path) as image:
            if palette is not None and image.mode in ("RGB", "RGBA"):
                return palette.decode(np.array(image.convert("RGB"), dtype=np.uint8))
            if image.mode == "1":
                return np.array(image, dtype=np.uint8)
            if image.mode not in ("P", "L"):
                raise InputError(
                    f"{path}: label maps are 8-bit palette or grey PNGs, this one is {image.mode}; name the colour of "
                    "each class in a file with -s data.class_file=FILE, or write the numbers of the classes"
                )
            labels = np.array(image, dtype=np.uint8)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{path}: the label map cannot be read ({reason_of(error, path)}); repair or remove it"
        ) from error
    used = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    wrong = used[(used >= n_classes) & (used != IGNORE)]
    if len(wrong):
        raise InputError(
            f"{path}: class index {wrong[0]}, but there are only {n_classes} classes (and 255 = ignore); name all of "
            "them in data.class_names or data.class_file, or write their numbers, with hard edges"
        )
    return labels


def like_the_image(
    labels: UInt8Array, path: Path, header: Header, setting: AnnotationFrame, otherwise: Frame
) -> UInt8Array:
    """A label map turned as its image is. Raises InputError where it is the map of an image of another size."""
    height, width = labels.shape
    frame = frame_of(header, (height, width), setting, otherwise)
    if frame is None:
        theirs = f"{header.displayed_hw[1]} x {header.displayed_hw[0]}"
        raise InputError(f"{path}: a label map of {width} x {height} px, but its image has {theirs} px; scale it")
    return labels if frame == "displayed" else upright(labels, header.orientation)
