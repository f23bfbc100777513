"""Who may change the edits, and what comes of it."""

from collections.abc import Callable

import numpy as np
import pytest
from fastapi.testclient import TestClient

from maskdistill.data.edits import NO_EDITS, read_edits
from maskdistill.pipeline.apps.view.app import STATIC, make_app
from maskdistill.pipeline.apps.view.guard import TOKEN_HEADER
from maskdistill.pipeline.apps.view.serve import allowed_hosts
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.pipeline.plan import Plan

ADDRESS, TOKEN = "http://127.0.0.1:8123", "secret"
TAG = {"what": "masks", "items": [0], "tag": "excluded"}


@pytest.fixture
def editor(finished_plan: Plan) -> TestClient:
    """A client that holds the token."""
    app = make_app(ViewedRun(finished_plan, edit=True), allowed_hosts("127.0.0.1"), STATIC, TOKEN)
    return TestClient(app, base_url=ADDRESS, headers={TOKEN_HEADER: TOKEN})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TOKEN_HEADER: ""}, 403),
        ({TOKEN_HEADER: "wrong"}, 403),
        ({TOKEN_HEADER: "sécret".encode("latin-1").decode("latin-1")}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"Content-Type": "text/plain"}, 413),
        ({"Content-Length": "3000000"}, 413),
    ],
)
def test_others_may_not_write(editor: TestClient, finished_plan: Plan, headers: dict[str, str], status: int) -> None:
    sent = {name.encode(): value.encode() for name, value in headers.items()}
    assert editor.post("/api/edits/tag", json=TAG, headers=sent).status_code == status
    assert not finished_plan.edits_file.exists()


def test_the_page_itself_may(editor: TestClient, finished_plan: Plan) -> None:
    response = editor.post("/api/edits/tag", json=TAG, headers={"Origin": ADDRESS})
    assert response.status_code == 200
    assert response.json()["masks"] == {"excluded": [0], "flagged": []}
    assert read_edits(finished_plan.edits_file).masks.excluded == {"00.png": ("5 5 10 10 100",)}


def test_without_edit_nobody_may(client: TestClient) -> None:
    assert client.get("/api/edits").json()["may_write"] is False
    for action in ("tag", "name", "merge", "split", "undo"):
        response = client.post(f"/api/edits/{action}", json=TAG, headers={TOKEN_HEADER: TOKEN})
        assert response.status_code == 403
        assert "view --edit" in response.json()["detail"]


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("tag", {**TAG, "items": [11]}, 404),
        ("tag", {**TAG, "items": [-1]}, 404),
        ("tag", {**TAG, "what": "images", "items": [12]}, 404),
        ("tag", {**TAG, "items": []}, 422),
        ("tag", {**TAG, "tag": "gone"}, 422),
        ("tag", {**TAG, "path": "/etc/passwd"}, 422),
        ("name", {"cluster": 3, "name": "dog"}, 404),
        ("name", {"cluster": 0, "name": "a\nb"}, 422),
        ("name", {"cluster": 0, "name": "x" * 81}, 422),
        ("merge", {"clusters": [1]}, 422),
        ("merge", {"clusters": [0, 3]}, 404),
        ("split", {"cluster": 0, "into": 5}, 422),
        ("split", {"cluster": 9}, 404),
    ],
)
def test_what_is_not_there_changes_nothing(
    editor: TestClient, finished_plan: Plan, action: str, body: dict[str, object], status: int
) -> None:
    assert editor.post(f"/api/edits/{action}", json=body).status_code == status
    assert not finished_plan.edits_file.exists()


def test_clusters_change_at_once_and_can_be_undone(editor: TestClient, finished_plan: Plan) -> None:
    before = editor.get("/api/run").json()
    editor.post("/api/edits/merge", json={"clusters": [2, 0]})
    editor.post("/api/edits/name", json={"cluster": 0, "name": "  big   dog "})
    editor.post("/api/edits/split", json={"cluster": 1, "into": 2})
    after = editor.get("/api/run").json()
    assert (after["clusters"], after["names"], after["groups"]) == (4, {"0": "big dog"}, [0, 1, 0, 3])
    assert after["edited"] != before["edited"]
    sizes = [one["size"] for one in editor.get("/api/clusters").json()]
    assert (sizes[0], sizes[2], sizes[1] + sizes[3]) == (7, 0, 4)
    assert editor.post("/api/edits/split", json={"cluster": 2}).status_code == 422
    for _ in range(3):
        undone = editor.post("/api/edits/undo", json={}).json()
    assert undone["undoable"] == 0
    assert read_edits(finished_plan.edits_file) == NO_EDITS
    assert editor.get("/api/run").json() == before


def test_a_tag_replaces_another(editor: TestClient) -> None:
    for tag in ("flagged", "excluded", "none"):
        found = editor.post("/api/edits/tag", json={**TAG, "tag": tag}).json()["masks"]
        assert found == {one: [0] if one == tag else [] for one in ("excluded", "flagged")}


def test_a_file_that_another_program_changed_is_left_alone(editor: TestClient, finished_plan: Plan) -> None:
    editor.post("/api/edits/tag", json=TAG)
    finished_plan.edits_file.write_text("images: {excluded: [00.png]}\n")
    response = editor.post("/api/edits/tag", json={**TAG, "tag": "flagged"})
    assert response.status_code == 422
    assert "changed by another program" in response.json()["detail"]
    assert finished_plan.edits_file.read_text() == "images: {excluded: [00.png]}\n"


def rows(client: TestClient, query: str) -> list[int]:
    return [item["row"] for item in client.get(f"/api/masks?{query}").json()["items"]]


def test_masks_are_listed_by_condition_and_order(editor: TestClient) -> None:
    assert rows(editor, "cluster=1") == [1, 4, 7, 10]
    assert rows(editor, "cluster=1&sort=distance&descending=true") == [10, 7, 4, 1]
    assert rows(editor, "sort=area&per_page=2&page=1") == [2, 3]
    assert rows(editor, "split=val&name=VAL") == [9, 10]
    editor.post("/api/edits/tag", json={**TAG, "items": [3, 4]})
    assert rows(editor, "tag=excluded") == [3, 4]
    assert rows(editor, "tag=none&cluster=1") == [1, 7, 10]
    assert rows(editor, "tag=flagged") == []
    assert editor.get("/api/masks?lasso=0.1&lasso=0.2").status_code == 422


def test_a_lasso_takes_the_points_in_it(editor: TestClient, visit: Callable[..., TestClient]) -> None:
    body = editor.get("/api/map/points").content
    x, y, _ = np.frombuffer(body, "<u2").reshape(3, -1) / 65_535
    left = "&".join(f"lasso={value}" for value in (-0.1, -0.1, 0.5, -0.1, 0.5, 1.1, -0.1, 1.1))
    assert rows(editor, left) == np.flatnonzero(x < 0.5).tolist()
    triangle = "&".join(f"lasso={value}" for value in (-0.1, -0.1, 1.2, -0.1, -0.1, 1.2))
    assert rows(editor, triangle) == np.flatnonzero(x + y < 1.1).tolist()
