"""The ground that generated scenes stand on: noise, colours and backgrounds.

All backgrounds come from one family with fixed parameters. A texture, blur or noise level that differs from image to
image would be a signature of the image, and a network that learns without labels would attend to that instead of to
the objects.
"""

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.arrays import FloatArray

_SOFT = ((3, 1.0), (6, 0.6), (14, 0.4), (34, 0.25))
_BROAD = ((2, 1.0), (5, 0.5))
_PATCHES = ((2, 1.0), (4, 0.7), (9, 0.25), (30, 0.06))
_CLUTTER = 9


def smooth_noise(rng: np.random.Generator, cells: int, size: int) -> FloatArray:
    """Normal noise on a grid of `cells` x `cells`, drawn smooth over float32 (size, size)."""
    grid = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))


def fractal_noise(rng: np.random.Generator, size: int, octaves: Sequence[tuple[int, float]]) -> FloatArray:
    """Sum of smooth noises, float32 (size, size); octaves are (cells per 128 px, weight)."""
    layers = [weight * smooth_noise(rng, max(2, round(cells * size / 128)), size) for cells, weight in octaves]
    return np.asarray(np.sum(layers, axis=0), dtype=np.float32)


def random_colour(rng: np.random.Generator) -> FloatArray:
    """A colour that is neither very dark nor fully saturated, float32 (3,) RGB in 0-1."""
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.12, 0.9), rng.uniform(0.2, 1.0))
    return np.array(rgb, dtype=np.float32)


def contrasting_colours(rng: np.random.Generator, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Two colours whose mean brightness differs by `low` to `high`, in 0-1."""
    for _ in range(40):
        first, second = random_colour(rng), random_colour(rng)
        if low < abs(float(np.mean(first - second))) < high:
            break
    return first, second


def sigmoid(values: FloatArray) -> FloatArray:
    """1 / (1 + e^-x), elementwise."""
    return np.asarray(1 / (1 + np.exp(-values)), dtype=np.float32)


def blend(image: FloatArray, colour: FloatArray, weight: FloatArray) -> None:
    """Move `image` (H, W, 3) towards `colour` (3,) or (H, W, 3) by `weight` (H, W) in 0-1, in place."""
    image += (colour - image) * weight[..., None]


def draw_background(rng: np.random.Generator, size: int) -> tuple[FloatArray, list[FloatArray]]:
    """A background as float32 (size, size, 3), about 0-1, and its three main colours."""
    first, second = contrasting_colours(rng, 0.15, 0.35)
    third = random_colour(rng)
    image = np.tile(first, (size, size, 1))
    blend(image, second, sigmoid(1.6 * fractal_noise(rng, size, _SOFT)))
    blend(image, third, 0.5 * sigmoid(1.4 * fractal_noise(rng, size, _BROAD)))
    sharp_region = np.clip((fractal_noise(rng, size, _PATCHES) - 0.4) * 12, 0, 1)
    blend(image, random_colour(rng), 0.6 * sharp_region)
    for _ in range(round(_CLUTTER * (size / 128) ** 2)):
        _draw_clutter(rng, image)
    return image, [first, second, third]


def _draw_clutter(rng: np.random.Generator, image: FloatArray) -> None:
    """A thin line or a small blob in a colour close to some place of the image: edges that are no object."""
    size = len(image)
    row, column = rng.integers(size, size=2)
    colour = np.clip(image[row, column] + rng.normal(0, 0.15, 3), 0, 1).astype(np.float32)
    start = rng.uniform(0, size, 2)
    is_line = rng.random() < 0.4
    end = start + (rng.uniform(-40, 40, 2) if is_line else rng.uniform(-5, 5, 2))
    radius = rng.uniform(0.5, 1.2) if is_line else rng.uniform(1, 4)
    low = np.clip(np.minimum(start, end) - radius - 1, 0, size).astype(int)
    high = np.clip(np.maximum(start, end) + radius + 2, 0, size).astype(int)
    window = image[low[0] : high[0], low[1] : high[1]]
    rows, columns = np.ogrid[low[0] : high[0], low[1] : high[1]]
    distance = _distance_to_segment(rows - start[0], columns - start[1], end - start)
    blend(window, colour, np.clip(radius + 0.5 - distance, 0, 1))


def _distance_to_segment(
    rows: NDArray[np.float64], columns: NDArray[np.float64], segment: NDArray[np.float64]
) -> FloatArray:
    """Distance in px of each place, given from the segment's start, to the segment."""
    along = np.clip((rows * segment[0] + columns * segment[1]) / max(1e-6, float(segment @ segment)), 0, 1)
    distance: FloatArray = np.hypot(rows - along * segment[0], columns - along * segment[1]).astype(np.float32)
    return distance
