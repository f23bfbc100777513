"""Size and speed of the mask store beside a COCO JSON of the same masks.

python benchmarks/mask_store.py                  100,000 masks, about a minute on one core
python benchmarks/mask_store.py --masks 5000     seconds
python benchmarks/mask_store.py --masks 1000000 --open-only     how long opening and reading takes, and the bytes

The bytes of the bare codes are those of the runs alone: without boxes, scores, names, offsets and checksums.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pairs import hardware, timed
from PIL import Image
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.table import Table

from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts
from maskdistill.data.stores.rle import Rle, areas

SIZE_HW = (375, 500)
MASKS_PER_IMAGE = 5
IMAGES_PER_PART = 500
READS = 5000
POOL = 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=100_000, help="how many masks to write")
    parser.add_argument("--open-only", action="store_true", help="write no JSON: only how long opening takes")
    arguments = parser.parse_args()
    n_images = max(1, arguments.masks // MASKS_PER_IMAGE)
    with tempfile.TemporaryDirectory() as name:
        if arguments.open_only:
            open_only(Path(name), n_images)
        else:
            compare(Path(name), n_images)


def open_only(folder: Path, n_images: int) -> None:
    pool = draw_pool(np.random.default_rng(0), min(POOL, n_images * MASKS_PER_IMAGE))
    lengths = np.asarray([len(rle["counts"]) for rle in pool])
    rows = np.arange(n_images * MASKS_PER_IMAGE)
    of = rows % len(pool)
    MaskStore(
        image_ids=tuple(f"JPEGImages/{item:012d}.jpg" for item in range(n_images)),
        image=(rows // MASKS_PER_IMAGE).astype(np.int32),
        size_hw=np.full((len(rows), 2), SIZE_HW, dtype=np.int32),
        bbox_xywh=coco_mask.toBbox(pool).astype(np.float32)[of],
        area=areas(pool).astype(np.int32)[of],
        score=np.random.default_rng(1).random(len(rows), dtype=np.float32),
        cluster=np.full(len(rows), -1, dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths[of])]),
        counts=np.concatenate([np.frombuffer(pool[k]["counts"], dtype=np.uint8) for k in of]),
    ).save(folder / "masks")
    names = ("opened and checked", "opened again", "and its scores read")
    actions = (lambda: MaskStore.open(folder / "masks"),) * 2 + (lambda: MaskStore.open(folder / "masks").score,)
    for name, action in zip(names, actions, strict=True):
        print(f"{len(rows):,} masks {name}: {1000 * timed(action)[0]:.0f} ms")
    store = MaskStore.open(folder / "masks")
    chosen = np.random.default_rng(1).integers(len(store), size=READS).tolist()
    store.rle(0)  # reads the columns
    for what, read in {"codes": store.rle, "masks of whole images": store.decode}.items():
        print(f"random {what} a second: {READS / timed(partial(for_each, read, chosen))[0]:,.0f}")
    print(f"bytes, as a multiple of the bare codes: {bytes_of(folder / 'masks') / len(store.counts):.2f}")
    print(hardware())


def compare(folder: Path, n_images: int) -> None:
    pool = draw_pool(np.random.default_rng(0), min(POOL, n_images * MASKS_PER_IMAGE))
    write_seconds, parts = timed(lambda: write_parts(folder / "parts", n_images, pool))
    merge_seconds, _ = timed(lambda: merge_parts(parts, folder / "masks"))
    open_seconds, store = timed(lambda: MaskStore.open(folder / "masks"))
    again_seconds, _ = timed(lambda: MaskStore.open(folder / "masks"))
    write_json(store, folder / "coco.json")
    load_seconds, annotations = timed(lambda: json.loads((folder / "coco.json").read_text())["annotations"])
    rows = np.random.default_rng(1).integers(len(store), size=READS)
    store_seconds, _ = timed(lambda: [store.decode(row) for row in rows])
    json_seconds, _ = timed(lambda: [coco_mask.decode(annotations[row]["segmentation"]) for row in rows])
    store_bytes = bytes_of(folder / "masks")
    json_bytes = (folder / "coco.json").stat().st_size

    console = Console()
    console.print(f"{len(store):,} masks of {SIZE_HW[1]} x {SIZE_HW[0]} px on {n_images:,} images, {len(parts)} parts")
    console.print(f"written in {write_seconds:.1f} s, merged in {merge_seconds:.2f} s")
    console.print(f"opened again, once checked: {1000 * again_seconds:.0f} ms")
    table = Table("", "mask store", "COCO JSON", "ratio")
    add_row(table, "bytes per mask", store_bytes / len(store), json_bytes / len(store), "{:.0f}")
    add_row(table, "seconds to open", open_seconds, load_seconds, "{:.3f}")
    add_row(table, "random masks decoded per second", READS / store_seconds, READS / json_seconds, "{:,.0f}")
    console.print(table)


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def for_each(action: Callable[[int], object], rows: list[int]) -> None:
    for row in rows:
        action(row)


def draw_pool(rng: np.random.Generator, n: int) -> list[Rle]:
    """Blobs with the ragged outline of masks that were mined on patches and drawn larger."""
    return [dict(coco_mask.encode(np.asfortranarray(draw_blob(rng)))) for _ in range(n)]


def draw_blob(rng: np.random.Generator) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:47, 0:63].astype(np.float32)
    centre, radius = rng.uniform((8, 8), (39, 55)), rng.uniform(5, 22)
    noise = rng.standard_normal((47, 63)).astype(np.float32)
    field = radius - np.hypot(rows - centre[0], columns - centre[1]) + noise
    drawn = Image.fromarray(field.astype(np.float32)).resize(SIZE_HW[::-1], Image.Resampling.BILINEAR)
    return (np.asarray(drawn) > 0).astype(np.uint8)


def write_parts(folder: Path, n_images: int, pool: list[Rle]) -> list[Path]:
    paths = []
    for start in range(0, n_images, IMAGES_PER_PART):
        rng = np.random.default_rng(start)
        builder = MaskStoreBuilder()
        for item in range(start, min(start + IMAGES_PER_PART, n_images)):
            # In turn, never at random: a mask that came twice within a chunk would flatter the compression.
            rles = [pool[k % len(pool)] for k in range(item * MASKS_PER_IMAGE, (item + 1) * MASKS_PER_IMAGE)]
            builder.add_rles(f"JPEGImages/{item:012d}.jpg", rles, scores=rng.random(MASKS_PER_IMAGE))
        paths.append(folder / f"{start:08d}.zarr")
        builder.build().save(paths[-1])
    return paths


def write_json(store: MaskStore, path: Path) -> None:
    """The same masks as a COCO file: the same codes, boxes and scores."""
    annotations = []
    for row in range(len(store)):
        rle = store.rle(row)
        annotations.append(
            {
                "id": row,
                "image_id": int(store.image[row]),
                "category_id": int(store.cluster[row]),
                "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
                "bbox": store.bbox_xywh[row].tolist(),
                "area": int(store.area[row]),
                "score": float(store.score[row]),
                "iscrowd": 0,
            }
        )
    images = [
        {"id": i, "file_name": name, "height": SIZE_HW[0], "width": SIZE_HW[1]}
        for i, name in enumerate(store.image_ids)
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))


def add_row(table: Table, name: str, ours: float, theirs: float, pattern: str) -> None:
    ratio = ours / theirs
    table.add_row(name, pattern.format(ours), pattern.format(theirs), f"{ratio:.2f}" if ratio > 0.1 else f"{ratio:.3f}")


if __name__ == "__main__":
    main()
