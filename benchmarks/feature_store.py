"""Size and speed of the feature store: written in parts, joined, and read one image at a time.

python benchmarks/feature_store.py                 1,000 images at 320 px with ViT-S/16, 5 GB of disk, a minute or two
python benchmarks/feature_store.py --images 100    seconds
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from pairs import timed

from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.write_features import join_features, write_features

GRIDS_HW = ((20, 27), (27, 20), (20, 30))
"""Photos of 4:3 and 3:2, the short side at 320 px, in patches of 16 px."""
IMAGES_PER_PART = 128
READS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000, help="how many images to write")
    parser.add_argument("--dim", type=int, default=3 * 384, help="numbers per patch: dimension of the ViT x blocks")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), arguments.images, arguments.dim)


def measure(folder: Path, n_images: int, dim: int) -> None:
    write_seconds, parts = timed(lambda: write_parts(folder / "parts", n_images, dim))
    join_seconds, _ = timed(lambda: join_features(parts, folder / "features"))
    open_seconds, store = timed(lambda: FeatureStore.open(folder / "features"))
    indices = np.random.default_rng(1).integers(n_images, size=READS).tolist()
    read_seconds, _ = timed(lambda: [store.read(index, mirrored=index % 2 > 0) for index in indices])
    size = sum(path.stat().st_size for path in (folder / "features").rglob("*") if path.is_file())
    print(f"{n_images:,} images and their mirror images, {dim} numbers a patch: {size / 1e9:.2f} GB")
    print(f"written in {write_seconds:.1f} s, {len(parts)} parts joined in {join_seconds:.2f} s")
    print(f"opened in {open_seconds:.3f} s, one image read in {1000 * read_seconds / READS:.1f} ms")


def write_parts(folder: Path, n_images: int, dim: int) -> list[Path]:
    rng = np.random.default_rng(0)
    maps = [rng.standard_normal((*grid_hw, dim), dtype=np.float32).astype(np.float16) for grid_hw in GRIDS_HW]
    paths = []
    for start in range(0, n_images, IMAGES_PER_PART):
        paths.append(folder / f"{start:08d}.zarr")
        with write_features(paths[-1], dim, {}, mirrored=True) as writer:
            for item in range(start, min(start + IMAGES_PER_PART, n_images)):
                tokens = maps[item % len(maps)]
                size_hw = (16 * tokens.shape[0], 16 * tokens.shape[1])
                writer.add(item, f"{item:012d}.jpg", size_hw, tokens, tokens, counts=True)
    return paths


if __name__ == "__main__":
    main()
