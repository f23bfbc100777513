"""The outline of a mask as polygons along the edges of its pixels, which drawn again give exactly that mask."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ring = list[tuple[int, int]]
"""Corners (x, y), px, in turn: clockwise around pixels of the mask, the other way around a hole."""
_STEPS = {"right": (1, 0), "down": (0, 1), "left": (-1, 0), "up": (0, -1)}
_TURNS = {"right": "down", "down": "left", "left": "up", "up": "right"}
"""The direction to the right of each: with the mask on the right, turning there stays with the same pixel."""


def polygons(mask: NDArray[np.bool_]) -> list[list[int]]:
    """Polygons [x, y, x, y, ...], px, that together cover a mask, bool (height, width), as COCO files hold them.

    A COCO polygon has no holes: a region with a hole is cut in two through it.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return []
    top, left = int(rows[0]), int(columns[0])
    inside = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return [[value for x, y in ring for value in (x + left, y + top)] for ring in _whole(inside, 0)]


def _whole(mask: NDArray[np.bool_], left: int) -> Iterator[Ring]:
    """The rings of a mask whose first column is the `left`-th, cut so that none of them is a hole."""
    rings = trace(mask)
    hole = next((ring for ring in rings if _signed_area(ring) < 0), None)
    if hole is None:
        yield from ([(x + left, y) for x, y in ring] for ring in rings)
        return
    cut = min(x for x, _ in hole) + 1
    yield from _whole(mask[:, :cut], left)
    yield from _whole(mask[:, cut:], left + cut)


def trace(mask: NDArray[np.bool_]) -> list[Ring]:
    """The rings around the pixels of a mask, bool (height, width); pixels that touch at a corner alone are apart."""
    edges = _edges(mask)
    rings = []
    while edges:
        start = next(iter(edges))
        ring, corner, heading = list[tuple[int, int]](), start, ""
        while corner in edges:
            leaving = edges[corner]
            turned = _TURNS.get(heading, "")
            way = turned if turned in leaving else leaving[0]
            leaving.remove(way)
            if not leaving:
                del edges[corner]
            if way != heading:
                ring.append(corner)
            step = _STEPS[way]
            corner, heading = (corner[0] + step[0], corner[1] + step[1]), way
        rings.append(ring)
    return rings


def _edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int], list[str]]:
    """The ways that lead on from each corner (x, y) along the mask, with the mask on the right."""
    padded = np.pad(mask, 1).astype(np.int8)
    across, down = np.diff(padded, axis=1)[1:-1], np.diff(padded, axis=0)[:, 1:-1]
    found: dict[tuple[int, int], list[str]] = {}
    for way, places, dx, dy in (
        ("right", down > 0, 0, 0),
        ("left", down < 0, 1, 0),
        ("up", across > 0, 0, 1),
        ("down", across < 0, 0, 0),
    ):
        for y, x in np.argwhere(places).tolist():
            found.setdefault((x + dx, y + dy), []).append(way)
    return found


def _signed_area(ring: Ring) -> int:
    """Twice the area, positive where it is clockwise on the screen."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True))
