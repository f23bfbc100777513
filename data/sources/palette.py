"""Colours that stand for label values, for label PNGs that are RGB pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array


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
