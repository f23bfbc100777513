"""Otsu's threshold (1979): where values fall into two groups, the place between them."""

import numpy as np
from numpy.typing import NDArray

_BINS = 256


def otsu_threshold(values: NDArray[np.floating]) -> float:
    """The threshold that splits values into two groups of the highest between-class variance, from 256 bins.

    Where values differ by less than so many bins can tell, as rounding makes them, it is just below all of them.
    """
    lowest, highest = float(values.min()), float(values.max())
    if 0 < highest - lowest <= _BINS * np.spacing(max(abs(lowest), abs(highest))):
        return float(np.nextafter(lowest, -np.inf))
    counts, edges = np.histogram(values, _BINS)
    centres = (edges[1:] + edges[:-1]) / 2
    below, mass = np.cumsum(counts)[:-1], np.cumsum(counts * centres)
    above = counts.sum() - below
    # A split with an empty side weighs nothing, whatever its mean is taken to be.
    difference = mass[:-1] / np.maximum(below, 1) - (mass[-1] - mass[:-1]) / np.maximum(above, 1)
    return float(edges[1:][(below * above * difference**2).argmax()])
