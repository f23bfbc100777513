"""COCO segmentations from files that nobody vouches for, as masks and as codes that pycocotools may safely be given.

pycocotools trusts its input: a code that is cut off is read from memory beyond its end, and the corners of a polygon
decide how much memory is taken. So codes are read here, and polygons measured, before it sees any of them.
"""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.coco.entries import whole

_FIRST = 48
_MOST_DIGITS = 7
"""A run of a mask below 2^31 px takes no more characters than that, each of 5 bits."""
_MOST_PIXELS = np.iinfo(np.int32).max
_OVER = 0.1
"""How far beyond 0 to 1 fractions may lie, as outlines at the edge of an image do."""


def read_mask(segmentation: Any, size_hw: tuple[int, int], *, relative: bool = False) -> NDArray[np.bool_]:
    """A segmentation as bool (height, width).

    Args:
        segmentation: Polygons [[x1, y1, x2, y2, ...], ...] in px, or {"size": [height, width], "counts": text or list}.
            What programs make of these is read as well: a single polygon or code outside or inside of a list, corners
            in pairs, and any of it as text. And rows of true and false, as SAM's masks are in Python.
        size_hw: Height and width of the image, px; trusted.
        relative: Whether polygons are fractions of width and height.

    Raises:
        ValueError: It is neither, or does not fit the image; the text says why.
    """
    if size_hw[0] * size_hw[1] > _MOST_PIXELS:
        raise ValueError(f"{size_hw[1]} x {size_hw[0]} px are more than a code can hold")
    segmentation = _plain(segmentation)
    if isinstance(segmentation, dict):
        runs = _read_runs(segmentation, size_hw)
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size_hw[::-1]).T
    if isinstance(segmentation, list):
        if _is_bitmap(segmentation):
            return _read_bitmap(segmentation, size_hw)
        if segmentation and all(isinstance(part, dict) for part in segmentation):
            masks = np.stack([read_mask(part, size_hw) for part in segmentation])
            return np.asarray(masks.any(axis=0), dtype=bool)
        polygons = [_read_polygon(polygon, size_hw, relative=relative) for polygon in segmentation]
        # Fewer than three corners have no area, and pycocotools would take two for a box.
        outlines = [polygon for polygon in polygons if len(polygon) >= 6]
        if not outlines:
            return np.zeros(size_hw, dtype=bool)
        merged = coco_mask.merge(coco_mask.frPyObjects(outlines, *size_hw))
        return np.asarray(coco_mask.decode(merged), dtype=bool)
    raise ValueError(f"a segmentation is a list of polygons or a run-length code, not {type(segmentation).__name__}")


