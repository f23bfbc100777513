"""Photos, overlays and cut-outs, checked by their pixels."""

import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from maskdistill.pipeline.apps.drawing.cells import fit_size
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.heat import heat_picture
from maskdistill.pipeline.apps.drawing.overlay import mask_layer
from maskdistill.pipeline.apps.view.cache import PictureCache
from maskdistill.pipeline.plan import Plan


def decode(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def fetch(client: TestClient, path: str) -> np.ndarray:
    response = client.get(f"/api/{path}")
    assert response.status_code == 200, response.text
    return decode(response.content)


@pytest.mark.parametrize(("size_hw", "edge", "expected"), [
    ((48, 64), 320, (240, 320)), ((1000, 500), 160, (160, 80)), ((1, 5000), 160, (1, 160)), ((7, 7), 7, (7, 7)),
])  # fmt: skip
def test_pictures_fit_their_long_side(size_hw: tuple[int, int], edge: int, expected: tuple[int, int]) -> None:
    assert fit_size(size_hw, edge) == expected


def test_photos_are_made_smaller_and_never_larger(client: TestClient, tmp_path: Path, finished_plan: Plan) -> None:
    assert fetch(client, "images/0/photo?edge=160").shape == (48, 64, 3)
    Image.new("RGB", (1000, 500), (200, 10, 10)).save(tmp_path / "photos" / "01.png")
    photo = fetch(client, "images/1/photo?edge=160")
    assert photo.shape == (80, 160, 3)
    assert abs(photo[40, 80].astype(int) - (200, 10, 10)).max() < 8


def test_overlays_lie_where_the_masks_are(client: TestClient) -> None:
    """The mined mask of image 0 is rows 5-14, columns 5-14 of 48 x 64; the picture is five times as large."""
    filled = fetch(client, "images/0/overlay/clusters?edge=320")
    assert filled.shape == (240, 320, 4)
    assert tuple(filled[50, 50, :3]) == cluster_colour(0)
    assert tuple(filled[25, 25]) == (*cluster_colour(0), 255)
    assert 0 < filled[50, 50, 3] < 255
    assert tuple(filled[24, 50]) == (0, 0, 0, 0)
    outlined = fetch(client, "images/0/overlay/clusters?edge=320&style=outline")
    assert outlined[50, 50, 3] == 0
    assert outlined[24, 50, 3] == 0
    assert tuple(outlined[25, 50]) == (*cluster_colour(0), 255)


def test_only_matching_masks_are_drawn(client: TestClient) -> None:
    both = fetch(client, "images/1/overlay/candidates?min_score=0.5")
    sure = fetch(client, "images/1/overlay/candidates?min_score=0.9")
    assert tuple(both[175, 175, :3]) == cluster_colour(1)
    assert tuple(sure[175, 175, :3]) == (0, 0, 0)
    assert tuple(sure[50, 50, :3]) == cluster_colour(0)
    nothing = fetch(client, "images/1/overlay/candidates?cluster=99")
    assert not nothing.any()


def test_each_mined_mask_has_a_colour_of_its_own(client: TestClient) -> None:
    assert tuple(fetch(client, "images/1/overlay/masks?edge=320")[50, 50, :3]) == cluster_colour(0)
    assert not fetch(client, "images/1/overlay/masks?edge=320&only=1").any()


def test_one_mask_alone(client: TestClient) -> None:
    alone = fetch(client, "images/1/overlay/candidates?edge=320&only=1")
    assert tuple(alone[175, 175, :3]) == cluster_colour(1)
    assert tuple(alone[50, 50]) == (0, 0, 0, 0)


def test_predictions_are_drawn_from_their_label_map(client: TestClient) -> None:
    picture = fetch(client, "images/1/overlay/predictions?edge=320")
    assert tuple(picture[75, 75, :3]) == cluster_colour(1)
    assert tuple(picture[200, 200, :3]) == (0, 0, 0)


def test_the_outcome_of_a_threshold_is_what_the_filter_leaves(client: TestClient) -> None:
    """At 0.5 both large candidates stay, the stronger one on top; at 0.9 the second is lost: outlined, not filled."""
    both = fetch(client, "images/0/outcome?threshold=0.5&edge=320")
    assert tuple(both[100, 100, :3]) == cluster_colour(0)
    assert tuple(both[175, 175, :3]) == cluster_colour(1)
    one = fetch(client, "images/0/outcome?threshold=0.9&edge=320")
    assert tuple(one[175, 175, :3]) == (0, 0, 0)
    edge = one[199, 130:195]
    assert (edge[:, 0] == 255).any()
    assert (edge[:, 0] == 0).any()


def test_cut_outs_show_the_mask_with_a_margin(client: TestClient) -> None:
    picture = fetch(client, "masks/0/cut?edge=160").astype(int)
    assert max(picture.shape) == 160
    inside = picture[60:100, 60:100].reshape(-1, 3).mean(axis=0)
    assert np.argmax(inside) == np.argmax(cluster_colour(0))
    assert picture[:8].mean() < inside.mean()


def test_heat_grows_with_the_affinity() -> None:
    picture = heat_picture(np.asarray([[0.0, 0.5, 1.0]], dtype=np.float32))
    assert picture[0, 0, 3] < picture[0, 1, 3] < picture[0, 2, 3]
    assert picture[0, 0, :3].sum() < picture[0, 1, :3].sum() < picture[0, 2, :3].sum()


def test_the_affinity_is_computed_with_the_vit(client: TestClient) -> None:
    picture = fetch(client, "images/0/heat?edge=160")
    assert picture.shape == (120, 160, 4)
    assert picture[..., 3].max() > picture[..., 3].min()


def test_the_first_mask_is_on_top() -> None:
    masks = np.ones((2, 40, 40), dtype=bool)
    assert tuple(mask_layer(masks, [2, 5], "fill")[20, 20, :3]) == cluster_colour(2)


def test_a_missing_or_broken_image_is_named(finished_plan: Plan, client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "photos" / "02.png").unlink()
    (tmp_path / "photos" / "06.png").write_text("no image")
    for image, reason in ((2, "there is no such file"), (6, "not an image in a known format")):
        for path in (f"images/{image}/photo", f"masks/{image}/cut"):
            response = client.get(f"/api/{path}")
            assert response.status_code == 404
            assert reason in response.json()["detail"]
        assert fetch(client, f"images/{image}/overlay/masks").any()


def test_browsers_may_keep_versioned_pictures(client: TestClient) -> None:
    first = client.get("/api/images/0/photo?v=1")
    assert first.headers["Cache-Control"] == "private, max-age=86400"
    plain = client.get("/api/images/0/photo")
    assert plain.headers["Cache-Control"] == "no-cache"
    again = client.get("/api/images/0/photo", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_cache_keeps_what_was_used_last() -> None:
    cache = PictureCache(limit=25)
    made: list[str] = []

    def make(name: str) -> bytes:
        made.append(name)
        return bytes(10)

    for name in "abacab":
        cache.get(name, partial(make, name))
    assert made == ["a", "b", "c", "b"]
