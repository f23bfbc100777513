"""What programs do to COCO annotation files: changes that are read alike, and entries that are left out."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.coco_files import Content, box, code_of

Change = Callable[[Content], Any]


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


def square(*, relative: bool = False) -> list[float]:
    """The outline of the dog, which is a box of 3 x 3 px."""
    corners = [3.0, 2, 6, 2, 6, 5, 3, 5]
    return [value / (12, 10)[k % 2] for k, value in enumerate(corners)] if relative else corners


def dog_is(segmentation: object) -> Change:
    return lambda content: content["annotations"][0].update(segmentation=segmentation)


def dog() -> NDArray[np.bool_]:
    mask = np.zeros((10, 12), dtype=bool)
    mask[2:5, 3:6] = True
    return mask


def all_relative(content: Content) -> None:
    """Outlines as fractions of width and height; the crowd, which is a code, stays."""
    content["annotations"][0]["segmentation"] = [square(relative=True)]
    content["annotations"][1]["segmentation"] = [[x / 12 if k % 2 == 0 else x / 10 for k, x in enumerate(
        content["annotations"][1]["segmentation"][0])]]  # fmt: skip


ACCEPTED: dict[str, Change] = {
    "as COCO's authors write it": lambda content: None,
    "boxes left out": without("annotations", "bbox"),
    "boxes are null": each("annotations", bbox=None),
    "crowds left out": lambda content: content["annotations"][0].pop("iscrowd"),
    "crowd is true": lambda content: content["annotations"][2].update(iscrowd=True),
    "crowd is text": lambda content: content["annotations"][2].update(iscrowd="1"),
    "sizes are fractions": each("images", height=10.0, width=12.0),
    "sizes are text": each("images", height="10", width="12"),
    "sizes are left out": without("images", "height", "width"),
    "sizes are null": each("images", height=None, width=None),
    "sizes are 0": each("images", height=0, width=0),
    "half a size": without("images", "width"),
    "ids are fractions": lambda content: content["annotations"][0].update(image_id=7.0, category_id=18.0),
    "ids are text": renamed,
    "some ids are text": each("annotations", image_id="7"),
    "ids of categories are text": lambda content: [one.update(id=str(one["id"])) for one in content["categories"]],
    "scores": each("annotations", score=0.5),
    "scores are text": each("annotations", score="0.5"),
    "scores are null": each("annotations", score=None),
    "supercategories are null": each("categories", supercategory=None),
    "further fields": each("annotations", attributes={"occluded": False}, id="x"),
    "an annotation without category": lambda content: content["annotations"].append(
        box(7, 1, 0, 0, 2, 2) | {"category_id": None, "segmentation": []}
    ),
    "an outline that is no list of outlines": dog_is(square()),
    "an outline as text": dog_is(json.dumps([square()])),
    "a code": dog_is(code_of(dog())),
    "a code in a list": dog_is([code_of(dog())]),
    "a code as text": dog_is(json.dumps(code_of(dog()))),
    "a code as Python prints bytes": dog_is({"size": [10, 12], "counts": str(code_of(dog())["counts"].encode())}),
    "outlines as fractions": all_relative,
    "a name in another field": lambda content: [one.update(path=one.pop("file_name")) for one in content["images"]],
}
LEFT_OUT: dict[str, tuple[Change, str]] = {
    "an image that is no object": (lambda content: content["images"].append(5), "images[2] must be an object"),
    "an image without a name": (
        lambda content: content["images"].append({"id": 8}),
        "images[2]: field 'file_name' is missing, it must be str of valid Unicode",
    ),
    "an image id twice": (
        lambda content: content["images"].append(content["images"][0]),
        "images[2]: the id 7 occurs twice in images",
    ),
    "an image id that is true": (
        lambda content: content["images"].append({"id": True, "file_name": "x.jpg"}),
        "images[2]: field 'id' is bool True, it must be int or str",
    ),
    "half a character": (
        lambda content: content["images"].append({"id": 8, "file_name": "\ud800"}),
        "valid Unicode",
    ),
    "half a pixel": (
        lambda content: content["images"].append({"id": 8, "file_name": "x.jpg", "height": 10.5, "width": 3}),
        "images[2]: field 'height' is float 10.5, it must be int",
    ),
    "a size beyond codes": (
        lambda content: content["images"].append({"id": 8, "file_name": "x.jpg", "height": 10**9, "width": 10**9}),
        "no size of an image",
    ),
    "a category that is a name": (lambda content: content["categories"].append("cat"), "categories[3] must be"),
    "a category twice": (
        lambda content: content["categories"].append({"id": 1, "name": "woman"}),
        "categories[3]: the id 1 occurs twice in categories",
    ),
    "an annotation that is no object": (lambda content: content["annotations"].append(1), "annotations[3] must be"),
    "an annotation of no image": (
        lambda content: content["annotations"].append(box(1234, 1, 0, 0, 3, 3)),
        "1 of no image of the file (image_id 1234)",
    ),
    "a name of a field": (
        lambda content: content["annotations"].append(box(7, 1, 0, 0, 3, 3) | {"\ud800": 1}),
        "name of a field is not valid Unicode",
    ),
    "three numbers for a box": (
        lambda content: content["annotations"].append(box(7, 1, 0, 0, 3, 3) | {"bbox": [0, 1, 2]}),
        "annotations[3]: field 'bbox' is list [0, 1, 2], it must be four numbers: x, y, width, height",
    ),
    "neither crowd nor not": (
        lambda content: content["annotations"].append(box(7, 1, 0, 0, 3, 3) | {"iscrowd": 2}),
        "annotations[3]: field 'iscrowd' is int 2, it must be 0 or 1",
    ),
    "a score of nan": (
        lambda content: content["annotations"].append(box(7, 1, 0, 0, 3, 3) | {"score": float("nan")}),
        "annotations[3]: field 'score' is float nan, it must be a finite number",
    ),
    "a score that is a word": (
        lambda content: content["annotations"].append(box(7, 1, 0, 0, 3, 3) | {"score": "high"}),
        "annotations[3]: field 'score' is str 'high', it must be a finite number",
    ),
    "no outline": (
        lambda content: content["annotations"].append(box(7, 1, 0, 0, 3, 3) | {"segmentation": None}),
        "1 without an outline, a box at most (000007.jpg)",
    ),
    "an outline that is a word": (
        lambda content: content["annotations"].append(box(7, 1, 0, 0, 3, 3) | {"segmentation": "x"}),
        "annotations[3].segmentation, image 000007.jpg: a text that holds neither",
    ),
    "an odd number of coordinates": (
        lambda content: content["annotations"].append(
            box(7, 1, 0, 0, 3, 3) | {"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}
        ),
        "annotations[3].segmentation, image 000007.jpg: a polygon is a list of finite numbers",
    ),
    "a code of another size": (
        lambda content: content["annotations"].append(
            box(7, 1, 0, 0, 3, 3) | {"segmentation": code_of(np.ones((20, 20), dtype=bool))}
        ),
        "annotations[3].segmentation, image 000007.jpg: its size is [20, 20]",
    ),
}
