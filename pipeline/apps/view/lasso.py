"""Points inside a polygon that was drawn by hand."""

import numpy as np
from numpy.typing import NDArray


def inside(points: NDArray[np.floating], corners: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points lie inside a closed polygon, by the even-odd rule.

    Args:
        points: float (n, 2), x and y.
        corners: float (c, 2), in order; the last one is joined with the first.

    Returns:
        bool (n,).
    """
    x, y = points.T
    odd = np.zeros(len(points), dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            odd ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return odd
