"""Nothing but the run's own images and masks can be read through the page, and only under its own name."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from maskdistill.data.catalog import MINED
from maskdistill.pipeline.apps.view.app import STATIC
from maskdistill.pipeline.apps.view.serve import allowed_hosts
from maskdistill.pipeline.plan import Plan

Visit = Callable[..., TestClient]
SECRET = "not to be read"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    return path


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/..%5capp.py",
        "/static/pages/../../app.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/pages",
        "//etc/passwd",
        "/etc/passwd",
        "/api/images/../../secret.txt/photo",
        "/api/images/%2e%2e%2fsecret.txt/photo",
        "/api/images/%2fetc%2fpasswd/photo",
        "/api/images/00.png/photo",
        "/api/images/-1/photo",
        "/api/images/12/photo",
        "/api/images/0/overlay/..%2f..%2fmanifest.json",
        "/api/layers/..%2fmine",
        "/api/masks/-1/cut",
        "/api/masks/11/cut",
        "/api/images/0/photo?edge=100000",
        "/api/images?per_page=1000000",
        "/api/images?layer=/etc/passwd",
        "/docs",
        "/openapi.json",
    ],
)
def test_paths_that_lead_elsewhere_are_refused(client: TestClient, path: str) -> None:
    # Sent as it is: the client itself would resolve the dots.
    request = client.build_request("GET", "http://127.0.0.1:8123/")
    request.url = request.url.copy_with(raw_path=path.encode())
    response = client.send(request)
    assert 400 <= response.status_code < 500, response.text
    assert "root:" not in response.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8123", "192.168.0.7", ""])
def test_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/api/run", "/static/main.js", "/api/images/0/photo"):
        assert client.get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8123", "localhost:5", "LOCALHOST", "[::1]:8123"])
def test_local_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/run", headers={"Host": host}).status_code == 200


def test_bound_to_every_address_the_machine_s_own_names_are_answered() -> None:
    names = allowed_hosts("0.0.0.0")
    assert {socket.gethostname(), "localhost", "127.0.0.1"} <= set(names)
    assert "*" not in names
    assert "evil.example" not in names


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_only_reads(client: TestClient, method: str) -> None:
    for path in ("/", "/api/run", "/api/images", "/api/images/0/photo"):
        assert client.request(method, path).status_code == 405


def test_every_answer_is_guarded(client: TestClient) -> None:
    for path in ("/", "/api/run", "/static/main.js", "/api/images/0/photo", "/api/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_an_image_that_is_a_link_out_of_its_folder_is_refused(
    finished_plan: Plan, visit: Visit, secret: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.png"
    (tmp_path / "photos" / "03.png").rename(outside)
    (tmp_path / "photos" / "03.png").symlink_to(outside)
    (tmp_path / "photos" / "04.png").unlink()
    (tmp_path / "photos" / "04.png").symlink_to(tmp_path / "photos" / "05.png")
    client = visit(finished_plan)
    for path in ("/api/images/3/photo", "/api/masks/3/cut"):
        response = client.get(path)
        assert response.status_code == 403
        assert "--follow-links" in response.json()["detail"]
    assert client.get("/api/images/4/photo").status_code == 200
    assert visit(finished_plan.varied("data.first=5")).get("/api/images/3/photo").status_code == 403
    assert visit(finished_plan, follow_links=True).get("/api/images/3/photo").status_code == 200


@pytest.mark.parametrize("linked", [MINED.file, f"{MINED.file}/score/c/0", "."])
def test_an_artifact_that_is_a_link_out_of_its_folder_is_refused(
    finished_plan: Plan, visit: Visit, tmp_path: Path, linked: str
) -> None:
    path = finished_plan.path("mine") / linked
    path = Path(os.path.normpath(path))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    for address in ("/api/layers/masks", "/api/images/0/overlay/masks"):
        response = visit(finished_plan).get(address)
        assert response.status_code == 403
        assert SECRET not in response.text
    assert visit(finished_plan, follow_links=True).get("/api/layers/masks").status_code == 200


def test_a_link_among_the_static_files_is_refused(
    finished_plan: Plan, visit: Visit, secret: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "own.txt").write_text("fine")
    (folder / "link.txt").symlink_to(secret)
    client = visit(finished_plan, static=folder)
    assert client.get("/static/own.txt").text == "fine"
    assert client.get("/static/link.txt").status_code == 404


def test_static_files_load_nothing_from_elsewhere() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".html", ".css"):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text, path
            assert "https://" not in text, path
            assert "innerHTML" not in text, path
            assert "eval(" not in text, path
