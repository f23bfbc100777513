"""A text file that names the classes of label PNGs, and the colours that stand for them where those are RGB."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.data.sources.files import read_lines

_IGNORED = "ignore"


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours of label values.

    Attributes:
        codes: int64 (n,), red * 65536 + green * 256 + blue, ascending.
        values: uint8 (n,), the label value of each.
    """

    codes: NDArray[np.int64]
    values: UInt8Array

    @classmethod
    def of(cls, colours: dict[tuple[int, int, int], int]) -> "Palette":
        """From label value by colour."""
        codes = np.asarray([red << 16 | green << 8 | blue for red, green, blue in colours], dtype=np.int64)
        order = np.argsort(codes)
        return cls(codes[order], np.asarray(list(colours.values()), dtype=np.uint8)[order])

    def decode(self, pixels: UInt8Array) -> UInt8Array:
        """Label values, uint8 (H, W), of RGB pixels, uint8 (H, W, 3). Raises ValueError for a colour of no class."""
        codes = pixels.astype(np.int64) @ [1 << 16, 1 << 8, 1]
        places = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        unknown = self.codes[places] != codes
        if unknown.any():
            raise ValueError(f"colour {pixels[unknown][0].tolist()} is that of no class")
        return np.asarray(self.values[places])


def read_class_file(path: Path) -> tuple[tuple[str, ...], Palette | None]:
    """Read class names, background first, one per line: `NAME`, or `NAME R G B` in every line.

    A line `ignore R G B` is no class but names a colour of pixels that count nowhere.

    Returns:
        The names, and the colours where the file has them.

    Raises:
        InputError: The file cannot be read, has fewer than 2 or more than 254 classes, a name or a colour twice, or
            colours in some lines only.
    """
    entries = [_parse(line) for line in read_lines(path, "data.class_file")]
    names = tuple(name for name, colour in entries if not (name == _IGNORED and colour))
    if not 2 <= len(names) < IGNORE or len(set(names)) != len(names):
        raise InputError(f"{path}: 2 to {IGNORE - 1} different class names are needed, background first")
    coloured = [colour for _, colour in entries if colour]
    if not coloured:
        return names, None
    if len(coloured) != len(entries) or len(set(coloured)) != len(coloured):
        raise InputError(f"{path}: every line needs a colour of its own, as NAME R G B, or none may have one")
    values = {name: value for value, name in enumerate(names)}
    return names, Palette.of({colour: values.get(name, IGNORE) for name, colour in entries if colour})


def _parse(line: str) -> tuple[str, tuple[int, int, int] | None]:
    *words, red, green, blue = ["", "", "", *line.split()]
    name = " ".join(words).strip()
    if name and all(part.isdecimal() and int(part) < 256 for part in (red, green, blue)):
        return name, (int(red), int(green), int(blue))
    return " ".join(line.split()), None
