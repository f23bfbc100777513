"""The eight object classes of generated scenes: each has a silhouette and a texture of its own.

A shape is a function of a `Frame` and random numbers. It gives two (L, L) fields: the distance to the outline
in object radii (negative inside), and the texture as a logit between the object's two colours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import FloatArray
from maskdistill.data.sources.scenes.backdrop import contrasting_colours, sigmoid, smooth_noise

Field = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Frame:
    """Coordinates of each pixel in an object's own frame, in object radii: (L, L) each."""

    x: Field
    y: Field
    radius: Field
    angle: Field


Fields = tuple[Field, Field]
Shape = Callable[[Frame, np.random.Generator], Fields]


def star(at: Frame, rng: np.random.Generator) -> Fields:
    """A plain five-pointed star with a rim."""
    distance = at.radius - (0.74 + 0.24 * np.cos(5 * at.angle))
    return distance, 20 * (np.abs(distance) - 0.13)


def ring(at: Frame, rng: np.random.Generator) -> Fields:
    """A ring cut into radial segments."""
    distance = np.abs(at.radius - 0.66) - rng.uniform(0.28, 0.33)
    return distance, 4 * np.sin(int(rng.integers(8, 11)) * at.angle)


def cross(at: Frame, rng: np.random.Generator) -> Fields:
    """A cross with a checkerboard."""
    near, far = np.minimum(np.abs(at.x), np.abs(at.y)), np.maximum(np.abs(at.x), np.abs(at.y))
    distance = np.maximum(near - rng.uniform(0.34, 0.40), far - 0.95)
    frequency = rng.uniform(8.5, 9.5)
    return distance, 8 * np.sin(frequency * at.x) * np.sin(frequency * at.y)


def crescent(at: Frame, rng: np.random.Generator) -> Fields:
    """A crescent with coarse grain."""
    bite = np.hypot(at.x - rng.uniform(0.55, 0.65), at.y)
    distance = np.maximum(at.radius - 1, 0.72 - bite)
    return distance, 4 * smooth_noise(rng, 26, len(at.x))


def capsule(at: Frame, rng: np.random.Generator) -> Fields:
    """A capsule with stripes across."""
    width = rng.uniform(0.40, 0.48)
    distance = np.hypot(np.maximum(np.abs(at.x) - (1 - width), 0), at.y) - width
    return distance, 5 * np.sin(rng.uniform(11, 13) * at.x)


def disc(at: Frame, rng: np.random.Generator) -> Fields:
    """A disc with dots."""
    distance = at.radius - 0.9
    frequency = rng.uniform(9.5, 10.5)
    dots = 5 * (np.cos(frequency * at.x) + np.cos(frequency * at.y) - 0.55)
    return distance, np.where(distance > -0.05, -5, dots)


def triangle(at: Frame, rng: np.random.Generator) -> Fields:
    """A triangle with nested outlines."""
    normals = np.pi / 2 + np.arange(3) * 2 * np.pi / 3
    distance = np.max([np.cos(a) * at.x + np.sin(a) * at.y for a in normals], axis=0) - 0.56
    # Corners beyond the frame are cut off, so that the object keeps to its radius.
    distance = np.maximum(distance, at.radius - 1.02)
    return distance, 5 * np.sin(rng.uniform(24, 27) * distance)


def leaf(at: Frame, rng: np.random.Generator) -> Fields:
    """A leaf, pointed at both ends, with a rib and slanting veins."""
    offset = rng.uniform(0.55, 0.65)
    distance = np.hypot(at.x, np.abs(at.y) + offset) - np.sqrt(1 + offset**2)
    veins = 4.5 * np.sin(rng.uniform(13, 15) * (at.x - 1.1 * np.abs(at.y)))
    return distance, np.where(np.abs(at.y) < 0.06, -5, veins)


SHAPES: tuple[Shape, ...] = (star, ring, cross, crescent, capsule, disc, triangle, leaf)
CLASS_NAMES = ("background", *(shape.__name__ for shape in SHAPES))
"""Name of each class id; the shape of class c is SHAPES[c - 1]."""


def draw_object(
    rng: np.random.Generator, class_id: int, diameter: float, camouflage: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Draw one object in a random pose, bent a little.

    Args:
        rng: Random numbers.
        class_id: 1 to 8.
        diameter: Size in px.
        camouflage: A colour of the background, float32 (3,), that one of the object's two colours repeats; None = both
            are free.

    Returns:
        Colours float32 (L, L, 3), about 0-1, and coverage float32 (L, L) in 0-1, with L about 1.25 diameters.
    """
    frame = _random_frame(rng, int(diameter * 1.25) + 4, diameter)
    dark, light = contrasting_colours(rng, 0.25, 0.5) if camouflage is None else _camouflaged(rng, camouflage)
    distance, texture = SHAPES[class_id - 1](frame, rng)
    slope_x, slope_y = rng.uniform(-0.12, 0.12, 2)
    shading = 1 + frame.x * slope_x + frame.y * slope_y
    colours = (dark + (light - dark) * sigmoid(texture)[..., None]) * shading[..., None]
    # The step from in to out takes about one pixel.
    coverage = np.clip(0.5 - distance * (diameter / 2) / 1.2, 0, 1)
    return colours.astype(np.float32), coverage.astype(np.float32)


def _random_frame(rng: np.random.Generator, length: int, diameter: float) -> Frame:
    axis = (np.arange(length, dtype=np.float32) - (length - 1) / 2) / (diameter / 2)
    x = axis[None, :] + 0.05 * smooth_noise(rng, 4, length)
    y = axis[:, None] + 0.05 * smooth_noise(rng, 4, length)
    turn = rng.uniform(0, 2 * np.pi)
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    y = y * rng.uniform(1.0, 1.2)
    x = x + rng.uniform(-0.15, 0.15) * y
    return Frame(x, y, np.hypot(x, y), np.arctan2(y, x))


def _camouflaged(rng: np.random.Generator, colour: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The given colour, nearly, and one that is clearly lighter or darker; in random order."""
    like = np.clip(colour + rng.normal(0, 0.04, 3), 0, 1)
    step = 0.35 if like.mean() < 0.5 else -0.35
    unlike = np.clip(like + step + rng.normal(0, 0.08, 3), 0, 1)
    pair = (like.astype(np.float32), unlike.astype(np.float32))
    return pair if rng.random() < 0.5 else pair[::-1]
