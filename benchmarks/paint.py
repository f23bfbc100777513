"""How fast masks become pseudo-labels: the filter stage's work on one image after the other, without its CRF.

python benchmarks/paint.py

Prints masks per core-second of the stage, and of the plain way in turn with it: each mask decoded by itself, overlaps
resolved and labels painted over the whole image. What two cores do is twice that, as parts know nothing of each other.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from mask_store import MASKS_PER_IMAGE, POOL, SIZE_HW, draw_pool
from numpy.typing import NDArray
from pairs import hardware, in_turn
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.table import Table

from maskdistill.data.config import FolderConfig
from maskdistill.data.sources.folder import FolderSource
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import areas
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.filter.stage import PaintWorker

TARGET = 2000
"""Masks a second on two cores."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    store = make_store(options.images)
    with tempfile.TemporaryDirectory() as name:
        images = Path(name, "images")
        images.mkdir()
        worker = PaintWorker(store, NoImages(images), FilterConfig())
        runs = iter(range(10**6))

        def paint() -> None:
            folder = Path(name, f"part{next(runs)}")
            folder.mkdir()
            worker.write(range(options.images), folder, lambda n: None)

        pair = in_turn(paint, lambda: paint_plainly(store, Path(name, f"plain{next(runs)}")), options.turns)
    table = Table("", "masks per core-second", "on two cores", "target")
    for what, timed in (("the stage", pair.first), ("the plain way", pair.second)):
        rate = len(store) / timed.cpu
        table.add_row(what, f"{rate:,.0f}", f"{2 * rate:,.0f}", f"{TARGET:,}")
    console = Console()
    console.print(table)
    console.print(f"{len(store)} masks of {SIZE_HW[1]} x {SIZE_HW[0]} px, {MASKS_PER_IMAGE} an image")
    console.print(f"the plain way takes {pair.cpu_ratio:.2f} times as long")
    print(hardware())


class NoImages(FolderSource):
    """A source that is never asked for an image: all images of this benchmark have masks."""

    def __init__(self, folder: Path) -> None:
        self.config = FolderConfig(kind="folder", root=folder)


def make_store(n_images: int) -> MaskStore:
    """Blobs that overlap, with random scores and clusters."""
    rng = np.random.default_rng(0)
    pool = draw_pool(rng, min(POOL, n_images * MASKS_PER_IMAGE))
    builder = MaskStoreBuilder()
    for image in range(n_images):
        rles = [pool[k % len(pool)] for k in range(image * MASKS_PER_IMAGE, (image + 1) * MASKS_PER_IMAGE)]
        scores = 0.9 + 0.1 * rng.random(MASKS_PER_IMAGE)
        builder.add_rles(f"{image:06d}.jpg", rles, scores, rng.integers(0, 20, MASKS_PER_IMAGE))
    return builder.build()


def paint_plainly(store: MaskStore, folder: Path) -> None:
    builder, maps = MaskStoreBuilder(), []
    for image, image_id in enumerate(store.image_ids):
        rows = np.asarray(store.rows_of(image))
        ranked = rows[np.argsort(-store.score[rows], kind="stable")]
        masks = np.stack([np.asarray(coco_mask.decode(store.rle(row)), dtype=bool) for row in ranked])
        taken = np.zeros(masks.shape[1:], dtype=bool)
        label_map = np.zeros(masks.shape[1:], dtype=np.uint8)
        left: list[NDArray[np.bool_]] = []
        for mask in masks:
            left.append(mask & ~taken)
            taken |= mask
        clusters = store.cluster[ranked]
        for mask, cluster in zip(left[::-1], clusters[::-1], strict=True):
            label_map[mask] = cluster + 1
        codes = [coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in left]
        kept = np.flatnonzero(areas(codes))
        builder.add_rles(image_id, [codes[k] for k in kept], store.score[ranked][kept], clusters[kept])
        maps.append((image_id, label_map))
    folder.mkdir()
    builder.build().save(folder / "masks")
    write_labels(folder / "labels", maps)


if __name__ == "__main__":
    main()
