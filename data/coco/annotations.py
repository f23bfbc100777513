"""The COCO annotation format: reading it with errors that name the file and the field."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.coco.json_fields import json_field, json_items, read_json_object
from maskdistill.data.coco.segmentation import read_mask
from maskdistill.data.errors import InputError

_KIND = "a COCO annotation file is an object with images, annotations and categories"


@dataclass(frozen=True)
class CocoImage:
    """One entry of `images`: file name below the image folder, and height and width in px."""

    file_name: str
    size_hw: tuple[int, int]


@dataclass(frozen=True)
class CocoInstance:
    """One entry of `annotations`: `segmentation` is polygons or a run-length code, `where` is for messages."""

    category_id: int
    is_crowd: bool
    bbox_xywh: tuple[float, float, float, float]
    segmentation: Any
    where: str


class CocoAnnotations:
    """An annotation file.

    Attributes:
        path: The file.
        images: Image by COCO's image id.
        categories: Name by category id.
    """

    def __init__(self, path: Path) -> None:
        """Read images and categories. Raises InputError where the file or one of these fields is not in order."""
        self.path = path
        content = read_json_object(path, _KIND)
        self.images = {
            json_field(item, "id", int, where): CocoImage(
                json_field(item, "file_name", str, where),
                (json_field(item, "height", int, where), json_field(item, "width", int, where)),
            )
            for where, item in json_items(content, "images", path)
        }
        self.categories = {
            json_field(item, "id", int, where): json_field(item, "name", str, where)
            for where, item in json_items(content, "categories", path)
        }
        if len(self.images) != len(content["images"]) or len(self.categories) != len(content["categories"]):
            raise InputError(f"{path}: an id occurs twice in images or in categories")

    def of_image(self, image_id: int) -> Sequence[CocoInstance]:
        """Annotations of one image, maybe none. Raises InputError where an annotation of the file is not in order."""
        return self._by_image.get(image_id, ())

    @cached_property
    def _by_image(self) -> dict[int, list[CocoInstance]]:
        # Read anew: runs that need no ground truth, which is most, should not hold gigabytes of polygons.
        by_image: dict[int, list[CocoInstance]] = {}
        for where, item in json_items(read_json_object(self.path, _KIND), "annotations", self.path):
            category_id = json_field(item, "category_id", int, where)
            if category_id not in self.categories:
                raise InputError(f"{where}.category_id: {category_id} is not among the file's categories")
            instance = CocoInstance(
                category_id=category_id,
                is_crowd=item.get("iscrowd", 0) == 1,
                bbox_xywh=_bbox(item, where),
                segmentation=json_field(item, "segmentation", (list, dict), where),
                where=where,
            )
            by_image.setdefault(json_field(item, "image_id", int, where), []).append(instance)
        return by_image


def decode_segmentation(item: CocoInstance, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask of an instance as bool (height, width). Raises InputError where its polygons or code are not in order."""
    try:
        return read_mask(item.segmentation, size_hw)
    except ValueError as error:
        raise InputError(f"{item.where}.segmentation: neither polygons nor a run-length code ({error})") from error


def _bbox(item: dict[str, Any], where: str) -> tuple[float, float, float, float]:
    values = json_field(item, "bbox", list, where)
    if len(values) != 4 or not all(isinstance(value, int | float) for value in values):
        raise InputError(f"{where}: field 'bbox' must be four numbers: x, y, width, height")
    return (values[0], values[1], values[2], values[3])
