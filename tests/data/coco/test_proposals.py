"""Masks out of COCO files that other programs wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from maskdistill.data.coco.proposals import CocoMasks, read_coco
from maskdistill.data.errors import InputError
from maskdistill.data.sources.frames import Header
from maskdistill.data.stores.masks import MaskStore
from maskdistill.data.tally import Tally

Sizes = dict[str, tuple[int, int]]


def foreign() -> dict[str, Any]:
    mask = np.zeros((10, 12), dtype=np.uint8, order="F")
    mask[2:5, 3:6] = 1
    code = {"size": [10, 12], "counts": coco_mask.encode(mask)["counts"].decode()}
    return {
        "info": {"description": "proposals of another program"},
        "images": [{"id": 7, "file_name": "x.jpg", "height": 10, "width": 12}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18, "segmentation": code, "score": 0.5},
            {"id": 2, "image_id": 7, "category_id": 18, "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]], "iscrowd": 0},
            {"id": 3, "image_id": 7, "category_id": 18, "segmentation": {"size": [10, 12], "counts": [0, 120]},
             "iscrowd": 1},
            {"id": 4, "image_id": 7, "segmentation": {"size": [10, 12], "counts": [120]}},
        ],
        "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}],
    }  # fmt: skip


def read(tmp_path: Path, content: Any) -> tuple[MaskStore, Sizes]:
    (tmp_path / "coco.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return read_coco(tmp_path / "coco.json")


def test_foreign_masks_keep_scores_but_neither_classes_nor_crowds_nor_empty_masks(tmp_path: Path) -> None:
    store, sizes = read(tmp_path, foreign())
    assert store.image_ids == ("x.jpg",)
    assert sizes == {"x.jpg": (10, 12)}
    assert store.area.tolist() == [9, 16]
    assert store.score.tolist() == [0.5, 1.0]
    assert store.cluster.tolist() == [-1, -1]


def _of_annotation(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["annotations"][0].update(fields)


def _of_image(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["images"][0].update(fields)


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no images": (lambda content: content.pop("images"), "'images' is missing"),
    "no annotations": (lambda content: content.pop("annotations"), "'annotations' is missing"),
    "the same name twice": (
        lambda content: content["images"].append({**content["images"][0], "id": 8}),
        "'x.jpg' occurs twice",
    ),
    "no size at all": (
        lambda content: [
            content["images"][0].pop("height"),
            content["annotations"].pop(3),
            content["annotations"].pop(2),
            content["annotations"].pop(0),
        ],
        "needs height and width",
    ),
    "a size beyond memory": (_of_image(height=20_000, width=20_000), "no size of an image"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_files_that_are_not_in_order_are_refused(
    tmp_path: Path, damage: Callable[[dict[str, Any]], Any], message: str
) -> None:
    content = foreign()
    damage(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "damage",
    [
        _of_annotation(image_id=9),
        _of_annotation(image_id=[7]),
        _of_annotation(score="high"),
        _of_annotation(score=1e300),
        _of_annotation(score=10**400),
        _of_annotation(segmentation={"size": [12, 10], "counts": [120]}),
        lambda content: content["annotations"][0].pop("segmentation"),
    ],
)
def test_one_bad_entry_is_not_the_end(tmp_path: Path, damage: Callable[[dict[str, Any]], Any]) -> None:
    content = foreign()
    damage(content)
    store, _ = read(tmp_path, content)
    assert store.area.tolist() == [16]


def test_results_take_their_images_from_another_file(tmp_path: Path) -> None:
    content = foreign()
    (tmp_path / "results.json").write_text(json.dumps(content.pop("annotations")))
    (tmp_path / "images.json").write_text(json.dumps(content))
    file = CocoMasks(tmp_path / "results.json", tmp_path / "images.json")
    assert [image.file_name for image in file.images.values()] == ["x.jpg"]
    assert len(file.masks_of(7, Header((10, 12)), Tally()).rles) == 2
    alone = CocoMasks(tmp_path / "results.json")
    assert [image.file_name for image in alone.images.values()] == ["7"]


@pytest.mark.parametrize("wrap", ["results", "annotations"])
def test_results_may_lie_in_an_object(tmp_path: Path, wrap: str) -> None:
    content = foreign()
    (tmp_path / "results.json").write_text(json.dumps({wrap: content.pop("annotations")}))
    (tmp_path / "images.json").write_text(json.dumps(content))
    assert list(CocoMasks(tmp_path / "results.json", tmp_path / "images.json").images) == [7]
    with pytest.raises(InputError, match=r"results\.json: field 'images' is missing; give a COCO annotation file"):
        CocoMasks(tmp_path / "results.json")


def test_one_file_of_sam_that_cannot_be_read_is_not_the_end(tmp_path: Path) -> None:
    masks = [{"segmentation": foreign()["annotations"][0]["segmentation"]}]
    for name, text in {"a": json.dumps(masks), "deep/b": json.dumps(masks), "c": "{"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.json").write_text(text)
    file = CocoMasks(tmp_path)
    assert [image.file_name for image in file.images.values()] == ["a", "deep/b"]
    assert "1 files that cannot be read" in str(file.file.left_out)
    assert "c.json: not valid JSON" in str(file.file.left_out)


@pytest.mark.parametrize("kind", ["list", "SA-1B"])
def test_masks_of_sam_are_a_file_for_each_image(tmp_path: Path, kind: str) -> None:
    masks = [{"segmentation": item["segmentation"], "predicted_iou": 0.75} for item in foreign()["annotations"][:2]]
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("a", "b"):
        image = {"image": {"file_name": f"{name}.jpg", "height": 10, "width": 12}, "annotations": masks}
        (folder / f"{name}.json").write_text(json.dumps(masks if kind == "list" else image))
    (folder / "._a.json").write_text("of another system")
    file = CocoMasks(folder)
    names = [image.file_name for image in file.images.values()]
    assert names == (["a", "b"] if kind == "list" else ["a.jpg", "b.jpg"])
    found = file.masks_of("b", Header((10, 12)), Tally())
    assert (len(found.rles), found.scores.tolist()) == (2, [0.75, 0.75])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"no \.json files in this folder"),
        ({"a.json": '{"images": [], "annotations": []}'}, r"a\.json: not the masks of one image; name a single"),
        ({"a.json": "7"}, r"a\.json: not the masks of one image"),
        ({"a.json": "{"}, r"a\.json: not valid JSON"),
    ],
)
def test_folders_that_hold_something_else_are_named(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        CocoMasks(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc", "a pointer of Git LFS, not the annotations"),
        (b"<!DOCTYPE html><html>404</html>", "a web page, not annotations"),
        (b"\x1f\x8b\x08\0", "compressed with gzip; unpack it"),
        (b"PK\3\4", "a ZIP archive, not annotations; unpack it"),
        (b"", "the file is empty"),
        ('{"images": "é"'.encode("latin-1"), "export it anew, in UTF-8"),
    ],
)
def test_another_file_is_called_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "coco.json").write_bytes(content)
    with pytest.raises(InputError, match=r"coco\.json: ") as caught:
        read_coco(tmp_path / "coco.json")
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[]", "7", '{"images": NaN', ""])
def test_what_is_no_coco_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"coco\.json"):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.json: the file cannot be read"):
        read_coco(tmp_path / "nowhere.json")
