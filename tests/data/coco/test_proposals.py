"""Masks out of COCO files that other programs wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from maskdistill.data.coco.proposals import read_coco
from maskdistill.data.errors import InputError
from maskdistill.data.stores.masks import MaskStore

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
    "images is no list": (lambda content: content.update(images={}), "'images' is dict"),
    "an image is no object": (lambda content: content.update(images=[3]), r"images\[0\] must be an object"),
    "the same id twice": (lambda content: content["images"].append(content["images"][0]), "the id 7 occurs twice"),
    "the same name twice": (
        lambda content: content["images"].append({**content["images"][0], "id": 8}),
        "'x.jpg' occurs twice",
    ),
    "no file name": (lambda content: content["images"][0].pop("file_name"), "'file_name' is missing"),
    "lone surrogate": (_of_image(file_name="\ud800"), "must be str of valid Unicode"),
    "no width": (lambda content: content["images"][0].pop("width"), "'width' is missing"),
    "no size at all": (
        lambda content: [content["images"][0].pop(name) for name in ("height", "width")],
        "needs height and width",
    ),
    "a size beyond memory": (_of_image(height=10**9, width=10**9), "no size of an image"),
    "a negative size": (_of_image(height=-10), "no size of an image"),
    "annotation of no image": (_of_annotation(image_id=9), "9 is not among the file's images"),
    "image id is a list": (_of_annotation(image_id=[7]), "'image_id' is list"),
    "score is text": (_of_annotation(score="high"), "'score' is str"),
    "score beyond float32": (_of_annotation(score=1e300), "finite number"),
    "score beyond floats": (_of_annotation(score=10**400), "finite number"),
    "code of another size": (
        _of_annotation(segmentation={"size": [12, 10], "counts": [120]}),
        r"annotations\[0\]\.segmentation, image x\.jpg: its size is \[12, 10\]",
    ),
    "no segmentation": (lambda content: content["annotations"][0].pop("segmentation"), "'segmentation' is missing"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_files_that_are_not_in_order_are_refused(
    tmp_path: Path, damage: Callable[[dict[str, Any]], Any], message: str
) -> None:
    content = foreign()
    damage(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[]", "7", '{"images": NaN', ""])
def test_what_is_no_coco_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"coco\.json"):
        read(tmp_path, text)


def test_nan_scores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="finite"):
        read(tmp_path, json.dumps(foreign()).replace('"score": 0.5', '"score": NaN'))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.json: the file cannot be read"):
        read_coco(tmp_path / "nowhere.json")
