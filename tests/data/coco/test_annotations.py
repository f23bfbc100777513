"""The one reader of annotation files: what ground truth and imported proposals accept and refuse alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.coco_files import Content, box, code_of, open_coco, train_content, write_coco_set
from maskdistill.data.coco.annotations import AnnotationFile
from maskdistill.data.coco.proposals import read_coco
from maskdistill.data.errors import InputError

Change = Callable[[Content], Any]


def write(path: Path, content: Content) -> Path:
    path.write_text(json.dumps(content))
    return path


def each(place: str, **fields: object) -> Change:
    """Set fields of every entry of a list; None stays null."""

    def change(content: Content) -> None:
        for entry in content[place]:
            entry.update(fields)

    return change


def without(place: str, *names: str) -> Change:
    """Remove fields of every entry of a list."""

    def change(content: Content) -> None:
        for entry in content[place]:
            for name in names:
                entry.pop(name, None)

    return change


def renamed(content: Content) -> None:
    """Give every image another kind of id."""
    for entry in content["images"]:
        entry["id"] = f"im-{entry['id']}"
    for entry in content["annotations"]:
        entry["image_id"] = f"im-{entry['image_id']}"


ACCEPTED: dict[str, Change] = {
    "as COCO's authors write it": lambda content: None,
    "boxes left out": without("annotations", "bbox"),
    "boxes are null": each("annotations", bbox=None),
    "crowds left out": lambda content: content["annotations"][0].pop("iscrowd"),
    "crowd is true": lambda content: content["annotations"][2].update(iscrowd=True),
    "crowd is text": lambda content: content["annotations"][2].update(iscrowd="1"),
    "sizes are fractions": each("images", height=10.0, width=12.0),
    "ids are fractions": lambda content: content["annotations"][0].update(image_id=7.0, category_id=18.0),
    "ids are text": renamed,
    "scores": each("annotations", score=0.5),
    "scores are null": each("annotations", score=None),
    "supercategories are null": each("categories", supercategory=None),
    "further fields": each("annotations", attributes={"occluded": False}, id="x"),
    "an annotation without category": lambda content: content["annotations"][2].update(category_id=None),
}
REFUSED: dict[str, tuple[Change, str]] = {
    "no images": (lambda content: content.pop("images"), "field 'images' is missing"),
    "no annotations": (lambda content: content.pop("annotations"), "field 'annotations' is missing"),
    "categories are names": (
        lambda content: content.update(categories=["person"]),
        r"categories\[0\] must be an object",
    ),
    "a category twice": (
        lambda content: content["categories"].append({"id": 1, "name": "woman"}),
        r"categories\[3\]: the id 1 occurs twice in categories",
    ),
    "an image twice": (
        lambda content: content["images"].append(content["images"][0]),
        r"images\[2\]: the id 7 occurs twice in images",
    ),
    "an id is true": (each("images", id=True), r"images\[0\]: field 'id' is bool True, it must be int or str"),
    "a file name is a number": (each("images", file_name=7), r"field 'file_name' is int 7, it must be str"),
    "half a character": (each("images", file_name="\ud800"), "field 'file_name' .* valid Unicode"),
    "half a character in a name": (
        each("annotations", **{"\ud800": 1}),
        "name of a field is not valid Unicode",
    ),
    "half a size": (without("images", "width"), r"images\[0\]: field 'width' is missing, it must be int"),
    "half a pixel": (each("images", height=10.5), r"field 'height' is float 10\.5, it must be int"),
    "no size of an image": (each("images", height=0), "12 x 0 px is no size of an image"),
    "a size beyond codes": (each("images", height=10**9, width=10**9), "no size of an image"),
    "an annotation of no image": (
        lambda content: content["annotations"][1].update(image_id="7"),
        r"annotations\[1\]\.image_id: '7' is not among the file's images; add the image, or remove",
    ),
    "three numbers for a box": (
        each("annotations", bbox=[0, 1, 2]),
        r"annotations\[0\]: field 'bbox' is list \[0, 1, 2\], it must be four numbers: x, y, width, height",
    ),
    "neither crowd nor not": (each("annotations", iscrowd=2), "field 'iscrowd' is int 2, it must be 0 or 1"),
    "a score of nan": (each("annotations", score=float("nan")), "field 'score' is float nan, it must be a finite"),
    "a score is text": (each("annotations", score="0.9"), "field 'score' is str '0.9', it must be a finite number"),
    "no outline": (without("annotations", "segmentation"), r"annotations\[0\]: field 'segmentation' is missing"),
    "an outline is text": (each("annotations", segmentation="x"), "field 'segmentation' is str 'x'"),
    "a code of another size": (
        each("annotations", segmentation=code_of(np.ones((20, 20), dtype=bool))),
        r"annotations\[0\]\.segmentation, image 000007\.jpg: its size is \[20, 20\]",
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_coco_set(tmp_path)


def annotations_of(root: Path) -> Path:
    return root / "annotations" / "instances_train2017.json"


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_both_accept_the_same_files(root: Path, change: Change) -> None:
    content = train_content()
    change(content)
    write(annotations_of(root), content)
    store, sizes = read_coco(annotations_of(root))
    assert sizes == {"000007.jpg": (10, 12), "000003.jpg": (10, 12)}
    assert store.area.tolist() == [9, 48]
    source = open_coco(root, annotations_val=None)
    labels, boxes = source.read_labels(1), source.read_boxes(1)
    assert labels is not None
    assert np.bincount(labels.ravel(), minlength=256)[[1, 2, 255]].tolist() == [39, 9, 40]
    assert boxes is not None
    assert boxes.tolist() == [[3, 2, 6, 5], [1, 1, 9, 7]]


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_both_refuse_the_same_files_in_the_same_words(root: Path, change: Change, message: str) -> None:
    content = train_content()
    change(content)
    write(annotations_of(root), content)
    with pytest.raises(InputError, match=message) as refused:
        read_coco(annotations_of(root))
    assert str(refused.value).startswith(str(annotations_of(root)))
    with pytest.raises(InputError) as caught:
        open_coco(root, annotations_val=None).read_labels(1)
    assert str(caught.value) == str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_unicode_encoding_of_json_is_read(tmp_path: Path, encoding: str) -> None:
    content = {"images": [{"id": 1, "file_name": "größe.jpg"}], "annotations": []}
    path = tmp_path / "x.json"
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    file = AnnotationFile(path, keep_annotations=True)
    assert [image.file_name for image in file.images.values()] == ["größe.jpg"]
    assert (file.categories, file.of_image(1)) == ({}, ())


def test_annotations_are_kept_or_read_when_they_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", train_content())
    kept, later = (AnnotationFile(path, keep_annotations=keep) for keep in (True, False))
    content = train_content()
    content["annotations"] = [box(7, 1, 0, 0, 2, 2)]
    write(path, content)
    assert [item.bbox for item in kept.of_image(7)] == [(3, 2, 3, 3), (1, 1, 8, 6), (0, 0, 1, 1)]
    assert [item.bbox for item in later.of_image(7)] == [(0, 0, 2, 2)]
    write(path, train_content())
    assert len(later.of_image(7)) == 1  # read once


def test_a_crowd_needs_no_outline_where_it_is_left_out(tmp_path: Path) -> None:
    content = train_content()
    del content["annotations"][2]["segmentation"]
    store, _ = read_coco(write(tmp_path / "x.json", content))
    assert len(store) == 2
