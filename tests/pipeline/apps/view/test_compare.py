"""Two runs over the same images, compared."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from maskdistill.data.catalog import PREDICTIONS
from maskdistill.data.errors import InputError
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.pipeline.apps.view.app import make_app
from maskdistill.pipeline.apps.view.serve import allowed_hosts
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.pipeline.plan import Plan

ADDRESS = "http://127.0.0.1:8123"


def pair(first: Plan, second: Plan) -> TestClient:
    app = make_app(ViewedRun(first), allowed_hosts("127.0.0.1"), against=ViewedRun(second))
    return TestClient(app, base_url=ADDRESS)


@pytest.fixture
def other_plan(written_run: Path, tmp_path: Path, plan_over: Callable[[Path], Plan]) -> Plan:
    """The same run; its clusters have other numbers, and half of what image 4 shows is gone."""
    for name in ("photos", "artifacts"):
        shutil.copytree(written_run / name, tmp_path / "other" / name)
    plan = plan_over(tmp_path / "other")
    path = plan.path("segment") / PREDICTIONS.file
    store = LabelStore.open(path)
    maps = [
        (name, np.where(labels := store.read(i), (labels + 1) % 3 + 1, 0)) for i, name in enumerate(store.image_ids)
    ]
    maps[4][1][:15] = 0
    shutil.rmtree(path)
    write_labels(path, [(name, labels.astype(np.uint8)) for name, labels in maps])
    return plan


def test_what_differs_most_comes_first(finished_plan: Plan, other_plan: Plan) -> None:
    client = pair(finished_plan, other_plan)
    assert client.get("/api/run").json()["other"] is True
    found = client.get("/api/compare?layer=predictions").json()
    assert found["images"] == 12
    first, *rest = found["items"]
    assert (first["index"], first["other"]) == (4, 4)
    assert first["difference"] == pytest.approx(10 * 20 / (48 * 64))
    assert {item["difference"] for item in rest} == {0}
    assert sorted(found["cluster_of"].values()) == [0, 1, 2]
    in_order = client.get("/api/compare?layer=predictions&sort=order&per_page=5&page=1").json()["items"]
    assert [item["index"] for item in in_order] == [5, 6, 7, 8, 9]
    assert client.get("/other/api/images/4/overlay/predictions").status_code == 200


def test_the_masks_of_both_runs_lie_on_one_map(finished_plan: Plan, other_plan: Plan) -> None:
    client = pair(finished_plan, other_plan)
    about = client.get("/api/map?layout=both").json()
    assert (about["masks"], about["own"], about["colours"][0]) == (22, 11, "run")
    assert "both" in about["layouts"]
    x, y, cluster = np.frombuffer(client.get("/api/map/points?layout=both").content, "<u2").reshape(3, 22)
    assert np.array_equal(x[:11], x[11:]) and np.array_equal(y[:11], y[11:])  # the same embeddings
    assert len(np.unique(x)) > 1 and np.array_equal(cluster[:11], cluster[11:])
    values = np.frombuffer(client.get("/api/map/values?layout=both&by=run").content, "<u2")
    assert values.tolist() == [0] * 11 + [1] * 11
    assert len(client.get("/api/map/values?layout=both&by=area").content) == 2 * 22


def test_a_map_of_both_needs_another_run(client: TestClient) -> None:
    assert "both" not in client.get("/api/map").json()["layouts"]
    assert client.get("/api/map/points?layout=both").status_code == 404


def test_the_other_run_may_only_be_read(finished_plan: Plan, other_plan: Plan) -> None:
    client = pair(finished_plan, other_plan)
    assert client.post("/other/api/edits/undo", json={}).status_code == 403
    assert client.get("/other/api/run", headers={"Host": "evil.example"}).status_code == 400
    assert "default-src 'none'" in client.get("/other/api/run").headers["Content-Security-Policy"]


def test_without_another_run_nothing_is_compared(client: TestClient) -> None:
    assert client.get("/api/run").json()["other"] is False
    response = client.get("/api/compare")
    assert response.status_code == 404
    assert "--against" in response.json()["detail"]


def test_runs_without_a_common_image_are_refused(finished_plan: Plan, other_plan: Plan, tmp_path: Path) -> None:
    for path in sorted((tmp_path / "other" / "photos").rglob("*.png")):
        path.rename(path.with_name(f"new-{path.name}"))
    with pytest.raises(InputError, match="no image in common"):
        pair(finished_plan, other_plan.varied())
