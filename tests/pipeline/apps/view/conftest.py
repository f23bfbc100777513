"""A finished run over a folder of small photos, written straight into its stores: no network is trained for it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from helpers.runs import photo_config, publish, write_photos
from maskdistill.data.catalog import CANDIDATES, CLUSTERS, MINED, PREDICTIONS
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.pipeline.apps.view.app import STATIC, make_app
from maskdistill.pipeline.apps.view.serve import allowed_hosts
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.filter.stage import run as run_filter
from maskdistill.stages.progress import Silent

N_IMAGES, N_TRAIN, K = 12, 9, 3
HEIGHT, WIDTH = 48, 64
EVIL = "<img src=x onerror=document.title='hit'>.png"
"""A file name that would run as a script if it were taken for HTML; by name it is the first validation image."""


def box(y1: int, x1: int, y2: int, x2: int) -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y1:y2, x1:x2] = True
    return mask


def make_photo_plan(folder: Path) -> Plan:
    """A plan over photos of noise that are written below a folder."""
    names = [f"{i:02d}.png" for i in range(N_TRAIN)] + [f"val/{name}" for name in (EVIL, "a.png", "b.png")]
    sizes = (HEIGHT, WIDTH, 3)
    photos = {name: np.random.default_rng(i).integers(0, 200, sizes, dtype=np.uint8) for i, name in enumerate(names)}
    write_photos(folder, photos)
    return plan_over_photos(folder)


def plan_over_photos(folder: Path) -> Plan:
    path = photo_config(folder).paths[0]
    settings = "cluster: {k: 3}\nfilter: {threshold: 0.5}\n"
    path.write_text(path.read_text().replace("photos}", "photos, val: val}") + settings)
    return Plan(ConfigSource((path,)))


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
    masks.save(plan.path("mine") / MINED.file)
    publish(plan, "mine", len(masks), "masks")
    clusters_of(masks).save(plan.path("cluster") / CLUSTERS.file)
    publish(plan, "cluster", len(masks), "masks", {"giant_cluster": (9, 11)})
    candidates.save(plan.path("distill") / CANDIDATES.file)
    publish(plan, "distill", len(candidates), "candidates")
    inputs = StageInputs(plan.source, {"distill": plan.path("distill")})
    outputs = run_filter(plan.config.filter, inputs, plan.path("filter"), Silent())
    publish(plan, "filter", outputs.items, outputs.unit)
    maps = [(image_id, box(5, 5, 25, 25).astype(np.uint8) * (1 + i % K)) for i, image_id in enumerate(plan.source.ids)]
    write_labels(plan.path("segment") / PREDICTIONS.file, maps)
    publish(plan, "segment", len(maps), "label maps")


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

    def make(plan: Plan, host: str = "127.0.0.1", static: Path = STATIC, **options: bool) -> TestClient:
        app = make_app(ViewedRun(plan, **options), allowed_hosts(host), static)
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


@pytest.fixture(scope="session")
def plan_over() -> Callable[[Path], Plan]:
    """Makes a plan over photos that are there."""
    return plan_over_photos
