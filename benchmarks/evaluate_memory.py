"""Memory and time of scoring many predictions: the peak of a fresh process that only evaluates.

python benchmarks/evaluate_memory.py                 10,000 predictions of 500 x 375 px, minutes on one core
python benchmarks/evaluate_memory.py --images 500    seconds
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.labels import merge_label_parts, write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.stage import evaluate
from maskdistill.stages.progress import Silent

SIZE_HW = (375, 500)
N_CLASSES = 20
OBJECTS = 3
CANDIDATES = 10
PICTURES = 50
IMAGES_PER_PART = 250
STAGES = ("segment", "distill")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="how many predictions to score")
    parser.add_argument("--score", nargs=2, metavar=("STAGE", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.score:
        print(json.dumps(score(arguments.score[0], Path(arguments.score[1]), arguments.images)))
        return
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name), arguments.images)


def compare(folder: Path, n_images: int) -> None:
    write_predictions(folder, n_images)
    table = Table("predictions", "peak MiB", "seconds", "mIoU", "AP50")
    for stage in STAGES:
        command = [sys.executable, __file__, "--images", str(n_images), "--score", stage, str(folder)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(output.splitlines()[-1])
        what = "label maps" if stage == "segment" else f"images of {CANDIDATES} candidates"
        table.add_row(f"{n_images:,} {what}", f"{found['peak']:.0f}", f"{found['seconds']:.0f}", *found["scores"])
    Console().print(table)


def score(stage: str, folder: Path, n_images: int) -> dict[str, Any]:
    """Evaluate one stage; peak in MiB of this whole process, libraries included (Linux)."""
    began = time.monotonic()
    figures = evaluate(EvaluateConfig(), stage, Blobs(n_images), {stage: folder}, Silent())["train"]
    scores = [f"{figures[name]:.3f}" if name in figures else "" for name in ("miou", "ap50")]
    # getrusage would give the peak of the parent where that is higher: it survives exec.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"peak": int(status["VmHWM"].split()[0]) / 1024, "seconds": time.monotonic() - began, "scores": scores}


class Blobs(ImageSource):
    """Any number of images, of which only the ground truth is ever asked for; it repeats after PICTURES images."""

    def __init__(self, n_images: int) -> None:
        self.ids = tuple(f"{i:06d}" for i in range(n_images))
        self.n_train = n_images
        self.class_names = ("background", *(f"class {c}" for c in range(1, N_CLASSES + 1)))

    def read(self, index: int) -> UInt8Array:
        """Never asked for."""
        raise NotImplementedError("pixels are not needed to score")

    def fingerprint(self) -> str:
        """Not used."""
        return "blobs"

    def read_labels(self, index: int) -> UInt8Array:
        """Class of each pixel."""
        objects, class_ids = draw(index % PICTURES)
        return np.asarray([0, *class_ids], dtype=np.uint8)[objects]

    def read_boxes(self, index: int) -> FloatArray:
        """Tight boxes of what is seen of the objects."""
        slices = [place for place in ndimage.find_objects(draw(index % PICTURES)[0]) if place]
        boxes = [(columns.start, rows.start, columns.stop, rows.stop) for rows, columns in slices]
        return np.asarray(boxes, dtype=np.float32).reshape(-1, 4)

    def read_instances(self, index: int) -> Instances:
        """What is seen of the objects; hidden ones are empty."""
        return Instances.of_map(*draw(index % PICTURES))


@lru_cache(PICTURES)
def draw(picture: int) -> tuple[UInt8Array, list[int]]:
    """A map of objects, 1 to OBJECTS, and their classes."""
    rng = np.random.default_rng(picture)
    objects = np.zeros(SIZE_HW, dtype=np.uint8)
    for k in range(1, OBJECTS + 1):
        objects[ellipse(rng)] = k
    return objects, rng.integers(1, N_CLASSES + 1, OBJECTS).tolist()


def ellipse(rng: np.random.Generator) -> NDArray[np.bool_]:
    height, width = SIZE_HW
    y, x = np.ogrid[:height, :width]
    ry, rx = rng.uniform(30, 120, 2)
    return np.asarray(((y - rng.uniform(0, height)) / ry) ** 2 + ((x - rng.uniform(0, width)) / rx) ** 2 < 1)


def write_predictions(folder: Path, n_images: int) -> None:
    """Label maps of `segment`, and candidates of `distill`: the truth a little moved, and masks that are wrong."""
    source = Blobs(n_images)
    pool = [list(candidates(picture)) for picture in range(PICTURES)]
    parts = []
    builder = MaskStoreBuilder()
    for start in range(0, n_images, IMAGES_PER_PART):
        part = folder / f"part{start}"
        items = range(start, min(n_images, start + IMAGES_PER_PART))
        write_labels(part, ((source.ids[i], np.roll(source.read_labels(i), 5, axis=1)) for i in items))
        parts.append(part)
        for i in items:
            rles, clusters = zip(*pool[i % PICTURES], strict=True)
            builder.add_rles(source.ids[i], rles, np.random.default_rng(i).random(CANDIDATES), clusters)
    merge_label_parts(parts, folder / "predictions.zarr")
    builder.build().save(folder / "candidates.zarr")


def candidates(picture: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Masks as COCO codes, and their clusters."""
    objects, class_ids = draw(picture)
    rng = np.random.default_rng(picture)
    for k in range(CANDIDATES):
        mask = np.roll(objects == k + 1, 5, axis=1) if k < OBJECTS else ellipse(rng)
        cluster = class_ids[k] - 1 if k < OBJECTS else int(rng.integers(N_CLASSES))
        # An object may be hidden by the others.
        shown = mask if mask.any() else ellipse(rng)
        yield coco_mask.encode(np.asfortranarray(shown, dtype=np.uint8)), cluster


if __name__ == "__main__":
    main()
