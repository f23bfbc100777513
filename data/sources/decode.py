"""Image files to arrays: any common format to 8-bit RGB, and label PNGs to class indices."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.sources.palette import Palette

# PIL's own limit only warns up to twice its value; `max_pixels` is checked from the header before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(path: Path, max_pixels: int) -> UInt8Array:
    """Read the first frame of an image file, upright as its EXIF orientation says.

    Transparent pixels show white. 16-bit grey is scaled by 1/257. 32-bit integers and floats have no fixed range,
    so each such image is stretched from its own minimum to its own maximum.

    Args:
        path: The file.
        max_pixels: Largest width x height that is decoded.

    Returns:
        uint8 (height, width, 3) RGB.

    Raises:
        UnreadableImage: The file is missing, empty, truncated, no image, or too large; the text names file and reason.
    """
    try:
        if path.stat().st_size == 0:
            raise UnreadableImage(f"{path}: the file is empty")
        with Image.open(path) as image:
            _check_size(path, image, max_pixels)
            # A process-wide switch of PIL; were it on, cut-off files would come back half grey.
            if ImageFile.LOAD_TRUNCATED_IMAGES:
                ImageFile.LOAD_TRUNCATED_IMAGES = False
            image.load()
            return _to_rgb(_upright(image))
    except UnreadableImage:
        raise
    except Exception as error:  # PIL's decoders raise nearly anything on damaged bytes
        raise UnreadableImage(f"{path}: {_reason(error)}") from error


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
        with Image.open(path) as image:
            if palette is not None and image.mode in ("RGB", "RGBA"):
                return palette.decode(np.array(image.convert("RGB"), dtype=np.uint8))
            if image.mode not in ("P", "L"):
                raise InputError(f"{path}: label maps are 8-bit palette or grey PNGs, this one is {image.mode}")
            labels = np.array(image, dtype=np.uint8)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: the label map cannot be read ({_reason(error)})") from error
    used = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    wrong = used[(used >= n_classes) & (used != IGNORE)]
    if len(wrong):
        raise InputError(f"{path}: class index {wrong[0]}, but there are only {n_classes} classes (and 255 = ignore)")
    return labels


def _check_size(path: Path, image: Image.Image, max_pixels: int) -> None:
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise UnreadableImage(
            f"{path}: {image.width} x {image.height} px is more than the limit of {max_pixels} px (data.max_pixels)"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a known format"
    return str(error) or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block does not make the pixels unreadable
        return image
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _to_rgb(image: Image.Image) -> UInt8Array:
    if image.mode.startswith(("I", "F")):
        return np.repeat(_grey_to_8_bit(image)[..., None], 3, axis=-1)
    # `La` and `RGBa` hold colours multiplied by alpha and convert to their plain siblings only.
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _grey_to_8_bit(image: Image.Image) -> UInt8Array:
    if image.mode.startswith("I;16"):
        return np.rint(np.asarray(image) / 257).astype(np.uint8)
    values: NDArray[np.float64] = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    stretched: UInt8Array = np.rint((values - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    return stretched