def decode_counts(counts: bytes) -> NDArray[np.int64]:
    """The runs that compressed counts stand for, int64. Raises ValueError where they are cut off or no counts.

    Each run is a number of 5-bit digits, the least first, bit 6 of a character set while more follow; from the fourth
    on it is the difference to the run two before.
    """
    digits = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - _FIRST
    if not len(digits) or digits.min() < 0 or digits.max() > 63:
        raise ValueError("its counts are empty or hold characters that no code has")
    ends = np.flatnonzero((digits & 32) == 0)
    if not len(ends) or ends[-1] != len(digits) - 1:
        raise ValueError("its counts are cut off")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends + 1 - starts
    if lengths.max() > _MOST_DIGITS:
        raise ValueError("its counts hold a number that is too long")
    places = np.arange(len(digits)) - np.repeat(starts, lengths)
    runs = np.add.reduceat((digits & 31) << 5 * places, starts)
    runs -= np.where(digits[ends] & 16, 1 << 5 * lengths, 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return np.asarray(runs, dtype=np.int64)


def is_relative(segmentations: Iterable[Any]) -> bool:
    """Whether all polygons lie within 0 to 1, some at a fraction: as px, none of them would hold more than a pixel.

    Polygons that are not in order do not count.
    """
    found = False
    for segmentation in segmentations:
        for polygon in _polygons(segmentation):
            if not all(-_OVER <= value <= 1 + _OVER for value in polygon):
                return False
            found = found or any(0 < value < 1 for value in polygon)
    return found


def _polygons(segmentation: Any) -> list[list[Any]]:
    """The polygons of a segmentation that hold nothing but coordinates."""
    try:
        plain = _plain(segmentation)
    except ValueError:
        return []
    parts = [part for part in plain if isinstance(part, list)] if isinstance(plain, list) else []
    return [part for part in parts if all(map(_is_coordinate, part))]


def _plain(segmentation: Any) -> Any:
    """A segmentation out of text, a single polygon in a list, and each polygon's corners one after the other."""
    if isinstance(segmentation, str):
        try:
            segmentation = json.loads(segmentation)
        except (ValueError, RecursionError):
            raise ValueError("a text that holds neither polygons nor a run-length code") from None
    if not isinstance(segmentation, list):
        return segmentation
    if len(segmentation) >= 6 and all(map(_is_coordinate, segmentation)):
        return [segmentation]
    if _are_corners(segmentation):
        return [list(chain(*segmentation))]
    return [list(chain(*part)) if isinstance(part, list) and _are_corners(part) else part for part in segmentation]


def _are_corners(parts: list[Any]) -> bool:
    """Whether these are the corners of one polygon, each a pair: two numbers by themselves are no polygon."""
    pairs = (isinstance(part, list) and len(part) == 2 and all(map(_is_coordinate, part)) for part in parts)
    return len(parts) >= 3 and all(pairs)


def _is_bitmap(rows: list[Any]) -> bool:
    return bool(rows) and all(isinstance(row, list) and bool(row) and type(row[0]) is bool for row in rows)


def _read_bitmap(rows: list[list[Any]], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    lengths = {len(row) for row in rows}
    if (len(rows), *lengths) != size_hw or not all(type(value) is bool for row in rows for value in row):
        raise ValueError(f"its rows of true and false have not the size of the image, {size_hw[1]} x {size_hw[0]} px")
    return np.asarray(rows, dtype=bool)


def _read_runs(code: dict[str, Any], size_hw: tuple[int, int]) -> NDArray[np.int64]:
    size = code.get("size")
    if not isinstance(size, list) or [whole(side) for side in size] != list(size_hw):
        raise ValueError(f"its size is {code.get('size')!r}, the image is {list(size_hw)} (height, width)")
    counts = code.get("counts")
    if isinstance(counts, list):
        counts = [whole(run) if type(run) is float else run for run in counts]
    if isinstance(counts, str):
        runs = decode_counts(_unquoted(counts).encode("ascii", errors="replace"))
    elif isinstance(counts, list) and all(type(run) is int and 0 <= run <= _MOST_PIXELS for run in counts):
        runs = np.asarray(counts, dtype=np.int64)
    else:
        raise ValueError("its counts are neither a text nor a list of whole numbers from 0")
    n_pixels = size_hw[0] * size_hw[1]
    # Each run first: the sum of huge ones could overflow to the right number.
    if runs.min(initial=0) < 0 or runs.max(initial=0) > n_pixels or runs.sum() != n_pixels:
        raise ValueError("its counts do not add up to the size of the image")
    return runs


def _unquoted(counts: str) -> str:
    r"""The text of `str(b"...")`, as it gets into files: without the quotes, `\\` as the one character it means."""
    quoted = len(counts) > 3 and counts[:2] in ("b'", 'b"') and counts[-1] == counts[1]
    return counts[2:-1].replace("\\\\", "\\") if quoted else counts


def _read_polygon(corners: Any, size_hw: tuple[int, int], *, relative: bool) -> list[float]:
    if not isinstance(corners, list) or len(corners) % 2 or not all(map(_is_coordinate, corners)):
        raise ValueError("a polygon is a list of finite numbers: x1, y1, x2, y2, ...")
    height, width = size_hw
    points_xy = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    if relative:
        points_xy = points_xy * [width, height]
    largest = np.asarray([width, height], dtype=np.float64)
    if not ((points_xy >= -largest) & (points_xy <= 2 * largest)).all():
        raise ValueError(f"a polygon lies beyond the image of {width} x {height} px")
    steps = np.abs(points_xy - np.roll(points_xy, 1, axis=0)).sum()
    if steps > 4 * (height + 1) * (width + 1):
        raise ValueError("a polygon is longer than the outlines of all pixels of the image")
    return points_xy.ravel().tolist()


def _is_coordinate(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _MOST_PIXELS  # NaN is not
