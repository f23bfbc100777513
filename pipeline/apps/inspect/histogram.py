"""Histograms of the columns of a store, as numbers that a table, a picture or another program can show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_BINS, _MOST_WHOLE_BINS = 10, 16


@dataclass(frozen=True)
class Histogram:
    """How many values lie in each bin.

    Attributes:
        edges: Ends of the n bins, n + 1 in ascending order; a bin holds its lower end, and the last one both.
        counts: Values per bin.
        whole: Whether the values are whole numbers.
    """

    edges: list[float]
    counts: list[int]
    whole: bool = False

    @classmethod
    def of(cls, values: ArrayLike, low: float = 0.0, high: float = 1.0, bins: int = _BINS) -> "Histogram":
        """Bins of equal width from `low` to `high`, or further where a value is beyond them."""
        array = np.asarray(values, dtype=np.float64)
        span = (array.min(initial=low), array.max(initial=high))
        counts, edges = np.histogram(array, bins=bins, range=span)
        return cls([round(edge, 6) for edge in edges.tolist()], counts.tolist())

    @classmethod
    def of_whole(cls, values: ArrayLike) -> "Histogram":
        """At most sixteen bins of equal width from 0, of whole numbers that are not negative."""
        array = np.asarray(values, dtype=np.int64)
        width = -(-(int(array.max(initial=0)) + 1) // _MOST_WHOLE_BINS)
        counts = np.bincount(array // width)
        return cls((np.arange(len(counts) + 1.0) * width).tolist(), counts.tolist(), whole=True)

    def labels(self) -> list[str]:
        """What each bin holds: "0.1-0.2", or "3" and "4-7" for whole numbers."""
        ends = zip(self.edges[:-1], self.edges[1:], strict=True)
        if not self.whole:
            return [f"{low:.3g}-{high:.3g}" for low, high in ends]
        return [f"{low:,.0f}" if high - low == 1 else f"{low:,.0f}-{high - 1:,.0f}" for low, high in ends]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"edges": self.edges, "counts": self.counts}
