"""Image files to arrays: any common format to 8-bit RGB."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.file_kinds import MOST, other_kind
from maskdistill.data.sources.deep import (
    DeepValues,
    alpha_is_none,
    has_skipped_bands,
    is_misread,
    is_tiff,
    orientation_of,
    read_deep,
    read_odd_tiff,
)
from maskdistill.data.sources.frames import Header, SizeHw, upright
from maskdistill.data.sources.stretch import AUTO, Stretch, to_8_bit
from maskdistill.data.sources.suffixes import FORMATS

# PIL's own limit only warns up to twice its value; `max_pixels` is checked from the header before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
# What it logs of a file is said again in the error.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_LONGEST = 100
"""A picture with a longer side, as a multiple of the other, shows no objects, and takes minutes."""
STRETCHED = "deeper than 8 bits with little of the range in use, stretched to what is"
GAPS = "with pixels of no value (nan, or far from all others), which are shown black or white"
MORE_BANDS = "with further bands than three, which are left out"
MORE_PAGES = "with further pages or frames than the first, which are left out"


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded image.

    Attributes:
        pixels: uint8 (height, width, 3) RGB, upright.
        remarks: What was done to it that its reader should know.
    """

    pixels: UInt8Array
    remarks: tuple[str, ...] = ()


def read_image(path: Path, max_pixels: int, stretch: Stretch = AUTO) -> UInt8Array:
    """The pixels of `read_picture`."""
    return read_picture(path, max_pixels, stretch).pixels


def read_picture(path: Path, max_pixels: int, stretch: Stretch = AUTO) -> Picture:
    """Read the first frame of an image file, upright as its EXIF orientation says.

    Transparent pixels show white. 16-bit values are scaled by 1/257; 32-bit integers and floats have no fixed range, so
    each such image is stretched from its own minimum to its own maximum. `stretch` changes that. Of more than three
    bands, the first three count, and a fourth one that is tagged as alpha and plainly is none counts as a band.

    Args:
        path: The file.
        max_pixels: Largest width x height that is decoded.
        stretch: Which values become black and white.

    Raises:
        UnreadableImage: The file is missing, empty, truncated, no image, or too large; the text names file and reason.
    """
    with _decoding(path):
        try:
            with open_image(path) as image:
                _check_size(path, image.size, max_pixels)
                if not is_misread(image):
                    return _decode(path, image, stretch)
        except UnidentifiedImageError:
            if not is_tiff(path):
                raise
        odd = read_odd_tiff(path, lambda size: _check_size(path, size, max_pixels))
        return _deep(odd, stretch, odd.pages)


