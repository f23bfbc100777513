"""The page over a run with ground truth."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from rich.console import Console

from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan

Visit = Callable[..., TestClient]


@pytest.fixture
def scored(plan: Plan, visit: Visit) -> TestClient:
    """A client of a run whose masks are drawn from the ground truth."""
    run_stages(plan, plan.specs, Console(quiet=True))
    return visit(plan)


def test_masks_and_images_have_their_scores(scored: TestClient) -> None:
    found = scored.get("/api/truth/images/0").json()
    assert len(found["classes"]) == 1
    assert found["layers"]["masks"]["scores"][0]["class"] == found["classes"][0]["name"]
    assert found["layers"]["masks"]["scores"][0]["iou"] > 0.9
    assert found["layers"]["predictions"]["iou"] > 0.5
    picture = scored.get("/api/truth/images/0/overlay?edge=160")
    assert picture.headers["Content-Type"] == "image/png"


def test_clusters_go_by_the_class_of_most_of_their_masks(scored: TestClient) -> None:
    first, second, empty = scored.get("/api/truth/clusters").json()
    assert {first["name"], second["name"]} < set(scored.get("/api/run").json()["classes"])
    assert first["name"] != second["name"]
    assert first["share"] == 1
    assert empty is None


def test_the_worst_come_first(scored: TestClient) -> None:
    for path, items, name in (("images?layer=predictions", 6, "rating"), ("masks?name=", 6, "iou")):
        ious = [item[name] for item in scored.get(f"/api/{path}&sort=iou").json()["items"]]
        assert len(ious) == items
        assert ious == sorted(ious)
        backwards = scored.get(f"/api/{path}&sort=iou&descending=true").json()["items"]
        assert [item[name] for item in backwards] == sorted(ious, reverse=True)


def test_without_ground_truth_there_is_none(client: TestClient) -> None:
    assert client.get("/api/run").json()["classes"] == []
    for path in ("clusters", "images/0", "images/0/overlay"):
        assert client.get(f"/api/truth/{path}").status_code == 404
    assert [item["row"] for item in client.get("/api/masks?sort=iou").json()["items"]] == list(range(11))
    images = client.get("/api/images?sort=iou").json()["items"]
    assert [item["index"] for item in images] == list(range(12))
