"""Images and masks by how much the final model sees them otherwise."""

import shutil

import numpy as np
import pytest
from fastapi.testclient import TestClient

from maskdistill.data.catalog import PREDICTIONS
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.pipeline.plan import Plan


@pytest.fixture
def doubted(finished_plan: Plan, client: TestClient) -> TestClient:
    """The final model gives half of mask 4 to another cluster and nothing to image 7; else it follows the masks."""
    path = finished_plan.path("segment") / PREDICTIONS.file
    store, maps = LabelStore.open(path), []
    for i, image_id in enumerate(store.image_ids):
        labels = np.zeros_like(store.read(i))
        labels[5:15, 5 : 15 + i] = 1 + i % 3 if i < 11 else 0
        maps.append((image_id, labels))
    maps[4][1][5:10, 5:19] = 3
    maps[7][1][:] = 0
    shutil.rmtree(path)
    write_labels(path, maps)
    return client


def test_images_by_the_pixels_that_are_of_another_cluster(doubted: TestClient) -> None:
    items = doubted.get("/api/images?layer=clusters&sort=disagreement&descending=true").json()["items"]
    assert [item["index"] for item in items[:2]] == [7, 4]
    assert [item["rating"] for item in items[:3]] == pytest.approx([170 / (48 * 64), 70 / (48 * 64), 0])
    agreeing = doubted.get("/api/images?layer=clusters&sort=disagreement").json()["items"]
    assert agreeing[0]["rating"] == 0


def test_masks_by_their_own_pixels(doubted: TestClient) -> None:
    items = doubted.get("/api/masks?sort=disagreement&descending=true").json()["items"]
    assert [(item["row"], item["disagreement"]) for item in items[:3]] == [(7, 1), (4, 0.5), (0, 0)]


def test_the_final_model_is_compared_with_what_it_learned_from(doubted: TestClient) -> None:
    items = doubted.get("/api/images?layer=predictions&sort=disagreement&descending=true").json()["items"]
    assert len(items) == 12 and items[0]["rating"] > 0