def read_smaller(path: Path, max_pixels: int, stretch: Stretch, short_side: int) -> tuple[Picture, SizeHw] | None:
    """Read a JPEG at a half, quarter or eighth of its size, else as `read_picture`.

    The decoder leaves out what it does not need: at 12 megapixels it takes a seventh of the time.

    Args:
        path, max_pixels, stretch: As for `read_picture`.
        short_side: What the short side is going to be resized to, px; that of the picture is at least half as long
            again, so that resizing still averages over pixels.

    Returns:
        The picture, and the height and width of the image itself, upright; None where it is no JPEG, or is not to be
        smaller: then `read_picture` reads it, or says why not.

    Raises:
        UnreadableImage: As from `read_picture`.
    """
    least = -(-3 * short_side // 2)
    with _decoding(path):
        try:
            with open_image(path) as image:
                size_wh = image.size
                if not isinstance(image, JpegImageFile) or min(size_wh) < 2 * least or not stretch.leaves(255):
                    return None
                _check_size(path, size_wh, max_pixels)
                image.draft(None, (least, least))
                header = Header(size_wh[::-1], orientation_of(image))
                return _decode(path, image, stretch), header.displayed_hw
        except UnidentifiedImageError:
            return None


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Whatever goes wrong is an UnreadableImage that names the file."""
    try:
        if path.stat().st_size == 0:
            raise UnreadableImage(f"{path}: the file is empty")
        # A process-wide switch of PIL; were it on, cut-off files would come back half grey.
        if ImageFile.LOAD_TRUNCATED_IMAGES:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        yield
    except UnreadableImage:
        raise
    except Exception as error:  # PIL's decoders raise nearly anything on damaged bytes
        raise UnreadableImage(f"{path}: {reason_of(error, path)}") from error


def read_header(path: Path) -> Header:
    """Size and orientation of an image file; nothing is decoded. Raises UnreadableImage."""
    try:
        with open_image(path) as image:
            orientation = orientation_of(image)
            # Of a TIFF, Pillow tells the size that it will have when it is upright.
            swapped = image.format == "TIFF" and orientation >= 5
            return Header((image.width, image.height) if swapped else (image.height, image.width), orientation)
    except Exception as error:
        raise UnreadableImage(f"{path}: {reason_of(error, path)}") from error


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """An image file of one of the formats that are read, whatever it is called."""
    # Of a path, Pillow maps plain TIFFs into memory, and then mixes up the rows of those that are stored turned.
    with path.open("rb") as file, Image.open(file, formats=_formats()) as image:
        yield image


def reason_of(error: Exception, path: Path) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        with path.open("rb") as file:
            other = other_kind(file.read(MOST), "pixels")
        return "not an image in a known format" + (f": {other}" if other else "")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


@cache
def _formats() -> tuple[str, ...]:
    """Those that this version of Pillow has."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_size(path: Path, size_wh: tuple[int, int], max_pixels: int) -> None:
    if size_wh[0] * size_wh[1] > max_pixels:
        raise UnreadableImage(
            f"{path}: {size_wh[0]} x {size_wh[1]} px is more than the limit of {max_pixels} px (data.max_pixels)"
        )
    if max(size_wh) > _LONGEST * min(size_wh):
        raise UnreadableImage(f"{path}: {size_wh[0]} x {size_wh[1]} px; one side is over {_LONGEST} times the other")


def _decode(path: Path, image: Image.Image, stretch: Stretch) -> Picture:
    pages, skipped = getattr(image, "n_frames", 1), has_skipped_bands(image)
    deep = read_deep(image, lambda: open_image(path))
    if deep is not None and (deep.limits(stretch) is not None or deep.only_values):
        return _deep(deep, stretch, pages)
    image.load()
    orientation = orientation_of(image)
    remarks = [MORE_PAGES] if pages > 1 else []
    if image.format == "TIFF":
        if image.mode in ("RGBA", "RGBa") and alpha_is_none(np.asarray(image.getchannel("A"))):
            image = Image.fromarray(np.ascontiguousarray(np.asarray(image)[..., :3]))
            remarks.append(MORE_BANDS)
        elif skipped:
            remarks.append(MORE_BANDS)
    pixels = _to_rgb(image)
    # Asked first, as values in float64 take more time and memory than decoding them.
    limits = None if stretch.leaves(255) else stretch.limits(pixels.astype(np.float64), 255)
    pixels = pixels if limits is None else to_8_bit(pixels.astype(np.float64), *limits)
    return Picture(upright(pixels, orientation), tuple(remarks))


def _deep(deep: DeepValues, stretch: Stretch, pages: int) -> Picture:
    """A picture from its values."""
    limits = deep.limits(stretch)
    remarks = [STRETCHED] if limits is not None else []
    remarks += [GAPS] if deep.has_gaps else []
    remarks += [MORE_BANDS] if deep.more_bands else []
    remarks += [MORE_PAGES] if pages > 1 else []
    return Picture(upright(deep.to_rgb(limits), deep.orientation), tuple(remarks))


def _to_rgb(image: Image.Image) -> UInt8Array:
    # `La` and `RGBa` hold colours multiplied by alpha and convert to their plain siblings only.
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"), dtype=np.uint8)
