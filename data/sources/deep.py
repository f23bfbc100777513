"""Values of pictures that are deeper than 8 bits, or that Pillow does not read: 16-bit colour, floats, many bands."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.frames import UPRIGHT
from maskdistill.data.sources.stretch import Stretch, Values, measured, to_8_bit

Reopen = Callable[[], AbstractContextManager[Image.Image]]
_EXIF_ORIENTATION, _BITS, _PHOTOMETRIC, _PLANES = 0x0112, 258, 262, 284
_WHITE_IS_ZERO = 0
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LOW_BYTES = {"16L": "16B", "16B": "16L", "16N": "16B" if sys.byteorder == "little" else "16L"}
"""Of each order of the bytes of 16-bit values, the other one: Pillow keeps one byte, and then it is the lower one."""


@dataclass(frozen=True, eq=False)
class DeepValues:
    """The first bands of a picture.

    Attributes:
        values: float64 (height, width) or (height, width, 3).
        full: The range of their type; 0 = they have none, and that of the picture counts.
        alpha: uint8 (height, width), how opaque each pixel is; None = all are.
        more_bands: Whether there were more bands.
        only_values: Whether Pillow has no pixels of it.
        orientation: EXIF orientation that is still to be undone.
        pages: Number of pages of a file that Pillow does not read.
    """

    values: Values
    full: float = 65535.0
    alpha: UInt8Array | None = None
    more_bands: bool = False
    only_values: bool = False
    orientation: int = UPRIGHT
    pages: int = 1

    @cached_property
    def measured(self) -> Values:
        """The values that stand for something, float64 (n,)."""
        return measured(self.values)

    @property
    def has_gaps(self) -> bool:
        """Whether pixels stand for nothing."""
        return self.measured.size < self.values.size

    def limits(self, stretch: Stretch) -> tuple[float, float] | None:
        """The values that become black and white; None = their full range."""
        spread = float(np.ptp(self.measured)) if self.measured.size else 0.0
        return stretch.limits(self.measured, self.full or spread or 1.0)

    def to_rgb(self, limits: tuple[float, float] | None) -> UInt8Array:
        """uint8 (height, width, 3) RGB; transparent pixels show white."""
        whole = (0.0, self.full or 1.0)
        if not self.full and self.measured.size:
            low, high = float(self.measured.min()), float(self.measured.max())
            # A picture of one value stands out from what was not measured.
            whole = (low - 1 if low == high and self.has_gaps else low, high)
        pixels = to_8_bit(self.values, *(limits or whole))
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=-1)
        if self.alpha is None:
            return pixels
        opaque = self.alpha[..., None] / 255
        shown: UInt8Array = np.rint(pixels * opaque + 255 * (1 - opaque)).astype(np.uint8)
        return shown


def read_deep(image: Image.Image, reopen: Reopen) -> DeepValues | None:
    """The values of a picture that Pillow has opened; None of one with 8 bits.

    Args:
        image: The picture, not loaded yet.
        reopen: Opens its file once more.
    """
    if image.mode.startswith(("I", "F")):
        image.load()
        full = 65535.0 if image.mode.startswith("I;16") else 0.0
        single = _not_inverted(np.asarray(image), full, getattr(image, "tag_v2", {}).get(_PHOTOMETRIC))
        return DeepValues(single, full, only_values=True, orientation=orientation_of(image))
    if not any("16" in layout for layout in _layouts(image)):
        return None
    deep, orientation = _sixteen_bits(image, reopen)
    with_alpha = deep.shape[2] in (2, 4)
    alpha = deep[..., -1] if with_alpha else None
    none = alpha is not None and image.format == "TIFF" and alpha_is_none(alpha)
    return DeepValues(
        (deep[..., 0] if deep.shape[2] == 2 else deep[..., :3]).astype(np.float64),
        alpha=None if alpha is None or none else (alpha >> 8).astype(np.uint8),
        more_bands=none or has_skipped_bands(image),
        only_values=none,
        orientation=orientation,
    )


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation that is still to be undone, 1 to 8; Pillow turns some formats itself when it loads them."""
    try:
        found = image.getexif().get(_EXIF_ORIENTATION, UPRIGHT)
    except Exception:  # a damaged EXIF block does not make the pixels unreadable
        return UPRIGHT
    return found if found in range(1, 9) else UPRIGHT


def has_skipped_bands(image: Image.Image) -> bool:
    """Whether a picture, not loaded yet, has bands that Pillow skips: `X` in its name for the layout of a pixel."""
    return any("X" in layout for layout in _layouts(image))


