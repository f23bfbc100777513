"""How much space and time the tokens will take, from a few of the images; said and checked before any is written."""

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.features.extract import FeaturesWorker
from maskdistill.stages.mine.methods.miner import Photo, read_photos

_MEASURED, _TIMED = 32, 4
_BYTES = np.dtype(np.float16).itemsize

FreeBytes = Callable[[Path], int]
"""Bytes that the file system of a folder has left."""


@dataclass(frozen=True)
class Estimate:
    """Of all images together."""

    n_images: int
    n_bytes: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.n_images:,} images, {_size(self.n_bytes)}, about {_duration(self.seconds)}"


def estimate(worker: FeaturesWorker, source: ImageSource) -> Estimate:
    """Measure some images, evenly spread over all, and pass a few of them through the ViT."""
    n_images = len(source)
    chosen = np.unique(np.linspace(0, n_images - 1, min(n_images, _MEASURED)).round().astype(int)).tolist()
    sizes_hw: list[tuple[int, int]] = []
    timed: list[Photo] = []
    began = time.perf_counter()
    for photo in read_photos(source, chosen, {}, worker.looks_at):
        sizes_hw.append(photo.size_hw)
        if len(timed) < _TIMED:
            timed.append(photo)
    if not timed:
        return Estimate(n_images, 0, 0.0)
    reading = (time.perf_counter() - began) / len(sizes_hw)
    patches = sum(math.prod(worker.grid_hw(size_hw)) for size_hw in sizes_hw) / len(sizes_hw)
    n_bytes = patches * worker.dim * _BYTES * (1 + worker.config.mirror)
    seconds = reading + patches * _seconds_per_patch(worker, timed)
    return Estimate(n_images, round(n_images * n_bytes), n_images * seconds)


def check_space(estimate: Estimate, done: int, folder: Path, free: FreeBytes) -> None:
    """Raise InputError where a folder has less space left than the tokens will take beyond the `done` bytes of now."""
    needed, left = estimate.n_bytes - done, free(folder)
    if needed > left:
        raise InputError(
            f"{folder}: the features need {_size(needed)} more, but the disk has only {_size(left)} left; free some, "
            "lower features.short_side, name fewer features.blocks, or set features.mirror=false"
        )


def free_bytes(folder: Path) -> int:
    """Bytes that the file system of a folder has left."""
    return shutil.disk_usage(folder).free


def bytes_of(folder: Path) -> int:
    """Bytes of all files below a folder; 0 where there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _seconds_per_patch(worker: FeaturesWorker, photos: list[Photo]) -> float:
    """Of the tokens of some images; a first one before them makes everything ready."""
    list(worker.maps(photos[:1]))
    timed = photos[1:] or photos
    began = time.perf_counter()
    list(worker.maps(timed))
    return (time.perf_counter() - began) / sum(math.prod(worker.grid_hw(photo.size_hw)) for photo in timed)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.2f} GB" if n_bytes >= 1e7 else f"{n_bytes / 1e6:.2f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
