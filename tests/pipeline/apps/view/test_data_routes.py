"""What the page is told, against what the stores of the fixture hold."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from helpers.runs import publish
from maskdistill.data.catalog import CANDIDATES, MINED
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.filter.stage import select_candidates

Visit = Callable[..., TestClient]


def get(client: TestClient, path: str, **query: Any) -> Any:
    response = client.get(f"/api/{path}", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def indices(answer: Any) -> list[int]:
    return [item["index"] for item in answer["items"]]


def test_the_run_is_described(client: TestClient) -> None:
    run = get(client, "run")
    assert (run["title"], run["images"], run["train"], run["clusters"]) == ("photos", 12, 9, 3)
    assert [stage["state"] for stage in run["stages"]] == ["cached"] * 5
    assert [stage["layer"] for stage in run["stages"]][2:4] == ["candidates", "pseudo-labels"]
    assert run["health"] == ["cluster: one cluster holds 9 of 11 masks"]


def test_images_come_in_pages(client: TestClient) -> None:
    first = get(client, "images", layer="masks", per_page=5)
    assert (first["images"], first["masks"], indices(first)) == (12, 11, [0, 1, 2, 3, 4])
    assert indices(get(client, "images", layer="masks", per_page=5, page=2)) == [10, 11]
    assert indices(get(client, "images", layer="masks", per_page=5, page=9)) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"cluster": [1]}, [1, 4, 7, 10]),
        ({"cluster": [0, 1], "split": "val"}, [9, 10]),
        ({"name": "VAL/"}, [9, 10, 11]),
        ({"having": "none"}, [11]),
        ({"having": "some", "split": "val"}, [9, 10]),
        ({"min_area": (10 * 19.5) / (48 * 64)}, [10]),
        ({"max_area": (10 * 11.5) / (48 * 64)}, [0, 1]),
        ({"sort": "area", "descending": True, "cluster": [2]}, [8, 5, 2]),
        ({"sort": "area", "split": "val"}, [9, 10, 11]),
        ({"sort": "area", "split": "val", "descending": True}, [10, 9, 11]),
        ({"sort": "name", "descending": True, "split": "val"}, [11, 10, 9]),
        ({"sort": "order", "descending": True, "name": "0"}, [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ({"name": "nowhere"}, []),
    ],
)
def test_images_are_filtered_and_sorted(client: TestClient, query: dict[str, Any], expected: list[int]) -> None:
    assert indices(get(client, "images", layer="clusters", **query)) == expected


def test_conditions_hold_for_one_mask_together(client: TestClient) -> None:
    """Every image has a candidate of cluster 2 and a candidate above 0.4; only some have one that is both."""
    answer = get(client, "images", layer="candidates", cluster=2, min_score=0.42, sort="score", descending=True)
    assert indices(answer) == [11, 10, 9]
    assert answer["masks"] == 3


def test_predictions_are_filtered_by_cluster(client: TestClient) -> None:
    assert indices(get(client, "images", layer="predictions", cluster=1)) == [1, 4, 7, 10]
    assert get(client, "images", layer="predictions")["masks"] is None


def test_an_image_knows_its_masks_and_its_neighbours_in_the_list(client: TestClient) -> None:
    image = get(client, "images/4", layer="clusters", cluster=1)
    assert (image["place"], image["of"], image["previous"], image["next"]) == (1, 4, 1, 7)
    assert image["layers"]["clusters"]["masks"][0]["cluster"] == 1
    assert image["layers"]["masks"]["masks"][0]["area"] == pytest.approx(10 * 14 / (48 * 64))
    assert [mask["cluster"] for mask in image["layers"]["candidates"]["masks"]] == [0, 1, 2]
    assert image["layers"]["predictions"]["masks"][0] == {
        "cluster": 1, "score": 1.0, "area": pytest.approx(400 / (48 * 64)),
    }  # fmt: skip
    assert get(client, "images/0", layer="clusters", cluster=1)["place"] is None


def test_clusters_have_statistics(client: TestClient) -> None:
    first, second, third = get(client, "clusters")
    assert [one["size"] for one in (first, second, third)] == [4, 4, 3]
    assert first["mean_distance"] == pytest.approx(np.mean([0, 3, 6, 9]) / 100)
    assert (first["candidates"], first["mean_score"]) == (12, pytest.approx(0.95))
    assert third["mean_score"] == pytest.approx(0.05 * np.arange(12).mean())
    assert second["examples"] == [1, 4, 7, 10]
    assert (first["kept"], second["kept"], third["kept"]) == (12, 12, 2)


def test_a_cluster_shows_typical_atypical_and_random_masks(client: TestClient) -> None:
    masks = get(client, "clusters/2", n=2, seed=1)
    assert [mask["row"] for mask in masks["typical"]] == [2, 5]
    assert [mask["row"] for mask in masks["atypical"]] == [8, 5]
    assert {mask["row"] for mask in masks["random"]} <= {2, 5, 8}
    assert masks == get(client, "clusters/2", n=2, seed=1)
    assert client.get("/api/clusters/3").status_code == 404


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.55, 0.6, 0.9, 1.0])
def test_the_threshold_keeps_what_the_filter_stage_keeps(
    client: TestClient, finished_plan: Plan, threshold: float
) -> None:
    candidates = CANDIDATES.open({"distill": finished_plan.path("distill")})
    kept = select_candidates(candidates, FilterConfig(threshold=threshold))
    answer = get(client, "threshold", threshold=threshold, order="order")
    assert (answer["kept"], answer["candidates"]) == (len(kept), 36)
    assert answer["clusters"]["kept"] == np.bincount(kept.cluster, minlength=3).tolist()
    assert sum(answer["score_bins"]["kept"]) == len(kept)
    per_image = np.bincount(kept.image, minlength=12).tolist()
    assert [item["kept"] for item in answer["items"]] == per_image
    assert [item["lost"] for item in answer["items"]] == [3 - n for n in per_image]
    assert answer["unsure_images"] == (12 if threshold > 0.95 else 0)


def test_the_threshold_orders_images(client: TestClient) -> None:
    assert indices(get(client, "threshold", threshold=0.41, order="nearest"))[:2] == [8, 9]
    assert indices(get(client, "threshold", threshold=0.51, order="kept"))[0] == 11
    assert indices(get(client, "threshold", threshold=0.51, order="lost"))[-1] == 11


def test_the_map_has_a_point_for_every_mask(client: TestClient) -> None:
    about = get(client, "map")
    points = np.frombuffer(client.get("/api/map/points").content, dtype="<u2").reshape(3, -1)
    assert points.shape == (3, about["masks"]) == (3, 11)
    assert points[2].tolist() == [row % 3 for row in range(11)]
    assert (points[:2].min(axis=1) == 0).all()
    assert (points[:2].max(axis=1) == 65535).all()
    assert get(client, "masks/4")["index"] == 4


def test_an_empty_run_shows_its_photos_and_names_the_command(empty_plan: Plan, visit: Visit) -> None:
    client = visit(empty_plan)
    answer = get(client, "images", layer="candidates", cluster=1, min_score=0.9)
    assert len(answer["items"]) == 12
    assert "maskdistill run -c" in answer["missing"]
    assert "--to distill" in answer["missing"]
    for path in ("clusters", "map", "threshold?threshold=0.5", "layers/masks", "images/0/overlay/masks"):
        response = client.get(f"/api/{path}")
        assert response.status_code == 404
        assert "maskdistill run -c" in response.json()["detail"]


def test_a_stage_that_is_finished_later_is_found(
    empty_plan: Plan, visit: Visit, write_run: Callable[[Plan], None]
) -> None:
    client = visit(empty_plan)
    assert get(client, "images")["missing"]
    write_run(empty_plan)
    assert get(client, "images")["masks"] == 11


def test_an_artifact_made_anew_is_opened_anew(finished_plan: Plan, client: TestClient) -> None:
    assert get(client, "images")["masks"] == 11
    path = finished_plan.path("mine") / MINED.file
    MINED.open({"mine": path.parent}).select(np.arange(11) < 4).save(path)
    publish(finished_plan, "mine", 4, "masks")
    assert get(client, "images")["masks"] == 4


def test_damaged_stores_are_told_as_such(finished_plan: Plan, client: TestClient) -> None:
    (finished_plan.path("mine") / MINED.file / "zarr.json").write_text("{}")
    response = client.get("/api/layers/masks")
    assert response.status_code == 500
    assert MINED.file in response.json()["detail"]
