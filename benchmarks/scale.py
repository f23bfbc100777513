"""What surrounds the work on images in large runs: listing them, making parts, joining masks; extrapolated.

python benchmarks/scale.py                       two minutes on two cores; 1 million and 100 million images
python benchmarks/scale.py --rate 50 --workers 64 --part-size 4096      with the images a worker mines in a second
"""

import argparse
import pickle
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pairs import timed

from maskdistill.data import seals
from maskdistill.data.config import FolderConfig
from maskdistill.data.sources.open import open_source
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts
from maskdistill.pipeline.engines.open import open_engine
from maskdistill.stages.contract import EngineName, ExecutionConfig
from maskdistill.stages.parts import Advance, PartReport, compute_parts

FILES, PARTS, MASKS = 10_000, 500, 100_000
MASKS_PER_IMAGE = 2.1
"""Of the demo."""


@dataclass(frozen=True)
class Nothing:
    """Parts without any work: what is left is what a part costs beside its work."""

    def open(self) -> "Nothing":
        """Nothing is needed."""
        return self

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write one small file."""
        (folder / "file").write_bytes(b"masks")
        return PartReport(len(items))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50, help="images that a worker mines in a second")
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--part-size", type=int, default=4096, help="images per part")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        an_image, a_part, a_mask = measure_images(folder), measure_parts(folder), measure_masks(folder)
    for n_images in (10**6, 10**8):
        n_parts, n_masks = n_images / arguments.part_size, n_images * MASKS_PER_IMAGE
        print(f"\n{n_images:,} images in {n_parts:,.0f} parts, extrapolated:")
        mining = n_images / arguments.rate
        print(f"  mining: {hours(mining)} of one worker, {hours(mining / arguments.workers)} of {arguments.workers}")
        listing, source_bytes = an_image
        print(f"  listing and fingerprint: {hours(n_images * listing)}, {gigabytes(n_images * source_bytes)} of job")
        print(f"  parts: {hours(n_parts * a_part['dask'])} with Dask, {hours(n_parts * a_part['found'])} to find them")
        seconds, held, stored = a_mask
        print(f"  joining: {hours(n_masks * seconds)}, {gigabytes(n_masks * held)} of memory", end="")
        print(f", {gigabytes(n_masks * stored)} on disk")


def measure_images(folder: Path) -> tuple[float, float]:
    """Seconds to list an image and take its fingerprint, and bytes that it takes of a job."""
    photos = folder / "photos"
    photos.mkdir()
    for number in range(FILES):
        (photos / f"{number:012d}.jpg").touch()
    config = FolderConfig(kind="folder", root=photos)
    seconds, source = timed(lambda: open_source(config))
    more, _ = timed(source.fingerprint)
    size = len(pickle.dumps(source))
    print(f"an image: listed in {1e6 * seconds / FILES:.0f} us, fingerprint in {1e6 * more / FILES:.0f} us", end="")
    print(f", {size / FILES:.0f} bytes of a job")
    return (seconds + more) / FILES, size / FILES


def measure_parts(folder: Path) -> dict[str, float]:
    """Seconds that a part costs beside its work, by engine, and to find that it is made."""
    found: dict[str, float] = {}
    engines: tuple[EngineName, ...] = ("local", "dask")
    for name in engines:
        parts = folder / name / "parts"
        seals.begin(parts.parent)
        with open_engine(ExecutionConfig(engine=name, workers=2, device="cpu"), print) as engine:
            make: Callable[[], Any] = lambda: compute_parts(Nothing(), parts, PARTS, 1, engine, ignore)  # noqa: E731, B023
            compute_parts(Nothing(), folder / name / "first", 2, 1, engine, ignore)  # which starts the workers
            found[name] = timed(make)[0] / PARTS
            found["found"] = timed(make)[0] / PARTS
    print(f"a part beside its work, two workers: {', '.join(f'{who} {1e3 * at:.2f} ms' for who, at in found.items())}")
    return found


def measure_masks(folder: Path) -> tuple[float, float, float]:
    """Seconds to join a mask of a part, bytes of memory that takes, and bytes on disk."""
    parts = [write_masks(folder / f"{number}.zarr", number * MASKS // 10, MASKS // 10) for number in range(10)]
    seconds, _ = timed(lambda: merge_parts(parts, folder / "whole.zarr"))
    tracemalloc.start()
    merge_parts(parts, folder / "again.zarr")
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    files = [path for path in (folder / "whole.zarr").rglob("*") if path.is_file()]
    stored = sum(path.stat().st_size for path in files)
    opening, _ = timed(lambda: MaskStore.open(folder / "whole.zarr"))
    print(f"a mask: joined in {1e6 * seconds / MASKS:.0f} us and {held / MASKS:.0f} bytes of memory", end="")
    print(f", {stored / MASKS:.0f} bytes on disk; {len(files)} files, opened in {opening:.2f} s")
    return seconds / MASKS, held / MASKS, stored / MASKS


def write_masks(path: Path, start: int, n_masks: int) -> Path:
    """Outlines as long as those of photos, of noise: nothing of them compresses."""
    rng, builder = np.random.default_rng(0), MaskStoreBuilder()
    shapes = [np.kron(rng.random((20, 20)) < 0.5, np.ones((16, 16), dtype=bool)) for _ in range(20)]
    for first in range(start, start + n_masks, 2):
        builder.add(f"{first:012d}.jpg", np.stack([shapes[first % 20], shapes[(first + 7) % 20]]))
    builder.build().save(path)
    return path


def ignore(n: int) -> None:
    """Progress that nobody looks at."""


def hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds > 600 else f"{seconds:,.0f} s"


def gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"


if __name__ == "__main__":
    main()