def alpha_is_none(alpha: NDArray[Any]) -> bool:
    """Whether a band that a TIFF calls alpha, any unsigned type (height, width), is something else.

    Most of the pixels that are to be seen are fully opaque where it is alpha. Programs for satellite images call their
    near infrared so.
    """
    seen = alpha[alpha > 0]
    most = np.iinfo(alpha.dtype).max
    return bool(not len(seen) or (seen == most).mean() < 0.5)


def is_misread(image: Image.Image) -> bool:
    """Whether Pillow takes the planes of a TIFF of more than 8 bits, which lie one after the other, for 8 bits."""
    tags: Any = getattr(image, "tag_v2", {})
    return image.format == "TIFF" and tags.get(_PLANES) == 2 and max(tags.get(_BITS, (8,))) > 8


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does."""
    with path.open("rb") as file:
        return file.read(4) in _TIFF


def read_odd_tiff(path: Path, check_size: Callable[[tuple[int, int]], None]) -> DeepValues:
    """A TIFF that Pillow does not read: floats in colour, any number of bands, deep planes.

    Args:
        path: The file.
        check_size: Given width and height before anything is decoded; may raise.

    Raises:
        ValueError: It is compressed in a way that needs the package imagecodecs, or is no picture.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        check_size((page.imagewidth, page.imagelength))
        try:
            values = np.asarray(page.asarray())
        except (KeyError, ModuleNotFoundError) as error:
            raise ValueError(f"a TIFF that needs the package imagecodecs ({error}); install it, or convert") from error
        tag, pages = page.tags.get("Orientation"), len(tiff.pages)
        axes, orientation = str(page.axes), int(tag.value) if tag else UPRIGHT
    if values.ndim not in (2, 3) or values.dtype.kind not in "uif" or "YX" not in axes:
        raise ValueError(f"a TIFF of axes {axes} and type {values.dtype}, which is no picture")
    if values.ndim == 3 and axes.index("Y") == 1:
        values = np.moveaxis(values, 0, -1)
    n_bands = values.shape[2] if values.ndim == 3 else 1
    kept = values if values.ndim == 2 else values[..., :3] if n_bands >= 3 else values[..., 0]
    full = float(np.iinfo(values.dtype).max) if values.dtype in (np.uint8, np.uint16) else 0.0
    kept = _not_inverted(kept, full, page.photometric)
    return DeepValues(kept, full, None, n_bands > 3 or n_bands == 2, True, orientation, pages)


def _not_inverted(values: NDArray[Any], full: float, photometric: Any) -> Values:
    """The same as float64, where a TIFF has white as 0 the other way round."""
    floats: Values = np.asarray(values, dtype=np.float64)
    turned: Values = full - floats if full and photometric == _WHITE_IS_ZERO else floats
    return turned


def _layouts(image: Image.Image) -> list[str]:
    """Pillow's names for the layout of a pixel in the file, one for each tile."""
    tiles = getattr(image, "tile", None) or []
    return [str(tile[3][0] if isinstance(tile[3], tuple) else tile[3]) for tile in tiles]


def _sixteen_bits(image: Image.Image, reopen: Reopen) -> tuple[NDArray[np.uint16], int]:
    """16-bit values uint16 (height, width, bands), and the orientation that is to be undone.

    Pillow keeps the higher byte of each, and the lower one when it is told that they stand in the other order.
    """
    if "LA" in _layouts(image)[0]:  # which has no other order; four bytes are as many as those of a pixel with alpha
        with reopen() as copy:
            _set_layouts(copy, lambda layout: "RGBA")
            four = np.asarray(copy).astype(np.uint16)
            values = np.asarray(four[..., 0::2] << 8 | four[..., 1::2], dtype=np.uint16)
            return values, orientation_of(copy)
    with reopen() as copy:
        high = np.asarray(copy).astype(np.uint16)
    with reopen() as copy:
        _set_layouts(copy, _other_order)
        low = np.asarray(copy).astype(np.uint16)
        return np.asarray(high << 8 | low, dtype=np.uint16), orientation_of(copy)


def _set_layouts(image: Image.Image, change: Callable[[str], str]) -> None:
    picture: Any = image
    picture.tile = [
        tile._replace(
            args=(change(tile.args[0]), *tile.args[1:]) if isinstance(tile.args, tuple) else change(tile.args)
        )
        for tile in picture.tile
    ]


def _other_order(layout: str) -> str:
    order = next((order for order in _LOW_BYTES if layout.endswith(order)), "")
    return layout.removesuffix(order) + _LOW_BYTES.get(order, "")
