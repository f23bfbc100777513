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
_FAR = 2.0
"""How many times the spread of all others a value lies from them where it stands for none."""
_SAMPLED, _FEWEST = 1000, 16
"""Of a sample of the others, how many differ at least: a drawing of few values has none that stands for none."""
_LITTLE = 0.25
"""Fraction of the range below which a picture is stretched by itself."""


def measured(values: Values) -> Values:
    """The values of a picture without those that stand for none, float64 (n,).

    These are nan and infinity, and a least or greatest value that lies far from all others: programs for maps and
    satellite images write -9999, -3.4e38, or the largest number of the type, where nothing was measured.
    """
    kept = values[np.isfinite(values)]
    for least in (True, False):
        end = kept.min(initial=np.inf) if least else kept.max(initial=-np.inf)
        others = kept[kept != end]
        if len(np.unique(others[:: max(1, others.size // _SAMPLED)])) < _FEWEST:
            continue
        gap = others.min() - end if least else end - others.max()
        kept = others if gap > _FAR * np.ptp(others) else kept
    return kept


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
            values: Values of a picture that stand for something, any shape.
            full: The range that they could use; 255 for pictures of 8 bits, which `auto` leaves as they are.
        """
        if self.word == "limits":
            return self.low, self.high
        if self.leaves(full) or not values.size:
            return None
        low, high = (float(value) for value in np.percentile(values, (_LOW, _HIGH)))
        wide = high - low >= _LITTLE * full
        return None if high <= low or (self.word == "auto" and wide) else (low, high)

    def leaves(self, full: float) -> bool:
        """Whether all pictures whose values could use the range `full` stay as they are."""
        return self.word == "off" or (self.word == "auto" and full <= 255)


AUTO = Stretch()


def _text(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def _check(text: str) -> str:
    Stretch.parse(text)
    return text.replace(" ", "")


StretchText = Annotated[str, BeforeValidator(_text), AfterValidator(_check)]
"""The setting: `auto`, `off`, `percentile`, or `LOW,HIGH`."""


def to_8_bit(values: Values, low: float, high: float) -> UInt8Array:
    """Values with `low` as 0 and `high` as 255; what lies beyond is cut off, and nan is 0."""
    scale = 255 / (high - low) if high > low else 0
    stretched: UInt8Array = np.rint(np.clip(np.nan_to_num((values - low) * scale), 0, 255)).astype(np.uint8)
    return stretched
