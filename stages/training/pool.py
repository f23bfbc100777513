"""The training images at the size of pre-training, decoded once and then read by number."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.networks.resize import resize
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.samples import Sample, SampleStream


def square(pixels: UInt8Array, side: int) -> UInt8Array:
    """The central square of an image (height, width, 3), resized to uint8 (side, side, 3)."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return resize(pixels[top : top + short, left : left + short], (side, side))


def open_pool(
    source: ImageSource, side: int, path: Path, progress: Progress
) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Decode the training images into one file, or open it where an earlier run has made it.

    Args:
        source: The images; validation images are not read.
        side: Size of the squares, px.
        path: Where the file is put, with the failures beside it under the suffix .json.
        progress: Told about every image.

    Returns:
        uint8 (n, 3, side, side), mapped from the file; and the reason of each image that could not be read.
    """
    failures_path = path.with_suffix(".json")
    if not failures_path.exists():
        write_json(failures_path, _decode(source, side, path, progress))
    failures: dict[str, str] = json.loads(failures_path.read_text())
    return np.load(path, mmap_mode="r")[: source.n_train - len(failures)], failures


def remove_pool(path: Path) -> None:
    """Remove what `open_pool` wrote."""
    path.with_suffix(".json").unlink()
    path.unlink()


def _decode(source: ImageSource, side: int, path: Path, progress: Progress) -> dict[str, str]:
    """Write the file, whose last rows stay empty where images failed; gives the failures."""
    failures: dict[str, str] = {}
    progress.start("images", source.n_train, "images")
    with atomic_path(path) as temporary:
        shape = (source.n_train, 3, side, side)
        pool = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        # A disk that fills up while mapped memory is written would end the process.
        if hasattr(os, "posix_fallocate"):  # not on macOS
            with temporary.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
        for i in range(source.n_train):
            try:
                pool[i - len(failures)] = square(source.read(i), side).transpose(2, 0, 1)
            except UnreadableImage as error:
                failures[source.ids[i]] = str(error)
            progress.advance(1)
        pool.flush()
    return failures


@dataclass(frozen=True, eq=False)
class PoolImages:
    """Loads the images of a pool.

    Attributes:
        pixels: uint8 (n, 3, S, S).
        ids: Of the images, in the same order.
    """

    pixels: NDArray[np.uint8]
    ids: list[str]

    def load(self, row: int) -> Sample:
        """Id and uint8 (3, S, S) of one image."""
        return self.ids[row], torch.from_numpy(np.array(self.pixels[row]))


def pool_samples(source: ImageSource, pool: NDArray[np.uint8], failures: Mapping[str, str], seed: int) -> SampleStream:
    """An endless, shuffled sequence of the images of a pool, of what `open_pool` gave for a source."""
    ids = [image_id for image_id in source.ids[: source.n_train] if image_id not in failures]
    return SampleStream(len(pool), PoolImages(pool, ids).load, seed, draws=False)
