"""A finished run over a folder of small photos, written straight into its stores: no network is trained for it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.pipeline.apps.view.app import make_app
from maskdistill.pipeline.apps.view.serve import allowed_hosts
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.pipeline.artifacts import Manifest, write_manifest
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.filter.stage import run as run_filter
from maskdistill.stages.progress import Silent

N_IMAGES, N_TRAIN, K = 12, 9, 3
HEIGHT, WIDTH = 48, 64
EVIL = "<img src=x onerror=document.title='hit'>.png"
"""A file name that would run as a script if it were taken for HTML; by name it is the first validation image."""
CONFIG = """
data: {{kind: folder, root: {root}, val: val}}
mine: {{model: vit_tiny_patch16_224, weights: random, short_side: 32}}
cluster: {{k: 3}}
filter: {{threshold: 0.5}}
artifacts: {artifacts}
"""


def box(y1: int, x1: int, y2: int, x2: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y1:y2, x1:x2] = True
    return mask


def write_photos(root: Path) -> None:
    (root / "val").mkdir(parents=True)
    names = [f"{i:02d}.png" for i in range(N_TRAIN)] + [f"val/{name}" for name in (EVIL, "a.png", "b.png")]
    for i, name in enumerate(names):
        pixels = np.random.default_rng(i).integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)


def publish_stage(plan: Plan, stage: str, items: int, unit: str) -> None:
    manifest = Manifest(
        stage=stage,
        key=plan.stages[stage].key,
        ingredients=plan.stages[stage].ingredients,
        config={},
        environment={},
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        items=items,
        unit=unit,
        metrics={},
        failures={},
        files={},
    )
    write_manifest(plan.path(stage), manifest)


def mined_masks(plan: Plan) -> MaskStore:
    """One mask per image, of 10 x (10 + i) px; none on the last image."""
    builder = MaskStoreBuilder()
    for i, image_id in enumerate(plan.source.ids):
        builder.add(image_id, box(5, 5, 15, 15 + i)[None] if i < N_IMAGES - 1 else np.zeros((0, HEIGHT, WIDTH), bool))
    return builder.build()


def candidate_masks(plan: Plan) -> MaskStore:
    """Image i has a candidate of score 0.95, one of 0.6 that overlaps it, and one of 0.05 x i, in clusters 0, 1, 2."""
    masks = np.stack([box(5, 5, 25, 25), box(15, 15, 40, 40), box(0, 50, 10, 60)])
    builder = MaskStoreBuilder()
    for i, image_id in enumerate(plan.source.ids):
        builder.add(image_id, masks, scores=[0.95, 0.6, 0.05 * i], clusters=[0, 1, 2])
    return builder.build()


def clusters_of(masks: MaskStore) -> ClusterStore:
    """Mask i is in cluster i mod 3, at a distance of i / 100 from its centroid."""
    rows = np.arange(len(masks))
    embedding = np.random.default_rng(0).normal(size=(len(masks), 8)).astype(np.float32)
    scale = np.ones(8, dtype=np.float32)
    return ClusterStore(embedding, (rows % K).astype(np.int32), (rows / 100).astype(np.float32), embedding[:K], scale)


def write_stages(plan: Plan) -> None:
    masks, candidates = mined_masks(plan), candidate_masks(plan)
    masks.save(plan.path("mine") / "masks.zarr")
    publish_stage(plan, "mine", len(masks), "masks")
    clusters_of(masks).save(plan.path("cluster") / "clusters.zarr")
    publish_stage(plan, "cluster", len(masks), "masks")
    candidates.save(plan.path("distill") / "candidates.zarr")
    publish_stage(plan, "distill", len(candidates), "candidates")
    inputs = StageInputs(plan.source, {"distill": plan.path("distill")})
    outputs = run_filter(plan.config.filter, inputs, plan.path("filter"), Silent())
    publish_stage(plan, "filter", outputs.items, outputs.unit)
    maps = [(image_id, box(5, 5, 25, 25).astype(np.uint8) * (1 + i % K)) for i, image_id in enumerate(plan.source.ids)]
    write_labels(plan.path("segment") / "predictions.zarr", maps)
    publish_stage(plan, "segment", len(maps), "label maps")


def plan_over_photos(folder: Path) -> Plan:
    path = folder / "photos.yaml"
    path.write_text(CONFIG.format(root=folder / "photos", artifacts=folder / "artifacts"))
    return Plan(ConfigSource((path,)))


def make_photo_plan(folder: Path) -> Plan:
    write_photos(folder / "photos")
    return plan_over_photos(folder)


@pytest.fixture
def empty_plan(tmp_path: Path) -> Plan:
    """Photos, and nothing made of them."""
    return make_photo_plan(tmp_path)


@pytest.fixture(scope="session")
def written_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the photos and with the artifacts of all five stages, to be copied: no key depends on its place."""
    folder = tmp_path_factory.mktemp("written")
    write_stages(make_photo_plan(folder))
    return folder


@pytest.fixture
def finished_plan(written_run: Path, tmp_path: Path) -> Plan:
    """Photos with all five stages finished, for one test alone."""
    for name in ("photos", "artifacts"):
        shutil.copytree(written_run / name, tmp_path / name)
    return plan_over_photos(tmp_path)


@pytest.fixture
def visit() -> Iterator[Callable[..., TestClient]]:
    """Makes a client of the page over a plan."""
    clients: list[TestClient] = []

    def make(plan: Plan, host: str = "127.0.0.1", **options: bool) -> TestClient:
        app = make_app(ViewedRun(plan, **options), allowed_hosts(host))
        clients.append(TestClient(app, base_url="http://127.0.0.1:8123"))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(finished_plan: Plan, visit: Callable[..., TestClient]) -> TestClient:
    """A client of the page over the finished run."""
    return visit(finished_plan)


@pytest.fixture(scope="session")
def photo_plan() -> Callable[[Path], Plan]:
    """Makes a plan over photos that it writes into a folder."""
    return make_photo_plan


@pytest.fixture(scope="session")
def write_run() -> Callable[[Plan], None]:
    """Makes all five artifacts of a plan."""
    return write_stages


@pytest.fixture
def publish() -> Callable[..., None]:
    """Writes the manifest of a stage: (plan, stage, items, unit)."""
    return publish_stage
