"""How quick the page of `maskdistill view` stays on a large run.

python benchmarks/view.py                  100,000 masks over 20,000 images: some minutes to make them, then seconds
python benchmarks/view.py --images 500     seconds

The server is a process of its own, asked over HTTP. A first answer includes what is opened for it; the others are the
median of several questions, none of which was asked before.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mask_store import MASKS_PER_IMAGE, POOL, SIZE_HW, draw_pool
from PIL import Image
from rich.console import Console
from rich.table import Table

from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import Rle
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.manifest import Manifest, write_manifest
from maskdistill.pipeline.plan import Plan

K, DIMENSIONS = 50, 384
TIMES = 9
CONFIG = """
data: {{kind: folder, root: {root}}}
mine: {{model: vit_tiny_patch16_224, weights: random}}
cluster: {{k: {k}}}
artifacts: {artifacts}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help=f"images, of {MASKS_PER_IMAGE} masks each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        plan = make_run(Path(name), arguments.images)
        measure(plan, arguments.images)


def measure(plan: Plan, n_images: int) -> None:
    table = Table("", "seconds")
    start = time.perf_counter()
    with serve(plan) as address:
        table.add_row("command to address printed", f"{time.perf_counter() - start:.2f}")
        first = "api/images?layer=candidates"
        table.add_row("first page of the grid", f"{ask(address, first):.3f}")
        filters = [f"{first}&cluster={i}&min_score=0.{i + 1}&sort=score&descending=true" for i in range(TIMES)]
        add(table, "filter and sort changed", address, filters)
        add(table, "name searched", address, [f"{first}&name=9{i}" for i in range(TIMES)])
        table.add_row("first answer of the threshold", f"{ask(address, 'api/threshold?threshold=0.5'):.3f}")
        add(table, "slider moved", address, [f"api/threshold?threshold=0.{i + 50}" for i in range(TIMES)])
        images = np.linspace(0, n_images - 1, TIMES).astype(int).tolist()
        add(table, "thumbnail of a photo", address, [f"api/images/{i}/photo" for i in images])
        add(table, "masks drawn on it", address, [f"api/images/{i}/overlay/candidates" for i in images])
        add(
            table,
            "outcome of a threshold drawn on it",
            address,
            [f"api/images/{i}/outcome?threshold=0.5" for i in images],
        )
        table.add_row("clusters, first", f"{ask(address, 'api/clusters'):.3f}")
        add(table, "one cluster", address, [f"api/clusters/{i}" for i in range(TIMES)])
        table.add_row("map, first", f"{ask(address, 'api/map'):.3f}")
        table.add_row("points of the map", f"{ask(address, 'api/map/points'):.3f}")
    console = Console()
    console.print(
        f"{n_images * MASKS_PER_IMAGE:,} masks on {n_images:,} images of {SIZE_HW[1]} x {SIZE_HW[0]} px, {K} clusters"
    )
    console.print(table)


def add(table: Table, name: str, address: str, paths: list[str]) -> None:
    table.add_row(name, f"{statistics.median(ask(address, path) for path in paths):.3f}")


def ask(address: str, path: str) -> float:
    start = time.perf_counter()
    with urllib.request.urlopen(address + path) as response:
        body = response.read()
    seconds = time.perf_counter() - start
    if b'"missing":"' in body:
        raise SystemExit(f"{path}: the server does not find the run that was made for it")
    return seconds


@contextlib.contextmanager
def serve(plan: Plan) -> Iterator[str]:
    executable = str(Path(sys.executable).with_name("maskdistill"))
    command = [executable, "view", "-c", str(plan.config_source.paths[0]), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().split()[0]
        finally:
            process.terminate()


def make_run(folder: Path, n_images: int) -> Plan:
    """A run whose first three stages are finished: every image has the same photo, and masks drawn from a pool."""
    write_photos(folder / "photos", n_images)
    path = folder / "large.yaml"
    path.write_text(CONFIG.format(root=folder / "photos", k=K, artifacts=folder / "artifacts"))
    plan = Plan(ConfigSource((path,)))
    pool = draw_pool(np.random.default_rng(0), min(POOL, n_images * MASKS_PER_IMAGE))
    masks = write_masks(plan, pool)
    rng = np.random.default_rng(1)
    clusters = masks.cluster
    centroids = rng.normal(size=(K, DIMENSIONS)).astype(np.float32)
    embedding = centroids[clusters] + rng.normal(size=(len(masks), DIMENSIONS)).astype(np.float32)
    distance = rng.random(len(masks)).astype(np.float32)
    scale = np.ones(DIMENSIONS, dtype=np.float32)
    masks.save(plan.path("mine") / "masks.zarr")
    masks.save(plan.path("distill") / "candidates.zarr")
    ClusterStore(embedding, clusters, distance, centroids, scale).save(plan.path("cluster") / "clusters.zarr")
    for stage in ("mine", "cluster", "distill"):
        write_manifest(plan.path(stage), manifest_of(plan, stage, len(masks)))
    return plan


def write_photos(folder: Path, n_images: int) -> None:
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (SIZE_HW[0] // 8, SIZE_HW[1] // 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(SIZE_HW[::-1], Image.Resampling.BICUBIC).save(folder / "000000.jpg")
    for i in range(1, n_images):
        os.link(folder / "000000.jpg", folder / f"{i:06d}.jpg")


def write_masks(plan: Plan, pool: list[Rle]) -> MaskStore:
    rng = np.random.default_rng(2)
    builder = MaskStoreBuilder()
    for i, image_id in enumerate(plan.source.ids):
        rles = [pool[k % len(pool)] for k in range(i * MASKS_PER_IMAGE, (i + 1) * MASKS_PER_IMAGE)]
        builder.add_rles(image_id, rles, rng.random(MASKS_PER_IMAGE), rng.integers(0, K, MASKS_PER_IMAGE))
    return builder.build()


def manifest_of(plan: Plan, stage: str, n_masks: int) -> Manifest:
    planned = plan.stages[stage]
    return Manifest(
        stage=stage,
        key=planned.key,
        ingredients=planned.ingredients,
        config={},
        environment={},
        started="2026-01-01T00:00:00+00:00",
        seconds=0.0,
        items=n_masks,
        unit="masks",
        metrics={},
        failures={},
        files={},
    )


if __name__ == "__main__":
    main()
