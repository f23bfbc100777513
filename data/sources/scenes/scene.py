"""Drawing a generated scene: textured objects on textured ground, with exact ground truth."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.sources.scenes.backdrop import blend, draw_background
from maskdistill.data.sources.scenes.shapes import SHAPES, draw_object

TRAIN_STREAM, VAL_STREAM = 0, 1

_CAMOUFLAGE_RATE = 0.6
_MOST_COVERED = 0.35
_PLACES_TRIED = 12
_BLUR_PX = 0.5
_NOISE = 0.015


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture and what is in it.

    Attributes:
        image: uint8 (S, S, 3) RGB.
        instances: uint8 (S, S), 0 = background, k = the k-th object where it is visible; every object is.
        class_ids: Class of object 1, 2, ..., as index into `CLASS_NAMES` of `shapes.py`.
    """

    image: UInt8Array
    instances: UInt8Array
    class_ids: tuple[int, ...]

    def n_bytes(self) -> int:
        """Memory that it takes."""
        return self.image.nbytes + self.instances.nbytes

    def labels(self) -> UInt8Array:
        """Class of each pixel, uint8 (S, S), 0 = background."""
        return np.array((0, *self.class_ids), dtype=np.uint8)[self.instances]

    def boxes_xyxy(self) -> FloatArray:
        """Tight boxes of the visible part of each object, float32 (n, 4) x1 y1 x2 y2 px, the far edge excluded."""
        slices = ndimage.find_objects(self.instances, max_label=len(self.class_ids))
        boxes = [(columns.start, rows.start, columns.stop, rows.stop) for rows, columns in slices]
        return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def generate(
    seed: int,
    index: int,
    size: int = 128,
    *,
    stream: int = TRAIN_STREAM,
    objects: tuple[int, int] = (1, 3),
    scale: tuple[float, float] = (0.35, 0.65),
    gap: float | None = None,
) -> Scene:
    """Draw one scene; the same arguments give the same scene in every process.

    Args:
        seed: The world, >= 0.
        index: The scene, >= 0.
        size: Height and width, px.
        stream: Sequence of scenes that shares none with another stream: 0 training, 1 validation.
        objects: Fewest and most objects; those that find no free place are left out, but never the first.
        scale: Smallest and largest diameter of an object, as fraction of the width.
        gap: Smallest distance between two objects, as fraction of the width; None = they may overlap.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, index)))
    canvas, palette = draw_background(rng, size)
    instances = np.zeros((size, size), dtype=np.uint8)
    class_ids: list[int] = []
    for _ in range(rng.integers(objects[0], objects[1] + 1)):
        class_id = int(rng.integers(1, len(SHAPES) + 1))
        diameter = rng.uniform(*scale) * size
        camouflage = palette[rng.integers(len(palette))] if rng.random() < _CAMOUFLAGE_RATE else None
        colours, coverage = draw_object(rng, class_id, diameter, camouflage)
        place = _find_place(rng, instances, coverage, diameter, None if gap is None else gap * size)
        if place is not None:
            class_ids.append(class_id)
            _paste(canvas, colours, coverage, place)
            canvas_part, patch_part = _windows(size, len(coverage), place)
            instances[canvas_part][coverage[patch_part] > 0.5] = len(class_ids)
    return Scene(_develop(rng, canvas), instances, tuple(class_ids))


def _windows(size: int, length: int, place: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a patch with its upper left corner at `place` lies: slices of the canvas, and of the patch."""
    canvas = [slice(max(start, 0), min(start + length, size)) for start in place]
    patch = [slice(part.start - start, part.stop - start) for part, start in zip(canvas, place, strict=True)]
    return (canvas[0], canvas[1]), (patch[0], patch[1])


def _find_place(
    rng: np.random.Generator, instances: UInt8Array, coverage: FloatArray, diameter: float, gap_px: float | None
) -> tuple[int, int] | None:
    """Upper left corner at which a new object keeps its distance or, where none is asked for, leaves enough of every
    earlier object in sight; None if no such place was found.
    """
    size, length = len(instances), len(coverage)
    areas = np.bincount(instances.ravel())[1:]
    allowed = areas * (_MOST_COVERED if gap_px is None else 0)
    if gap_px and len(areas):
        instances = (ndimage.distance_transform_edt(instances == 0) <= gap_px).astype(np.uint8)
        allowed = np.zeros(1)
    inset = min(0.45 * diameter, size / 2)
    for _ in range(_PLACES_TRIED):
        row, column = rng.uniform(inset, size - inset, 2)
        place = (round(row - length / 2), round(column - length / 2))
        canvas_part, patch_part = _windows(size, length, place)
        covered = np.bincount(instances[canvas_part][coverage[patch_part] > 0.5], minlength=len(allowed) + 1)[1:]
        if (covered <= allowed).all():
            return place
    return None


def _paste(canvas: FloatArray, colours: FloatArray, coverage: FloatArray, place: tuple[int, int]) -> None:
    """Draw an object and its soft shadow into the canvas."""
    canvas_part, patch_part = _windows(len(canvas), len(coverage), place)
    shadow = ndimage.gaussian_filter(coverage, 0.04 * len(coverage) + 0.5, truncate=2.5)[patch_part]
    visible = coverage[patch_part]
    window = canvas[canvas_part]
    window *= (1 - 0.2 * shadow * (1 - visible))[..., None]
    blend(window, colours[patch_part], visible)


def _develop(rng: np.random.Generator, canvas: FloatArray) -> UInt8Array:
    """Light from one side, blur and sensor noise: always the same amount of each."""
    axis = np.linspace(-1, 1, len(canvas), dtype=np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 + 0.12 * (np.cos(turn) * axis[:, None] + np.sin(turn) * axis[None, :])
    lit = np.clip(canvas * light[..., None], 0, 1)
    image = Image.fromarray((lit * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(_BLUR_PX))
    noise = rng.standard_normal(canvas.shape, dtype=np.float32) * (_NOISE * 255)
    noisy: UInt8Array = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
    return noisy
