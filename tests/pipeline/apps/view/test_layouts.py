"""The map in several layouts, and the values that its points are coloured by."""

import time

import numpy as np
import pytest
from fastapi.testclient import TestClient

from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.pipeline.apps.view.lasso import inside
from maskdistill.pipeline.apps.view.layouts import LAYOUTS, lay_out


@pytest.fixture
def clouds() -> ClusterStore:
    """Sixty masks in two clouds far apart."""
    generator = np.random.default_rng(0)
    cluster = np.repeat([0, 1], 30).astype(np.int32)
    embedding = generator.normal(size=(60, 8)) + np.where(cluster, 20, -20)[:, None]
    columns = (embedding.astype(np.float32), cluster, np.zeros(60, np.float32))
    return ClusterStore(*columns, np.zeros((2, 8), np.float32), np.ones(8, np.float32))


def test_tsne_keeps_clouds_together(clouds: ClusterStore) -> None:
    found = lay_out(clouds, LAYOUTS["tsne"]).points.astype(float)
    assert found.min() == 0
    assert found.max() == 65_535
    centres = [found[clouds.cluster == one].mean(axis=0) for one in (0, 1)]
    spread = max(np.linalg.norm(found[clouds.cluster == one] - centres[one], axis=1).max() for one in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > spread


def test_those_that_are_not_laid_out_lie_by_the_nearest_that_is() -> None:
    generator = np.random.default_rng(0)
    embedding = generator.normal(size=(5100, 4)).astype(np.float32)
    zeros = np.zeros(5100, np.float32)
    store = ClusterStore(embedding, zeros.astype(np.int32), zeros, embedding[:1], np.ones(4, np.float32))
    found = lay_out(store, lambda rows, seed: rows[:, :2])
    assert len(found.points) == 5100
    assert len(np.unique(found.points, axis=0)) <= 5000


def test_a_layout_is_computed_in_the_background(client: TestClient) -> None:
    assert client.get("/api/map").json()["ready"] is True
    assert {"pca", "tsne"} <= set(client.get("/api/map").json()["layouts"])
    deadline = time.monotonic() + 120
    while not client.get("/api/map?layout=tsne").json()["ready"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(client.get("/api/map/points?layout=tsne").content) == 11 * 3 * 2
    everything = "&".join(f"lasso={value}" for value in (-1, -1, 2, -1, 2, 2, -1, 2))
    assert client.get(f"/api/masks?layout=tsne&{everything}").json()["masks"] == 11


def test_points_have_values(client: TestClient) -> None:
    by = {
        name: np.frombuffer(client.get(f"/api/map/values?by={name}").content, "<u2")
        for name in ("cluster", "distance", "area", "score")
    }
    assert by["cluster"].tolist() == [row % 3 for row in range(11)]
    assert by["distance"][0] == 0
    assert by["distance"][-1] == 65_535
    assert (np.diff(by["area"].astype(int)) >= 0).all()
    assert client.get("/api/map/values?by=class").status_code == 404
    assert client.get("/api/map/values?by=path").status_code == 422


def test_inside_a_ring_that_bends_inwards() -> None:
    corners = np.asarray([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], dtype=float)
    points = np.asarray([(2.0, 0.5), (2.0, 2.0), (0.5, 2.0), (3.5, 2.0), (5.0, 1.0), (-1.0, 1.0)])
    assert inside(points, corners).tolist() == [True, False, True, True, False, False]
