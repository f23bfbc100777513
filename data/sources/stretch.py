"""Values of pictures with more than 8 bits, brought into 8: by their type's range, or stretched from what they use."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator

from maskdistill.data.arrays import UInt8Array

Values = NDArray[np.float64]
_WORDS = ("auto", "off", "percentile")
_LOW, _HIGH = 0.5, 99.5
"""Percentiles of a picture's values that become black and white."""
_LITTLE = 0.25
"""Fraction of the range below which a picture is stretched by itself."""


@dataclass(frozen=True)
class Stretch:
    """What is done to the values of a picture.

    Attributes:
        word: "auto", "off", "percentile", or "limits".
        low: Value that becomes black, where limits are given.
        high: Value that becomes white.
    """

    word: str = "auto"
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Stretch":
        """Read `auto`, `off`, `percentile`, or `LOW,HIGH`. Raises ValueError."""
        if text in _WORDS:
            return cls(text)
        parts = text.replace("[", "").replace("]", "").split(",")
        try:
            low, high = (float(part) for part in parts)
        except ValueError:
            low = high = 0.0
        if not low < high or not np.isfinite([low, high]).all():
            raise ValueError(f"must be {', '.join(_WORDS)}, or LOW,HIGH: the values that become black and white")
        return cls("limits", low, high)

    def limits(self, values: Values, full: float) -> tuple[float, float] | None:
        """The values that become black and white; None = the range of their type.

        Args:
            values: Finite values of a picture, any shape.
            full: The range that they could use; 255 for pictures of 8 bits, which `auto` leaves as they are.
        """
        if self.word == "limits":
            return self.low, self.high
        if self.word == "off" or (self.word == "auto" and full <= 255):
            return None
        low, high = (float(value) for value in np.percentile(values, (_LOW, _HIGH)))
        wide = high - low >= _LITTLE * full
        return None if high <= low or (self.word == "auto" and wide) else (low, high)


AUTO = Stretch()


def _text(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def _check(text: str) -> str:
    Stretch.parse(text)
    return text.replace(" ", "")


StretchText = Annotated[str, BeforeValidator(_text), AfterValidator(_check)]
"""The setting: `auto`, `off`, `percentile`, or `LOW,HIGH`."""


def to_8_bit(values: Values, low: float, high: float) -> UInt8Array:
    """Values with `low` as 0 and `high` as 255; what lies beyond is cut off."""
    scale = 255 / (high - low) if high > low else 0
    stretched: UInt8Array = np.rint(np.clip((values - low) * scale, 0, 255)).astype(np.uint8)
    return stretched
